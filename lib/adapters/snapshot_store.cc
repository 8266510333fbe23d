#include "adapters/snapshot_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace aptkeep::snapshot {
namespace {

// Both are of this moment. On an overlay a lower file that was copied up for its second name keeps
// its number under the first, and has another device's under the second, so numbers alone do not
// tell; the time of the last change, which link(2) has just set, does.
bool same_file(const struct stat& one, const struct stat& other) {
  if (one.st_dev == other.st_dev && one.st_ino == other.st_ino) return true;
  const auto same_time = [](const timespec& a, const timespec& b) {
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
  };
  return one.st_size == other.st_size && one.st_mode == other.st_mode &&
         one.st_uid == other.st_uid && one.st_gid == other.st_gid &&
         one.st_nlink == other.st_nlink && same_time(one.st_mtim, other.st_mtim) &&
         same_time(one.st_ctim, other.st_ctim);
}

}  // namespace

void Store::keep(FileRecord& file, const Place& place, bool copy) {
  auto& known = stored_[{file.device, file.inode}];
  if (known.empty()) {
    const std::string name = std::to_string(next_++);
    if (copy) {
      copy_it(file, place, name, false);
    } else if (!link_it(file, place, name) && file.type == FileType::Regular &&
               file.unsaved.empty()) {
      copy_it(file, place, name, true);
    }
    if (!file.unsaved.empty() || file.type != FileType::Regular) return;
    known = name;
  }
  file.stored = known;
}

// False where it has to be copied, or has gone.
bool Store::link_it(FileRecord& file, const Place& place, const std::string& name) {
  for (int tries = 0; tries < 3; ++tries) {
    if (linkat(place.folder, place.name.c_str(), folder_.get(), name.c_str(), 0) != 0) {
      if (errno == ENOENT) {
        FileRecord gone;
        gone.path = file.path;
        gone.true_path = file.true_path;
        file = std::move(gone);
      } else if (errno != EXDEV && errno != EPERM && errno != EMLINK && errno != EOPNOTSUPP) {
        file.unsaved = failure("link " + file.path).message;
      }
      return false;
    }
    struct stat stored {};
    struct stat stab {};
    const bool is_file = fstatat(folder_.get(), name.c_str(), &stored, AT_SYMLINK_NOFOLLOW) == 0 &&
                         S_ISREG(stored.st_mode);
    // Of most the number is that which was seen before the link: what is stored now is the file.
    const bool is_seen = is_file && stored.st_dev == file.device && stored.st_ino == file.inode;
    if (is_seen) stab = stored;
    const bool is_same = is_seen || (is_file && look(place, stab) && same_file(stab, stored));
    if (!is_same) {
      // Replaced meanwhile.
      unlinkat(folder_.get(), name.c_str(), 0);
      if (!look(place, stab) || !S_ISREG(stab.st_mode)) break;
    }
    file.mode = stab.st_mode & 07777;
    file.uid = stab.st_uid;
    file.gid = stab.st_gid;
    file.device = stab.st_dev;
    file.inode = stab.st_ino;
    file.size = static_cast<std::uint64_t>(stab.st_size);
    file.mtime = stab.st_mtim.tv_sec;
    if (is_same) return true;
  }
  file.unsaved = "unable to link " + file.path + ": it is changed all the time";
  return false;
}

void Store::copy_it(FileRecord& file, const Place& place, const std::string& name, bool forced) {
  auto from = open_file(place, file.path);
  if (!from) {
    file.unsaved = from.error().message;
    return;
  }
  const Fd to(openat(folder_.get(), name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!to.open()) {
    file.unsaved = failure("copy " + file.path).message;
    return;
  }
  const std::uint64_t limit = copy_limit_;
  const std::uint64_t most = !forced ? UINT64_MAX : limit > copied_ ? limit - copied_ : 0;
  auto copied = copy_content(from->get(), to.get(), file.path, !forced, most);
  if (!copied) {
    file.unsaved = copied.error().message;
    unlinkat(folder_.get(), name.c_str(), 0);
    return;
  }
  if (forced) copied_ += copied->bytes;
  if (!forced) {
    hashes_[name] = copied->md5;
    file.size = copied->bytes;
  }
  const timespec times[2] = {{0, UTIME_OMIT}, {file.mtime, 0}};
  futimens(to.get(), times);
}

void Store::keep_behind(FileRecord& file) {
  const Fd from(open(file.true_path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  struct stat stab {};
  if (!from.open() || fstat(from.get(), &stab) != 0 || !S_ISREG(stab.st_mode)) return;
  const std::string name = std::to_string(next_++);
  const Fd to(openat(folder_.get(), name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  auto copied = to.open() ? copy_content(from.get(), to.get(), file.path, true)
                          : Result<Copied>(failure("copy " + file.path));
  if (!copied) {
    file.unsaved = copied.error().message;
    return;
  }
  file.stored = name;
  file.size = copied->bytes;
  hashes_[name] = copied->md5;
}

std::string Store::hash_of(const FileRecord& file) {
  if (file.stored.empty()) return "";
  const auto known = hashes_.find(file.stored);
  if (known != hashes_.end()) return known->second;
  auto fd = open_file(Place{folder_.get(), file.stored}, file.path);
  auto hash = fd ? md5_of(fd->get(), file.path) : Result<std::string>(fd.error());
  return hash ? *hash : "";
}

}  // namespace aptkeep::snapshot
