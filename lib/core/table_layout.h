// The form of /run/aptkeep/table, in which the hook tells the small programs what rules say about
// services in this run. Plain data, since those have only libc (table/reader.h).
//
// The file is: Header, Package[packages], Unit[units], the offsets of Together's units, strings,
// NULs up to a multiple of eight. All numbers are the machine's own: it is never read on another.
// Each string ends with a NUL and is named by its offset in the strings.
//
// What is reserved is 0 and has to be: whoever gives it a meaning gives the form a new version, so
// that a program of an earlier aptkeep finds no table where it would not understand it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace aptkeep::table {

inline constexpr char kFileName[] = "table";  // in paths::kRunDir
inline constexpr char kMagic[8] = {'a', 'p', 't', 'k', 'e', 'e', 'p', 'T'};
inline constexpr std::uint32_t kVersion = 5;
// Far more than rules for all of Debian's packages would take.
inline constexpr std::size_t kMostBytes = 16u << 20;

struct Header {
  char magic[8];
  std::uint64_t checksum;  // of all that follows it
  std::uint32_t version;
  std::uint32_t flags;
  std::uint64_t bytes;  // of the whole file
  // The frontend whose run this is (Frontend in state/store.h).
  std::int64_t pid;
  std::uint64_t start_time;
  char boot[40];              // NULs up to its end
  std::uint32_t native_arch;  // a string
  std::uint32_t packages;
  std::uint32_t units;
  std::uint32_t together;
  std::uint32_t string_bytes;
  std::uint32_t more[5];  // reserved
};

// Of Header: the frontend makes a plan after the other, as unattended-upgrades does, and what waits
// is done when it has ended. So a service of a package whose turn is yet to come may wait as well.
inline constexpr std::uint32_t kManyPlans = 1;

// ServiceClass and SocketMode of core/rule.h; None: no rule says it.
enum class Class : std::uint8_t { None, Stop, Early, End, Never, Stock };
enum class Sockets : std::uint8_t { None, Quiesce, Park, Leave };

enum class Kind : std::uint8_t {
  Exact,  // one unit
  Glob,   // those whose name fits a pattern, such as "postfix@*.service"
  Every,  // all units of the package; has no pattern
  // No word of rules, so without class and sockets: one unit of the package that ran, or was to
  // run, when the run began.
  Ran,
  // Neither: one that was there and did not run, of a package that was whole: a person has stopped
  // it.
  Rested,
};

// Sorted by name, no two of one name.
struct Package {
  std::uint32_t name;        // "postfix:amd64"
  std::uint32_t first_unit;  // its own are beside each other, in the order of Kind
  std::uint32_t units;
  std::uint32_t first_together;
  std::uint32_t together;  // in the order in which they stop
  std::uint32_t flags;
  std::uint32_t reserved[2];
};

// Other packages of the run depend on it: their scripts may need its services.
inline constexpr std::uint32_t kNeeded = 1;
// A rule says how to check its configuration: `driver config-refused UNIT` does.
inline constexpr std::uint32_t kChecks = 2;
inline constexpr int kConfigRefused = 3;  // its exit status then

struct Unit {
  std::uint32_t pattern;  // its name, or a pattern of names
  Kind kind;
  Class service_class;
  Sockets sockets;
  std::uint8_t reserved;
  std::uint32_t more[4];  // reserved
};

static_assert(sizeof(Header) == 128 && sizeof(Package) == 32 && sizeof(Unit) == 24);

// Of whole words of eight bytes. Each step can be undone, so that a change in a single word always
// changes the sum.
inline std::uint64_t checksum_of(const char* bytes, std::size_t size) {
  std::uint64_t sum = 0xcbf29ce484222325u ^ size;
  for (std::size_t at = 0; at + sizeof sum <= size; at += sizeof sum) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes + at, sizeof word);
    sum = (sum ^ word) * 0x9e3779b97f4a7c15u;
    sum ^= sum >> 32;
  }
  return sum;
}

// What the checksum does not cover: the magic, which is compared, and itself.
inline constexpr std::size_t kSummedFrom = offsetof(Header, version);

}  // namespace aptkeep::table
