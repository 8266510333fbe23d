#include "adapters/snapshot_take.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <unordered_map>
#include <utility>

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

enum class How { Link, Copy };

constexpr std::size_t kUnknown = SIZE_MAX;

class PackageSaver {
 public:
  PackageSaver(Taking& taking, const PackageFiles& files, int folder)
      : taking_(taking), files_(files), folder_(folder) {}

  Status save_all();

 private:
  FileRecord record_of(const std::string& path, How how);
  void fill(FileRecord& file, const Place& place, const struct stat& stab, How how);
  void store_regular(FileRecord& file, const Place& place, How how);
  bool link_it(FileRecord& file, const Place& place, const std::string& name);
  void copy_it(FileRecord& file, const Place& place, const std::string& name, bool forced);
  void store_behind(FileRecord& file);
  std::string hash_of(const FileRecord& file);
  void save_conffile(ConffileRecord conffile);
  void save_ucf(const std::string& path);
  void save_beside(const std::string& path);
  Status save_control();
  std::string true_path(const std::string& path) const;

  Taking& taking_;
  const PackageFiles& files_;
  int folder_;
  Fd store_;
  Record record_;
  unsigned next_ = 0;
  // Where files that are one are stored: hard links among themselves stay so.
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::string> stored_;
  std::unordered_map<std::string, std::string> hashes_;     // stored name -> md5 of a copy
  std::unordered_map<std::string, std::size_t> conffiles_;  // path -> its place among the files
};

std::string PackageSaver::true_path(const std::string& path) const {
  const auto diverted = taking_.diversions.find(path);
  if (diverted == taking_.diversions.end() ||
      diverted->second.package == name_without_arch(files_.package)) {
    return path;
  }
  return diverted->second.to;
}

// A file that has another link where it lies is left alone by cron and others that read /etc; and
// dpkg takes the mode away of what it unlinks if it is one of the special ones.
bool must_be_copied(const FileRecord& file) {
  return (file.mode & 07000) != 0 || file.true_path.rfind("/etc/", 0) == 0;
}

FileRecord PackageSaver::record_of(const std::string& path, How how) {
  FileRecord file;
  file.path = path;
  file.true_path = true_path(path);
  auto place = taking_.walk.to(file.true_path);
  if (!place) {
    file.unsaved = place.error().message;
    return file;
  }
  struct stat stab {};
  if (!look(*place, stab)) {
    if (errno != ENOENT && errno != ENOTDIR) file.unsaved = failure("look at " + path).message;
    return file;
  }
  fill(file, *place, stab, how);
  return file;
}

void PackageSaver::fill(FileRecord& file, const Place& place, const struct stat& stab, How how) {
  file.type = type_of(stab);
  file.mode = stab.st_mode & 07777;
  file.uid = stab.st_uid;
  file.gid = stab.st_gid;
  file.device = stab.st_dev;
  file.inode = stab.st_ino;
  file.mtime = stab.st_mtim.tv_sec;
  file.xattrs = read_xattrs(name_of(place, file.true_path));
  switch (file.type) {
    case FileType::Regular:
      file.size = static_cast<std::uint64_t>(stab.st_size);
      store_regular(file, place, must_be_copied(file) ? How::Copy : how);
      break;
    case FileType::Symlink:
      if (auto target = read_link(place)) {
        file.target = std::move(*target);
      } else {
        file.unsaved = target.error().message;
      }
      break;
    case FileType::CharDevice:
    case FileType::BlockDevice:
      file.rdev = stab.st_rdev;
      break;
    default:
      break;
  }
}

