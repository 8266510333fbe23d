#include "state/store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <system_error>
#include <utility>

#include "state/private_copy.h"
#include "state/store_impl.h"

namespace aptkeep {
namespace {

using state::Database;

std::string words(int error) {
  return std::generic_category().message(error);
}

Error cannot_open(const std::string& path, const std::string& why) {
  return Error{"unable to open " + path + ": " + why};
}

// Makes the file, empty, unless it is there. The mode must not depend on root's umask: reports are
// for everybody. A file that is there is not opened here, since closing it would drop the locks
// that this process may hold on it (https://www.sqlite.org/howtocorrupt.html, 2.2).
std::optional<Error> create(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash != std::string::npos && slash > 0) {
    const std::string folder = path.substr(0, slash);
    if (::mkdir(folder.c_str(), 0755) == 0) {
      static_cast<void>(::chmod(folder.c_str(), 0755));
    }
  }
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (file < 0) {
    return errno == EEXIST ? std::nullopt : std::optional(cannot_open(path, words(errno)));
  }
  const bool readable = ::fchmod(file, 0644) == 0;
  const int error = errno;
  ::close(file);
  return readable ? std::nullopt : std::optional(cannot_open(path, words(error)));
}

// SQLite says of all these only "unable to open database file".
std::optional<Error> look_at(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) {
    return cannot_open(path, words(errno));
  }
  if (S_ISDIR(info.st_mode)) {
    return cannot_open(path, "it is a directory");
  }
  if (!S_ISREG(info.st_mode)) {
    return cannot_open(path, "it is not a regular file");
  }
  return std::nullopt;
}

// The log's index is where SQLite's locks are. Who can open it, even for reading, can hold a lock
// and so keep root from writing for as long as he likes: it is root's alone, and SQLite, which
// would give it the file's own mode, finds it made.
void close_index(const std::string& path) {
  const std::string index = path + "-shm";
  const int file = ::open(index.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (file >= 0) {
    // SQLite gives an empty file the database's mode (os_unix.c: robust_open).
    if (::write(file, "\0\0", 3) != 3) {
      ::unlink(index.c_str());
    }
    ::close(file);
    return;
  }
  struct stat info {};
  if (::lstat(index.c_str(), &info) == 0 && S_ISREG(info.st_mode) && (info.st_mode & 0077U) != 0) {
    static_cast<void>(::chmod(index.c_str(), 0600));
  }
}

Status open_database(Database& db, const std::string& path, Database::Access access) {
  if (!db.open(path, access)) {
    return cannot_open(path, db.failure());
  }
  return state::prepare(db, access == Database::Access::ReadWrite, path);
}

}  // namespace

Result<Store> Store::open(const std::string& path, Mode mode) {
  const bool write = mode == Mode::ReadWrite;
  if (auto error = write ? create(path) : std::nullopt) {
    return *error;
  }
  if (auto error = look_at(path)) {
    return *error;
  }
  if (::access(path.c_str(), write ? R_OK | W_OK : R_OK) != 0) {
    return cannot_open(path, words(errno));
  }
  if (write || ::geteuid() == 0) {
    close_index(path);
  }
  auto impl = std::make_unique<Impl>();
  impl->path = path;
  Status opened = open_database(impl->db, path,
                                write ? Database::Access::ReadWrite : Database::Access::ReadOnly);
  // Ordinary users, and all on a read-only file system where no writer left an index.
  if (!opened && !write) {
    Status copied = state::open_copy(impl->db, path);
    if (copied) {
      opened = success();
    }
  }
  if (!opened) {
    return opened.error();
  }
  return Store(std::move(impl));
}

Store::Store(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Store::Store(Store&&) noexcept = default;
Store& Store::operator=(Store&&) noexcept = default;
Store::~Store() = default;

namespace state {

std::string join_lines(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) {
    for (const char c : line) {
      text += c == '\n' ? ' ' : c;
    }
    text += '\n';
  }
  return text;
}

std::vector<std::string> split_lines(const std::string& text) {
  std::vector<std::string> lines;
  std::size_t begin = 0;
  for (std::size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n', begin)) {
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

}  // namespace state
}  // namespace aptkeep
