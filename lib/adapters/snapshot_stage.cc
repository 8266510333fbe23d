#include "adapters/snapshot_stage.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <unordered_map>
#include <utility>
#include <vector>

#include "adapters/snapshot_tool.h"

namespace aptkeep::snapshot {
namespace {

class Stage {
 public:
  Stage(const Record& record, int folder, const std::string& path)
      : record_(record), folder_(folder), tree_(path + "/tree") {}

  Status build();

 private:
  Status add(const FileRecord& file);
  Status add_folder(const std::string& path, const FileRecord* file);
  Status add_regular(const FileRecord& file, const std::string& to);
  Status add_control();
  Status as_recorded(const FileRecord& file, const std::string& to);
  bool is_folder(const FileRecord& file);
  bool is_added(const FileRecord& file) const;
  Status check_stored(const FileRecord& file, const Place& stored);

  const Record& record_;
  int folder_;
  std::string tree_;  // in our own folder, so that plain paths are safe
  Fd store_;
  Walk walk_;
  std::unordered_set<std::string> folders_;
  std::unordered_map<std::string, const ConffileRecord*> conffiles_;
};

// A symlink that is a folder by now: dpkg would not put a symlink over it, and would remove the
// failed version's files *through* one that is put there first. An empty folder it is for dpkg;
// settle() makes the symlink.
bool Stage::is_folder(const FileRecord& file) {
  if (file.type == FileType::Directory || folders_.count(file.path) != 0) return true;
  if (file.type != FileType::Symlink) return false;
  auto place = walk_.to(file.true_path);
  struct stat stab {};
  return place && look(*place, stab) && S_ISDIR(stab.st_mode);
}

Status Stage::as_recorded(const FileRecord& file, const std::string& to) {
  struct stat stab {};
  if (lstat(to.c_str(), &stab) != 0) return failure("look at " + to);
  if ((stab.st_uid != file.uid || stab.st_gid != file.gid) &&
      lchown(to.c_str(), file.uid, file.gid) != 0) {
    return failure("give " + to + " its owner");
  }
  // Asked again, since a change of the owner takes special bits away.
  if (!S_ISLNK(stab.st_mode) && lstat(to.c_str(), &stab) == 0 &&
      (stab.st_mode & 07777) != file.mode && chmod(to.c_str(), file.mode) != 0) {
    return failure("give " + to + " its mode");
  }
  return success();
}

// A link whose file was written to in place is as good as can be had; a copy must be as it was.
Status Stage::check_stored(const FileRecord& file, const Place& stored) {
  struct stat stab {};
  if (!look(stored, stab)) return failure("read what was saved of " + file.path);
  const bool linked = stab.st_dev == file.device && stab.st_ino == file.inode;
  if (!S_ISREG(stab.st_mode) ||
      (!linked && static_cast<std::uint64_t>(stab.st_size) != file.size)) {
    return Error{"unable to read what was saved of " + file.path + ": it is damaged"};
  }
  return success();
}

Status Stage::add_regular(const FileRecord& file, const std::string& to) {
  const Place stored{store_.get(), file.stored};
  if (auto checked = check_stored(file, stored); !checked) return checked;
  if (linkat(store_.get(), file.stored.c_str(), AT_FDCWD, to.c_str(), 0) != 0) {
    if (errno != EMLINK && errno != EPERM) return failure("link " + to);
    auto from = open_file(stored, file.path);
    if (!from) return from.error();
    const Fd copy(open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!copy.open()) return failure("copy " + to);
    if (auto copied = copy_content(from->get(), copy.get(), to, false); !copied) {
      return copied.error();
    }
  }
  // Behind a symlink the owner and mode are not known; dpkg keeps those that it finds there.
  if (file.type == FileType::Symlink) {
    return chmod(to.c_str(), 0644) == 0 ? success() : failure("give " + to + " its mode");
  }
  return as_recorded(file, to);
}

Status Stage::add_folder(const std::string& path, const FileRecord* file) {
  const std::string to = tree_ + path;
  if (mkdir(to.c_str(), 0755) != 0) {
    if (errno != EEXIST) return failure("make " + to);
  }
  if (file != nullptr && file->type == FileType::Directory) return as_recorded(*file, to);
  if (chmod(to.c_str(), 0755) != 0) return failure("make " + to);
  return success();
}

bool Stage::is_added(const FileRecord& file) const {
  const auto conffile = conffiles_.find(file.path);
  if (conffile != conffiles_.end()) return is_shipped(*conffile->second) && !file.stored.empty();
  return file.type != FileType::Absent && file.type != FileType::Socket;  // no archive has sockets
}

Status Stage::add(const FileRecord& file) {
  const std::string to = tree_ + file.path;
  if (!is_added(file)) return success();
  if (conffiles_.count(file.path) != 0) return add_regular(file, to);
  switch (file.type) {
    case FileType::Regular:
      return add_regular(file, to);
    case FileType::Symlink: {
      if (symlink(file.target.c_str(), to.c_str()) != 0) return failure("make " + to);
      const timespec times[2] = {{0, UTIME_OMIT}, {file.mtime, 0}};
      utimensat(AT_FDCWD, to.c_str(), times, AT_SYMLINK_NOFOLLOW);
      return as_recorded(file, to);
    }
    case FileType::Fifo:
      if (mkfifo(to.c_str(), 0600) != 0) return failure("make " + to);
      return as_recorded(file, to);
    case FileType::CharDevice:
    case FileType::BlockDevice:
      if (mknod(to.c_str(), (file.type == FileType::CharDevice ? S_IFCHR : S_IFBLK) | 0600,
                file.rdev) != 0) {
        return failure("make " + to);
      }
      return as_recorded(file, to);
    default:
      return success();
  }
}

Status Stage::add_control() {
  const std::string debian = tree_ + "/DEBIAN";
  if (mkdir(debian.c_str(), 0755) != 0) return failure("make " + debian);
  auto control = open_below(folder_, "control", "control", false);
  if (!control) return control.error();
  for (const std::string& name : record_.snapshot.scripts) {
    if (name == "conffiles" || name == "control") continue;
    const std::string to = debian + "/" + name;
    if (linkat(control->get(), name.c_str(), AT_FDCWD, to.c_str(), 0) != 0) {
      return failure("link " + to);
    }
  }
  std::string conffiles;
  for (const ConffileRecord& conffile : record_.snapshot.conffiles) {
    if (is_shipped(conffile)) conffiles += conffile.path + "\n";
  }
  const Fd fd(open(debian.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.open()) return failure("open " + debian);
  if (!conffiles.empty()) {
    if (auto wrote = write_file(fd.get(), "conffiles", conffiles, Sync::Later, 0644); !wrote)
      return wrote;
  }
  return write_file(fd.get(), "control", record_.snapshot.control, Sync::Later, 0644);
}

Status Stage::build() {
  auto store = open_below(folder_, "files", "files", false);
  if (!store) return store.error();
  store_ = std::move(*store);
  // Extra and ucf's files come after the listed ones, and are no part of the archive.
  const auto begin = record_.snapshot.files.begin();
  const auto end = begin + static_cast<std::ptrdiff_t>(record_.listed);
  folders_ = folders_of(record_);
  for (const ConffileRecord& conffile : record_.snapshot.conffiles) {
    conffiles_.emplace(conffile.path, &conffile);
  }
  // dpkg-deb reads it as root; nobody else gets as far as here.
  if (mkdirat(folder_, "tree", 0755) != 0) return failure("make " + tree_);
  if (chmod(tree_.c_str(), 0755) != 0) return failure("make " + tree_);

  std::vector<std::pair<std::string, const FileRecord*>> folders;
  std::unordered_set<std::string> named;
  std::vector<const FileRecord*> others;
  for (auto file = begin; file != end; ++file) {
    if (is_folder(*file)) {
      folders.emplace_back(file->path, &*file);
      named.insert(file->path);
    } else {
      others.push_back(&*file);
    }
  }
  for (const FileRecord* file : others) {
    if (!is_added(*file)) continue;
    for (std::size_t at = file->path.find_last_of('/'); at != std::string::npos && at != 0;
         at = file->path.find_last_of('/', at - 1)) {
      const std::string path = file->path.substr(0, at);
      if (!named.insert(path).second) break;
      folders.emplace_back(path, nullptr);  // dpkg lists it for another package only
    }
  }
  std::sort(folders.begin(), folders.end());  // a folder comes before what is in it
  for (const auto& [path, file] : folders) {
    if (auto added = add_folder(path, file); !added) return added;
  }
  for (const FileRecord* file : others) {
    if (auto added = add(*file); !added) return added;
  }
  return add_control();
}

// As apt names archives: a colon would look like a place on another machine to some tools.
std::string archive_name(const Snapshot& snapshot) {
  std::string version;
  for (const char c : snapshot.version)
    version += c == ':' ? std::string("%3a") : std::string(1, c);
  return snapshot.package.substr(0, snapshot.package.find(':')) + "_" + version + "_" +
         snapshot.arch + ".deb";
}

}  // namespace

bool is_shipped(const ConffileRecord& conffile) {
  return !conffile.edited && !conffile.obsolete && !conffile.remove_on_upgrade;
}

std::unordered_set<std::string> folders_of(const Record& record) {
  std::unordered_set<std::string> folders;
  for (std::size_t i = 0; i < record.listed; ++i) {
    const FileRecord& file = record.snapshot.files[i];
    if (file.type == FileType::Absent) continue;
    for (std::size_t at = file.path.find_last_of('/'); at != std::string::npos && at != 0;
         at = file.path.find_last_of('/', at - 1)) {
      if (!folders.insert(file.path.substr(0, at)).second) break;
    }
  }
  return folders;
}

namespace {

// What dpkg-deb has left of it. Its tar may live on for a moment with that open: emptied first, it
// takes no room from the record of the failure.
void remove_failed(int folder, const std::string& name) {
  const Fd emptied(openat(folder, name.c_str(), O_WRONLY | O_TRUNC | O_NOFOLLOW | O_CLOEXEC));
  unlinkat(folder, name.c_str(), 0);
}

}  // namespace

Result<std::string> make_archive(const Record& record, int folder, const std::string& path) {
  if (auto removed = remove_tree(folder, "tree", path + "/tree"); !removed) return removed.error();
  const std::string name = archive_name(record.snapshot);
  unlinkat(folder, name.c_str(), 0);
  Status made = Stage(record, folder, path).build();
  if (made) {
    // Unchecked: what was installed once may be installed again, however odd its control data.
    auto packed = run_tool(
        {"dpkg-deb", "--nocheck", "-Znone", "--build", path + "/tree", path + "/" + name}, path);
    if (!packed) made = packed.error();
  }
  auto removed = remove_tree(folder, "tree", path + "/tree");
  if (made && !removed) made = removed;
  if (!made) {
    remove_failed(folder, name);
    return made.error();
  }
  return path + "/" + name;
}

}  // namespace aptkeep::snapshot
