#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <memory>

#include "adapters/qmail_impl.h"
#include "adapters/qmail_queue.h"

namespace aptkeep::qmail {
namespace {

constexpr int kFolderFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
constexpr Part kAll[] = {Part::Mess, Part::Info,   Part::Local, Part::Remote, Part::Todo,
                         Part::Intd, Part::Bounce, Part::Pid,   Part::Lock};
constexpr int kMostFolders = 100000;

struct CloseFolder {
  void operator()(DIR* folder) const { closedir(folder); }
};

Owner owner_of(const struct stat& info) {
  return {info.st_uid, info.st_gid, info.st_mode & 07777U};
}

Kind kind_of(const struct stat& info) {
  if (S_ISREG(info.st_mode)) return Kind::Regular;
  if (S_ISDIR(info.st_mode)) return Kind::Folder;
  return S_ISFIFO(info.st_mode) ? Kind::Fifo : Kind::Other;
}

// Of a split's folder; kNoFolder: it is none.
int folder_number(const std::string& name) {
  int value = kNoFolder;
  const char* const end = name.data() + name.size();
  const bool plain = name == "0" || (!name.empty() && name.front() >= '1' && name.front() <= '9');
  if (!plain || std::from_chars(name.data(), end, value).ptr != end) return kNoFolder;
  return value < kMostFolders ? value : kNoFolder;
}

bool may_be_split(Part part) {
  return part != Part::Bounce && part != Part::Pid && part != Part::Lock;
}

}  // namespace

Result<std::vector<std::string>> names_in(int fd, const std::string& path) {
  const int own = openat(fd, ".", kFolderFlags);
  if (own < 0) return failed("unable to read " + path);
  const std::unique_ptr<DIR, CloseFolder> folder(fdopendir(own));
  if (!folder) {
    close(own);
    return failed("unable to read " + path);
  }
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* entry = readdir(folder.get());
    if (entry == nullptr && errno != 0) return failed("unable to read all of " + path);
    if (entry == nullptr) break;
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::uint64_t mount_of(int folder, const std::string& name) {
  struct statx found {};
  const int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | (name.empty() ? AT_EMPTY_PATH : 0);
  if (statx(folder, name.c_str(), flags, STATX_MNT_ID, &found) != 0) return 0;
  return (found.stx_mask & STATX_MNT_ID) != 0 ? found.stx_mnt_id : 0;
}

QueueFd::~QueueFd() {
  if (fd_ >= 0) close(fd_);
}

std::string Queue::name(const std::string& path) const {
  return path.empty() ? path_ : path_ + "/" + path;
}

Result<Queue> Queue::open(const std::string& path, bool follow) {
  Queue queue;
  queue.path_ = path;
  const int flags = follow ? kFolderFlags & ~O_NOFOLLOW : kFolderFlags;
  queue.root_ = QueueFd(::open(path.c_str(), flags));
  if (!queue.root_.open()) return failed("unable to open " + path);
  struct stat info {};
  if (fstat(queue.root_.get(), &info) != 0) return failed("unable to look at " + path);
  queue.device_ = info.st_dev;
  queue.mount_ = mount_of(queue.root_.get(), "");
  // Some may be missing after a restore; another folder is not taken for a queue.
  std::string missing;
  std::size_t there = 0;
  for (const Part part : kAll) {
    struct stat found {};
    if (fstatat(queue.root_.get(), to_string(part), &found, AT_SYMLINK_NOFOLLOW) == 0 &&
        S_ISDIR(found.st_mode)) {
      ++there;
    } else {
      missing += std::string(missing.empty() ? "" : ", ") + to_string(part);
    }
  }
  if (there * 2 > std::size(kAll)) return queue;
  return Error{path + " is no qmail queue: it has no folder " + missing};
}

Result<QueueFd> Queue::folder(const std::string& path) const {
  QueueFd fd(fcntl(root_.get(), F_DUPFD_CLOEXEC, 3));
  for (std::size_t at = 0; at < path.size();) {
    const auto slash = std::min(path.find('/', at), path.size());
    fd = QueueFd(openat(fd.get(), path.substr(at, slash - at).c_str(), kFolderFlags));
    if (!fd.open()) return failed("unable to open " + name(path));
    at = slash + 1;
  }
  return fd;
}

Result<Tree> Queue::read() {
  Tree tree;
  struct stat info {};
  if (fstat(root_.get(), &info) != 0) return failed("unable to look at " + path_);
  tree.folders.push_back({"", owner_of(info), info.st_ino});
  folders_ = {info.st_ino};
  mess_device_.reset();
  for (const Part part : kAll) {
    if (Status done = read_part(part, tree); !done) return done.error();
  }
  return tree;
}

Status Queue::read_part(Part part, Tree& tree) {
  const std::string path = to_string(part);
  struct stat info {};
  if (fstatat(root_.get(), path.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
    return errno == ENOENT ? success() : Status(failed("unable to look at " + name(path)));
  }
  if (!S_ISDIR(info.st_mode)) return Error{name(path) + " is no folder"};
  if (info.st_dev != device_) return Error{name(path) + " is on another file system"};
  if (is_mounted(root_.get(), path)) return Error{name(path) + " is a mount point"};
  auto fd = folder(path);
  if (!fd) return fd.error();
  tree.folders.push_back({path, owner_of(info), info.st_ino});
  folders_.insert(info.st_ino);
  return read_files(fd->get(), part, kNoFolder, tree);
}

// Of the same file system, perhaps: rename(2) does not go across all the same.
bool Queue::is_mounted(int folder, const std::string& name) const {
  const std::uint64_t mount = mount_of(folder, name);
  return mount != 0 && mount_ != 0 && mount != mount_;
}

Status Queue::refuse_mounts() const {
  return refuse_mounts(root_.get(), "");
}

Status Queue::refuse_mounts(int fd, const std::string& path) const {
  const auto names = names_in(fd, name(path));
  if (!names) return names.error();
  for (const std::string& one : *names) {
    const std::string below = path.empty() ? one : path + "/" + one;
    struct stat info {};
    if (fstatat(fd, one.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno == ENOENT) continue;
      return failed("unable to look at " + name(below));
    }
    const bool other = S_ISDIR(info.st_mode) && info.st_dev != device_;
    if (other || is_mounted(fd, one)) return Error{name(below) + " is a mount point"};
    if (!S_ISDIR(info.st_mode)) continue;
    const QueueFd folder(openat(fd, one.c_str(), kFolderFlags));
    if (!folder.open()) return failed("unable to open " + name(below));
    if (Status done = refuse_mounts(folder.get(), below); !done) return done;
  }
  return success();
}

// What is mounted is a folder. On an overlay files have another device number than folders, and
// those of one layer the same one; it is mess files whose inode numbers count.
bool Queue::on_one_file_system(Part part, const struct stat& info) {
  if (S_ISDIR(info.st_mode)) return info.st_dev == device_;
  if (part != Part::Mess || !S_ISREG(info.st_mode)) return true;
  if (!mess_device_) mess_device_ = info.st_dev;
  return info.st_dev == *mess_device_;
}

Status Queue::read_files(int fd, Part part, int number, Tree& tree) {
  const std::string path =
      to_string(part) + (number == kNoFolder ? "" : "/" + std::to_string(number));
  const auto names = names_in(fd, name(path));
  if (!names) return names.error();
  for (const std::string& one : *names) {
    struct stat info {};
    if (fstatat(fd, one.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno == ENOENT) continue;  // qmail has just taken it away
      return failed("unable to look at " + name(path) + "/" + one);
    }
    if (!on_one_file_system(part, info)) {
      return Error{name(path) + "/" + one + " is on another file system"};
    }
    if (is_mounted(fd, one)) return Error{name(path) + "/" + one + " is a mount point"};
    const int below = number == kNoFolder && may_be_split(part) ? folder_number(one) : kNoFolder;
    if (below == kNoFolder || !S_ISDIR(info.st_mode)) {
      tree.files.push_back({{part, number, one},
                            kind_of(info),
                            info.st_ino,
                            info.st_nlink,
                            static_cast<std::uint64_t>(info.st_size),
                            owner_of(info),
                            info.st_mtime});
      continue;
    }
    tree.folders.push_back({path + "/" + one, owner_of(info), info.st_ino});
    folders_.insert(info.st_ino);
    const QueueFd folder(openat(fd, one.c_str(), kFolderFlags));
    if (!folder.open()) return failed("unable to open " + name(path) + "/" + one);
    if (Status done = read_files(folder.get(), part, below, tree); !done) return done;
  }
  return success();
}

}  // namespace aptkeep::qmail
