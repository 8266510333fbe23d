#include <fcntl.h>
#include <fts.h>
#include <sha2.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <memory>
#include <system_error>

#include "adapters/guard_probes.h"
#include "adapters/wiring.h"
#include "core/guard_arguments.h"

namespace aptkeep::probe {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostSearched = std::size_t{64} << 20;
constexpr std::size_t kMostParsed = std::size_t{1} << 20;
constexpr std::size_t kPiece = std::size_t{256} << 10;
constexpr std::size_t kMostCounted = 10'000;

// Opens a regular file, through symlinks. What else is there is not opened at all: a fifo would
// wait, a tape would wind.
GuardResult open_file(const std::string& path, Fd& file, struct stat& info) {
  if (stat(path.c_str(), &info) != 0) return cannot("read " + path, errno);
  if (!S_ISREG(info.st_mode)) return unknown(path + " is no regular file");
  file = Fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!file.ok() || fstat(file.get(), &info) != 0) return cannot("read " + path, errno);
  return S_ISREG(info.st_mode) ? met("") : unknown(path + " is no regular file");
}

// Reads on into `text`, at most `most` bytes more. 0: the end; -1: errno.
ssize_t read_on(const Fd& file, std::string& text, std::size_t most) {
  const std::size_t had = text.size();
  text.resize(had + most);
  ssize_t size = -1;
  do {
    size = read(file.get(), text.data() + had, most);
  } while (size < 0 && errno == EINTR);
  text.resize(had + static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  return size;
}

// Met: the file has the text; Unmet: it has not.
GuardResult search(const std::string& path, const std::string& wanted) {
  Fd file;
  struct stat info {};
  if (auto opened = open_file(path, file, info); !opened.met()) return opened;
  std::string text;
  for (std::size_t total = 0; total <= kMostSearched;) {
    const ssize_t size = read_on(file, text, kPiece);
    if (size < 0) return cannot("read " + path, errno);
    if (text.find(wanted) != std::string::npos) return met(path + " has it");
    if (size == 0) return unmet(path + " does not have it");
    total += static_cast<std::size_t>(size);
    // The text may begin at the end of what was read.
    if (text.size() >= wanted.size()) text.erase(0, text.size() - (wanted.size() - 1));
  }
  return unknown(path + " is larger than 64 MiB");
}

std::string hex(const std::uint8_t* bytes, std::size_t size) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (std::size_t i = 0; i < size; ++i) {
    text += kDigits[bytes[i] >> 4];
    text += kDigits[bytes[i] & 0xf];
  }
  return text;
}

// Whether everybody may read the open file, by its mode and those of the folders above it.
bool for_everybody(const Fd& file, const struct stat& info) {
  if ((info.st_mode & S_IROTH) == 0) return false;
  std::error_code error;
  fs::path path = fs::read_symlink("/proc/self/fd/" + std::to_string(file.get()), error);
  if (error) return false;
  while (path.has_relative_path()) {
    path = path.parent_path();
    struct stat folder {};
    if (stat(path.c_str(), &folder) != 0 || (folder.st_mode & S_IXOTH) == 0) return false;
  }
  return true;
}

constexpr std::string_view kHashed = "sha256 ";  // values themselves begin with '=' or are empty
constexpr std::size_t kSaltLength = 32;

std::string hashed(const std::string& salt, const std::string& value) {
  std::uint8_t digest[SHA256_DIGEST_LENGTH];
  SHA2_CTX context;
  SHA256Init(&context);
  for (const std::string* part : {&salt, &value}) {
    SHA256Update(&context, reinterpret_cast<const std::uint8_t*>(part->data()), part->size());
  }
  SHA256Final(digest, &context);
  return std::string(kHashed) + salt + " " + hex(digest, sizeof digest);
}

// Empty: none to be had.
std::string new_salt() {
  std::uint8_t random[kSaltLength / 2] = {};
  if (getrandom(random, sizeof random, 0) != sizeof random) return "";
  return hex(random, sizeof random);
}

// Compares where one of the two, or both, is not to be told.
GuardResult compare_hidden(const Context& context, const std::string& key, const std::string& value,
                           const std::string& what) {
  const auto old = context.before.find(key);
  if (old == context.before.end()) return met(what + ": nothing remembered yet to compare with");
  const std::string& text = old->second;
  const bool same = text.starts_with(kHashed)
                        ? hashed(text.substr(kHashed.size()).substr(0, kSaltLength), value) == text
                        : value == text;
  return same ? met(what + " is as it was") : unmet(what + " is not as it was");
}

