#include "adapters/snapshot_fs.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace aptkeep::snapshot {

Fd& Fd::operator=(Fd&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) close(fd_);
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

Fd::~Fd() {
  if (fd_ >= 0) close(fd_);
}

Error failure(const std::string& what, int number) {
  return Error{"unable to " + what + ": " + std::strerror(number)};
}

Error failure(const std::string& what) {
  return failure(what, errno);
}

Result<bool> Walk::enter(const std::string& name) {
  const int parent = steps_.empty() ? root_.get() : steps_.back().fd.get();
  Fd fd(openat(parent, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  struct stat stab {};
  if (!fd.open() || fstat(fd.get(), &stab) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return false;
    return failure("open " + name);
  }
  if (S_ISLNK(stab.st_mode)) {
    if (stab.st_uid != 0)
      return Error{"unable to go through " + name + ": a symlink not of root's"};
    char target[4096];
    const ssize_t size = readlinkat(fd.get(), "", target, sizeof target - 1);
    if (size < 0) return failure("read the symlink " + name);
    target[size] = '\0';
    fd = Fd(openat(parent, target, O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!fd.open()) {
      if (errno == ENOENT || errno == ENOTDIR) return false;
      return failure("open " + name);
    }
  } else if (!S_ISDIR(stab.st_mode)) {
    return false;
  }
  steps_.push_back(Step{name, std::move(fd)});
  return true;
}

Result<Place> Walk::to(const std::string& path) {
  if (!root_.open()) root_ = Fd(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root_.open()) return failure("open /");
  std::size_t depth = 0;
  std::size_t begin = 0;
  std::string name;
  for (;;) {
    while (begin < path.size() && path[begin] == '/') ++begin;
    const std::size_t end = std::min(path.find('/', begin), path.size());
    name.assign(path, begin, end - begin);
    if (name.empty() || name == "." || name == "..") {
      return Error{"unable to find " + path + ": not a whole path"};
    }
    begin = end;
    while (begin < path.size() && path[begin] == '/') ++begin;
    if (begin >= path.size()) break;
    if (depth < steps_.size() && steps_[depth].name != name) {
      steps_.resize(depth);
    }
    if (depth == steps_.size()) {
      auto entered = enter(name);
      if (!entered) return Error{entered.error().message + " (on the way to " + path + ")"};
      if (!*entered) return Place{-1, {}};
    }
    ++depth;
  }
  // Deeper folders stay open: a folder's own entry comes between its files in some lists.
  return Place{depth == 0 ? root_.get() : steps_[depth - 1].fd.get(), std::move(name)};
}

bool look(const Place& place, struct stat& stab) {
  if (!place.found()) {
    errno = ENOENT;
    return false;
  }
  return fstatat(place.folder, place.name.c_str(), &stab, AT_SYMLINK_NOFOLLOW) == 0;
}

std::string name_of(const Place& place, const std::string& path) {
  static const bool proc = access("/proc/self/fd", X_OK) == 0;
  return proc ? "/proc/self/fd/" + std::to_string(place.folder) + "/" + place.name : path;
}

FileType type_of(const struct stat& stab) {
  switch (stab.st_mode & S_IFMT) {
    case S_IFREG:
      return FileType::Regular;
    case S_IFDIR:
      return FileType::Directory;
    case S_IFLNK:
      return FileType::Symlink;
    case S_IFIFO:
      return FileType::Fifo;
    case S_IFCHR:
      return FileType::CharDevice;
    case S_IFBLK:
      return FileType::BlockDevice;
    default:
      return FileType::Socket;
  }
}

const char* noun_of(FileType type) {
  switch (type) {
    case FileType::Absent:
      return "missing";
    case FileType::Regular:
      return "a file";
    case FileType::Directory:
      return "a folder";
    case FileType::Symlink:
      return "a symlink";
    case FileType::Fifo:
      return "a fifo";
    case FileType::CharDevice:
    case FileType::BlockDevice:
      return "a device";
    case FileType::Socket:
      return "a socket";
  }
  return "unknown";
}

Result<std::string> read_link(const Place& place) {
  char target[4097];
  const ssize_t size = readlinkat(place.folder, place.name.c_str(), target, sizeof target);
  if (size < 0) return failure("read the symlink " + place.name);
  if (size == sizeof target) return failure("read the symlink " + place.name, ENAMETOOLONG);
  return std::string(target, static_cast<std::size_t>(size));
}

namespace {

// Labels of integrity systems belong to one inode, those of other file systems are not ours to set.
bool kept(const std::string& name) {
  if (name == "security.ima" || name == "security.evm") return false;
  if (name.rfind("system.", 0) == 0) return name.rfind("system.posix_acl_", 0) == 0;
  return name.rfind("trusted.overlay.", 0) != 0;
}

}  // namespace

std::map<std::string, std::string> read_xattrs(const std::string& name) {
  std::map<std::string, std::string> found;
  char small[256];
  std::string names;
  ssize_t size = llistxattr(name.c_str(), small, sizeof small);
  if (size >= 0) {
    names.assign(small, static_cast<std::size_t>(size));
  } else if (errno == ERANGE) {
    names.resize(65536);  // XATTR_LIST_MAX
    size = llistxattr(name.c_str(), names.data(), names.size());
    names.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
  }
  for (std::size_t at = 0; at < names.size();) {
    const std::string key(names.c_str() + at);
    at += key.size() + 1;
    if (key.empty() || !kept(key)) continue;
    std::string value(65536, '\0');  // XATTR_SIZE_MAX
    const ssize_t length = lgetxattr(name.c_str(), key.c_str(), value.data(), value.size());
    if (length < 0) continue;
    value.resize(static_cast<std::size_t>(length));
    found.emplace(key, std::move(value));
  }
  return found;
}

}  // namespace aptkeep::snapshot