void PackageSaver::store_regular(FileRecord& file, const Place& place, How how) {
  auto& known = stored_[{file.device, file.inode}];
  if (known.empty()) {
    const std::string name = std::to_string(next_++);
    if (how == How::Copy) {
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
bool PackageSaver::link_it(FileRecord& file, const Place& place, const std::string& name) {
  for (int tries = 0; tries < 3; ++tries) {
    if (linkat(place.folder, place.name.c_str(), store_.get(), name.c_str(), 0) != 0) {
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
    const bool is_file = fstatat(store_.get(), name.c_str(), &stored, AT_SYMLINK_NOFOLLOW) == 0 &&
                         S_ISREG(stored.st_mode);
    const bool is_same = is_file && look(place, stab) && same_file(stab, stored);
    if (!is_same) {
      // Replaced meanwhile.
      unlinkat(store_.get(), name.c_str(), 0);
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

void PackageSaver::copy_it(FileRecord& file, const Place& place, const std::string& name,
                           bool forced) {
  auto from = open_file(place, file.path);
  if (!from) {
    file.unsaved = from.error().message;
    return;
  }
  const Fd to(openat(store_.get(), name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!to.open()) {
    file.unsaved = failure("copy " + file.path).message;
    return;
  }
  const std::uint64_t limit = taking_.options.copy_limit;
  const std::uint64_t most = !forced                  ? UINT64_MAX
                             : limit > taking_.copied ? limit - taking_.copied
                                                      : 0;
  auto copied = copy_content(from->get(), to.get(), file.path, !forced, most);
  if (!copied) {
    file.unsaved = copied.error().message;
    unlinkat(store_.get(), name.c_str(), 0);
    return;
  }
  if (forced) taking_.copied += copied->bytes;
  if (!forced) {
    hashes_[name] = copied->md5;
    file.size = copied->bytes;
  }
  const timespec times[2] = {{0, UTIME_OMIT}, {file.mtime, 0}};
  futimens(to.get(), times);
}

// The content that a conffile has through its symlink: dpkg writes there (its conffderef()).
void PackageSaver::store_behind(FileRecord& file) {
  const Fd from(open(file.true_path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  struct stat stab {};
  if (!from.open() || fstat(from.get(), &stab) != 0 || !S_ISREG(stab.st_mode)) return;
  const std::string name = std::to_string(next_++);
  const Fd to(openat(store_.get(), name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
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

void PackageSaver::save_beside(const std::string& path) {
  auto file = record_of(path, How::Copy);
  if (file.type != FileType::Absent || !file.unsaved.empty()) record_.beside.push_back(file);
}

std::string PackageSaver::hash_of(const FileRecord& file) {
  if (file.stored.empty()) return "";
  const auto known = hashes_.find(file.stored);
  if (known != hashes_.end()) return known->second;
  auto fd = open_file(Place{store_.get(), file.stored}, file.path);
  auto hash = fd ? md5_of(fd->get(), file.path) : Result<std::string>(fd.error());
  return hash ? *hash : "";
}

void PackageSaver::save_conffile(ConffileRecord conffile) {
  auto& files = record_.snapshot.files;
  const auto [found, added] = conffiles_.emplace(conffile.path, files.size());
  if (added || found->second == kUnknown) {
    found->second = files.size();
    files.push_back(record_of(conffile.path, How::Copy));
  }
  FileRecord& file = files[found->second];
  if (file.type == FileType::Symlink) store_behind(file);
  conffile.edited = hash_of(file) != conffile.hash;
  for (const char* extension : kDpkgBeside) save_beside(file.true_path + extension);
  record_.snapshot.conffiles.push_back(std::move(conffile));
}

void PackageSaver::save_ucf(const std::string& path) {
  for (const FileRecord& file : record_.snapshot.files) {
    if (file.path == path) return;
  }
  record_.snapshot.files.push_back(record_of(path, How::Copy));
  const auto hash = taking_.ucf.hashes.find(path);
  record_.snapshot.ucf.push_back(
      UcfRecord{path, hash == taking_.ucf.hashes.end() ? std::string() : hash->second});
  for (const char* extension : kUcfBeside) save_beside(path + extension);
  save_beside(taking_.options.ucf_folder + "/cache/" + ucf_cache_name(path));
}

Status PackageSaver::save_control() {
  auto control = open_below(folder_, "control", "control", true);
  if (!control) return control.error();
  for (const ControlFile& script : files_.control_files) {
    auto place = taking_.walk.to(script.path);
    if (!place) return place.error();
    auto from = open_file(*place, script.path);
    if (!from) return from.error();
    struct stat stab {};
    if (fstat(from->get(), &stab) != 0) return failure("look at " + script.path);
    const Fd to(
        openat(control->get(), script.name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!to.open()) return failure("copy " + script.path);
    auto copied = copy_content(from->get(), to.get(), script.path, false);
    if (!copied) return copied.error();
    if (fchmod(to.get(), stab.st_mode & 0777) != 0) return failure("copy " + script.path);
    record_.snapshot.scripts.push_back(script.name);
  }
  return success();
}

Status PackageSaver::save_all() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME_COARSE, &now);  // the clock of ctimes
  record_.taken = now.tv_sec * 1'000'000'000 + now.tv_nsec;
  auto store = open_below(folder_, "files", "files", true);
  if (!store) return store.error();
  store_ = std::move(*store);

  Snapshot& snapshot = record_.snapshot;
  snapshot.package = files_.package;
  snapshot.arch = files_.arch;
  snapshot.version = files_.version;
  snapshot.state = files_.state;
  snapshot.control = files_.control;
  for (const ConffileRecord& conffile : files_.conffiles) conffiles_[conffile.path] = kUnknown;
  snapshot.files.reserve(files_.paths.size());
  for (const std::string& path : files_.paths) {
    const auto conffile = conffiles_.find(path);
    if (conffile != conffiles_.end()) conffile->second = snapshot.files.size();
    snapshot.files.push_back(record_of(path, conffile != conffiles_.end() ? How::Copy : How::Link));
  }
  for (const ConffileRecord& conffile : files_.conffiles) save_conffile(conffile);
  record_.listed = snapshot.files.size();
  const auto ucf = taking_.ucf.registry.find(name_without_arch(files_.package));
  if (ucf != taking_.ucf.registry.end()) {
    for (const std::string& path : ucf->second) save_ucf(path);
  }
  const auto extra = taking_.options.extra.find(files_.package);
  if (extra != taking_.options.extra.end()) {
    for (const std::string& path : extra->second) {
      snapshot.files.push_back(record_of(path, How::Copy));
    }
  }
  if (auto saved = save_control(); !saved) return saved;

  for (const auto* files : {&snapshot.files, &record_.beside}) {
    for (const FileRecord& file : *files) {
      if (!file.unsaved.empty()) return Error{file.unsaved};
    }
  }
  return save(folder_, "record", record_);
}

}  // namespace

Status save_package(Taking& taking, const PackageFiles& files, int folder) {
  return PackageSaver(taking, files, folder).save_all();
}

}  // namespace aptkeep::snapshot