struct CloseTree {
  void operator()(FTS* tree) const { static_cast<void>(fts_close(tree)); }
};

// Not with <filesystem>, whose walk ends where a folder vanishes under it; that is no news in a
// queue.
GuardResult count_below(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) return cannot("read " + path, errno);
  if (!S_ISDIR(info.st_mode)) return cannot("read " + path, ENOTDIR);
  std::string top = path;
  char* const tops[] = {top.data(), nullptr};
  const std::unique_ptr<FTS, CloseTree> tree(
      fts_open(tops, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, nullptr));
  if (!tree) return cannot("read " + path, errno);
  std::size_t files = 0;
  while (files < kMostCounted) {
    errno = 0;
    const FTSENT* const entry = fts_read(tree.get());
    if (entry == nullptr && errno != 0) return cannot("read all of " + path, errno);
    if (entry == nullptr) break;
    const bool failed =
        entry->fts_info == FTS_DNR || entry->fts_info == FTS_NS || entry->fts_info == FTS_ERR;
    if (failed && (entry->fts_level == 0 || entry->fts_errno != ENOENT)) {
      return cannot((entry->fts_level == 0 ? "read " : "read all of ") + path, entry->fts_errno);
    }
    if (entry->fts_info == FTS_F) ++files;
  }
  if (files == 0) return met("no file in " + path);
  return unmet((files < kMostCounted ? "" : "at least ") + std::to_string(files) +
               (files == 1 ? " file in " : " files in ") + path);
}

}  // namespace

GuardResult queue_empty(const Context& context) {
  std::string all;
  for (const auto& path : context.arguments) {
    GuardResult result = count_below(path);
    if (!result.met()) return result;
    all += (all.empty() ? "" : ", ") + result.why;
  }
  return met(all);
}

GuardResult file_contains(const Context& context) {
  return search(context.arguments[0], context.arguments[1]);
}

GuardResult file_lacks(const Context& context) {
  GuardResult result = search(context.arguments[0], context.arguments[1]);
  if (result.state == GuardState::Unknown) return result;
  result.state = result.met() ? GuardState::Unmet : GuardState::Met;
  return result;
}

GuardResult same_file_value(const Context& context) {
  const std::string& path = context.arguments[0];
  const std::string& key = context.arguments[1];
  Fd file;
  struct stat info {};
  if (auto opened = open_file(path, file, info); !opened.met()) return opened;
  std::string text;
  for (ssize_t size = 1; size != 0;) {
    size = read_on(file, text, kPiece);
    if (size < 0) return cannot("read " + path, errno);
    if (text.size() > kMostParsed) return unknown(path + " is larger than 1 MiB");
  }
  std::string value;
  for (const auto& one : values_of(text, key)) value += (value.empty() ? "" : "\n") + ("=" + one);
  if (value.size() > 8192) return unknown("the value of " + key + " in " + path + " is too long");
  if (value.find('\0') != std::string::npos) return unknown(path + " is no text");
  const std::string name = "same-file-value " + path + ' ' + key;
  const std::string what = key + " in " + path;
  const bool for_all = for_everybody(file, info);
  const auto old = context.before.find(name);
  const bool was_hidden = old != context.before.end() && old->second.starts_with(kHashed);
  if (for_all && !was_hidden) return compare(context, name, value, what);
  const std::string salt = for_all ? "" : new_salt();
  if (!for_all && salt.empty()) return unknown("no random numbers to be had");
  context.now[name] = for_all ? value : hashed(salt, value);
  return compare_hidden(context, name, value, what);
}

GuardResult fresh_backup(const Context& context) {
  const std::string& path = context.arguments[0];
  const std::int64_t most = parse_age(context.arguments[1]).value_or(0);
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) return cannot("look at " + path, errno);
  if (!S_ISREG(info.st_mode)) return unknown(path + " is no regular file");
  if (info.st_size == 0) return unmet(path + " is empty");
  const std::int64_t age = std::time(nullptr) - std::int64_t{info.st_mtime};
  constexpr std::int64_t kClocksDiffer = 120;  // between machines that share a disk
  if (age < -kClocksDiffer) return unknown(path + " is dated in the future");
  const std::string old =
      path + " is " + std::to_string(std::max<std::int64_t>(age, 0) / 60) + " minutes old";
  return age <= most ? met(old) : unmet(old + ", more than " + context.arguments[1]);
}

}  // namespace aptkeep::probe
