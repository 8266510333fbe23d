// A qmail queue, and how it is mended: qmail's INTERNALS promises "If mess/457 exists, it has inode
// number 457", and finds a message's other files by that number. A queue that was copied or
// restored breaks that. Pure: a listing in, findings and ordered actions out. Messages are only
// ever renamed.
//
// The actions are in an order in which the process may be killed between any two: what is planned
// for the tree that is there then ends at the very same tree. What must be remembered for that is
// in temporary names, which qmail passes over because they are no numbers. It is there in names
// alone, since a queue may be copied when it is half mended, and has other inode numbers then: a
// mess file says by its name at any time which names its other files have (Name, below). And from
// the first rename to the last lock/sendmutex is away, so that no qmail-send begins to work on half
// a message (it deletes a mess file without an envelope after 36 hours, and whatever has the number
// of a new mail). Where a message is half renamed and cannot be brought to its end, the lock stays
// away.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace aptkeep::qmail {

// Its folders, in the order in which a message's files are renamed.
enum class Part : std::uint8_t { Remote, Local, Info, Todo, Intd, Bounce, Mess, Pid, Lock };
inline constexpr Part kEnvelope[] = {Part::Remote, Part::Local, Part::Info};  // info last
inline constexpr Part kSplit[] = {Part::Mess, Part::Info, Part::Local, Part::Remote};

const char* to_string(Part part);

enum class Kind : std::uint8_t { Regular, Folder, Fifo, Other };

inline constexpr int kNoFolder = -1;  // directly in the part's folder

struct Place {
  Part part = Part::Mess;
  int folder = kNoFolder;  // of the split
  std::string name;

  auto operator<=>(const Place&) const = default;
};

// "mess/10/457", relative to the queue.
std::string path_of(const Place& place);

struct Owner {
  std::uint32_t user = 0;
  std::uint32_t group = 0;
  std::uint32_t mode = 0;  // permission bits, with setuid and the like

  bool operator==(const Owner&) const = default;
};

struct File {
  Place place;
  Kind kind = Kind::Regular;
  std::uint64_t inode = 0;
  std::uint64_t links = 1;
  std::uint64_t size = 0;  // bytes
  Owner owner;
  std::int64_t modified = 0;  // seconds since 1970
};

struct Folder {
  std::string path;  // "" (the queue itself), "mess", "mess/10"
  Owner owner;
  std::uint64_t inode = 0;
};

// All on one file system. What is no file of a part's own or of one of its numbered folders is not
// listed.
struct Tree {
  std::vector<Folder> folders;
  std::vector<File> files;  // also folders, fifos, symlinks where files are expected
};

// The numeric ids that the queue's files are to have; nullopt: owners are not looked at.
struct Ids {
  std::uint32_t qmailq = 0, qmails = 0, qmailr = 0, qmail_group = 0;
};

struct Request {
  unsigned split = 0;  // qmail's conf-split
  std::optional<Ids> ids;
};

enum class What : std::uint8_t {
  Number,       // a message's name is not its inode number
  WrongFolder,  // nor does it lie in the folder for it
  Leftover,     // a temporary name, of ours or of queue-fix
  Apart,        // a message's envelope, or a part of it, lies in another folder than the message
  InTheWay,     // of no message, and named like one that comes: set aside
  Owner,
  Mode,
  Missing,       // a folder or lock file
  CutOff,        // lock/sendmutex is away: mending was begun and not finished
  TwoNames,      // one message under two names
  Blocked,       // its place is taken by what cannot be moved
  Hidden,        // it has names outside of the queue
  Unclear,       // it may be of more than one message: these are left alone
  LostEnvelope,  // a message has none, and not because qmail had not made it yet
  // For information: nothing that qmail stumbles over.
  Stray,       // of no message
  NoEnvelope,  // qmail-send deletes it when it is 36 hours old
  OtherSplit,  // a folder that is missing from an empty queue of another split
  Unknown,     // no file of qmail's
};
const char* to_string(What what);

struct Finding {
  What what = What::Unknown;
  std::string path;
  std::string text;     // a sentence for a person, that follows the path
  bool mended = false;  // by the actions

  bool is_note() const { return what >= What::Stray; }
};

struct Action {
  enum class Do : std::uint8_t {
    MakeFolder,
    Rename,    // never over anything, unless `replace`
    SetOwner,  // of a file or folder: owner and mode
    MakeFile,  // of `size` zero bytes
    MakeFifo,
    Sync,  // all before is on disk before anything after
  };
  Do what = Do::Sync;
  std::string path;
  std::string to;           // Rename
  std::uint64_t inode = 0;  // what must be there under `path`; 0: anything
  std::uint64_t size = 0;   // MakeFile, bytes
  Owner owner;              // SetOwner, MakeFolder, MakeFile, MakeFifo
  bool set_ids = true;      // false: only the mode
  bool replace = false;     // of the lock only
  bool folder = false;      // SetOwner: of a folder
};

struct Renumbered {
  std::uint64_t before = 0;
  std::uint64_t now = 0;

  bool operator==(const Renumbered&) const = default;
};

struct Plan {
  std::size_t messages = 0;
  std::vector<Finding> findings;
  std::vector<Renumbered> renumbered;  // messages that get another number
  std::vector<Action> actions;
  // Messages that lie where another split than the wanted one puts them; 0: there is no such split.
  unsigned other_split = 0;
  std::size_t of_other_split = 0;
  // Messages with a number for a name, and of these the ones that lie where the wanted split does
  // not put that number.
  std::size_t named = 0;
  std::size_t misplaced = 0;

  // Nothing but notes was found (then nothing is renamed), or is left when the actions were carried
  // out.
  bool all_well() const;
  bool all_mended() const;
};

// By how many folders the tree is split, if they agree. An Error names the numbers.
Result<unsigned> split_of(const Tree& tree);

Plan plan(const Tree& tree, const Request& request);

// What a name in a queue says. A message's files are renamed together by way of temporary names:
//
//   mess               its other files
//   457                457                        as it was found
//   aptkeep-457-999    457, or aptkeep-457-999    from one to the other
//   aptkeep-to-999-of-aptkeep-457-999
//                      aptkeep-457-999, or 999    from one to the other
//   999                999
//
// "aptkeep-457-999" is no more than what the message's files have in common: if its inode number
// is another one by now (1234, say), it goes on as aptkeep-to-1234-of-aptkeep-457-999.
struct Name {
  enum class Is : std::uint8_t { Number, Temporary, Arriving, Aside, Unknown };
  Is is = Is::Unknown;
  std::uint64_t number = 0;             // Number; Temporary, Arriving: the new one
  std::optional<std::uint64_t> before;  // Temporary, Arriving: of ours
  std::string common;                   // Temporary, Arriving: what its other files are called
};
Name read_name(std::string_view text);
// "aptkeep-457-999"
std::string temporary(std::uint64_t before, std::uint64_t now);
// "aptkeep-to-999-of-aptkeep-457-999"
std::string arriving(std::uint64_t now, const std::string& common);

inline constexpr const char* kMutex = "sendmutex";
inline constexpr const char* kMutexAway = "aptkeep-sendmutex";

}  // namespace aptkeep::qmail
