#include "state/private_copy.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <system_error>

#include "state/schema.h"

namespace aptkeep::state {
namespace {

constexpr int kTries = 20;
constexpr useconds_t kPause = 20'000;  // microseconds; a writer is done sooner than that

Error cannot_copy(const std::string& path) {
  return Error{"unable to copy " + path + ": " + std::generic_category().message(errno)};
}

struct File {
  bool there = false;
  std::string content;
};

// nullopt, and errno, where the file is there but cannot be read.
std::optional<File> read_file(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) {
    return errno == ENOENT ? std::optional<File>(File{}) : std::nullopt;
  }
  File read{true, {}};
  std::array<char, 65536> buffer{};
  ssize_t size = 0;
  while ((size = ::read(file, buffer.data(), buffer.size())) > 0 || (size < 0 && errno == EINTR)) {
    read.content.append(buffer.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  }
  const int error = errno;
  ::close(file);
  errno = error;
  return size == 0 ? std::optional<File>(std::move(read)) : std::nullopt;
}

bool write_file(const std::string& path, std::string_view content) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0) {
    return false;
  }
  while (!content.empty()) {
    const ssize_t written = ::write(file, content.data(), content.size());
    if (written <= 0 && errno != EINTR) {
      const int error = errno;
      ::close(file);
      errno = error;
      return false;
    }
    content.remove_prefix(written > 0 ? static_cast<std::size_t>(written) : 0);
  }
  return ::close(file) == 0;
}

// What tells whether a file has been written to; a missing one is all zeros.
struct Stamp {
  ino_t inode = 0;
  off_t size = 0;
  timespec changed{};

  static Stamp of(const std::string& path) {
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0) {
      return {};
    }
    return {info.st_ino, info.st_size, info.st_mtim};
  }
  bool operator==(const Stamp& other) const {
    return inode == other.inode && size == other.size && changed.tv_sec == other.changed.tv_sec &&
           changed.tv_nsec == other.changed.tv_nsec;
  }
};

// A folder with the copy. What is open goes on to be readable after it is gone.
class Folder {
 public:
  Folder() { made_ = ::mkdtemp(name_.data()) != nullptr; }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    for (const char* suffix : {"", "-wal", "-shm"}) {
      ::unlink((file() + suffix).c_str());
    }
    ::rmdir(name_.c_str());
  }
  bool made() const { return made_; }
  std::string file() const { return name_ + "/copy.db"; }

 private:
  std::string name_ = "/tmp/aptkeep-XXXXXX";
  bool made_ = false;
};

Status try_copy(Database& db, const std::string& path, bool& moved) {
  const std::string log = path + "-wal";
  const Stamp file_before = Stamp::of(path);
  const Stamp log_before = Stamp::of(log);
  const auto file_read = read_file(path);
  const auto log_read = file_read ? read_file(log) : std::nullopt;
  if (!file_read || !log_read) {
    return cannot_copy(file_read ? log : path);
  }
  const Folder folder;
  if (!folder.made() || !write_file(folder.file(), file_read->content) ||
      (log_read->there && !write_file(folder.file() + "-wal", log_read->content))) {
    return cannot_copy(path);
  }
  moved = !(file_before == Stamp::of(path)) || !(log_before == Stamp::of(log));
  if (moved) {
    return Error{"unable to copy " + path + ": it is being written to"};
  }
  if (!db.open(folder.file(), Database::Access::ReadOnly)) {
    return Error{"unable to open " + path + ": " + db.failure()};
  }
  return prepare(db, false, path);
}

}  // namespace

Status open_copy(Database& db, const std::string& path) {
  bool moved = false;
  Status opened = try_copy(db, path, moved);
  for (int i = 1; moved && i < kTries; ++i) {
    ::usleep(kPause);
    opened = try_copy(db, path, moved);
  }
  return opened;
}

}  // namespace aptkeep::state
