#include "adapters/snapshot_take.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <optional>
#include <unordered_map>
#include <utility>

#include "adapters/snapshot_behind.h"
#include "adapters/snapshot_store.h"

namespace aptkeep::snapshot {
namespace {

constexpr std::size_t kUnknown = SIZE_MAX;

class PackageSaver {
 public:
  PackageSaver(Taking& taking, const PackageFiles& files, int folder)
      : taking_(taking), files_(files), folder_(folder) {}

  Status save_all();

 private:
  FileRecord record_of(const std::string& path, bool copy);
  void fill(FileRecord& file, const Place& place, const struct stat& stab, bool copy);
  void save_conffile(ConffileRecord conffile);
  bool is_recorded(const std::string& path) const;
  void save_ucf(const std::string& path);
  void save_beside(const std::string& path);
  void save_extra(const std::string& path);
  void tell_unsaved(const std::string& path, const std::string& why) const;
  Status save_control();
  std::string true_path(const std::string& path) const;

  Taking& taking_;
  const PackageFiles& files_;
  int folder_;
  std::optional<Store> store_;
  Record record_;
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

FileRecord PackageSaver::record_of(const std::string& path, bool copy) {
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
  fill(file, *place, stab, copy);
  return file;
}

void PackageSaver::fill(FileRecord& file, const Place& place, const struct stat& stab, bool copy) {
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
      store_->keep(file, place, copy || must_be_copied(file));
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

void PackageSaver::save_beside(const std::string& path) {
  auto file = record_of(path, true);
  if (file.type != FileType::Absent || !file.unsaved.empty()) record_.beside.push_back(file);
}

void PackageSaver::save_conffile(ConffileRecord conffile) {
  auto& files = record_.snapshot.files;
  const auto [found, added] = conffiles_.emplace(conffile.path, files.size());
  if (added || found->second == kUnknown) {
    found->second = files.size();
    files.push_back(record_of(conffile.path, true));
  }
  FileRecord& file = files[found->second];
  if (file.type == FileType::Symlink) store_->keep_behind(file);
  conffile.edited = store_->hash_of(file) != conffile.hash;
  for (const char* extension : kDpkgBeside) save_beside(file.true_path + extension);
  record_.snapshot.conffiles.push_back(std::move(conffile));
}

bool PackageSaver::is_recorded(const std::string& path) const {
  const auto& files = record_.snapshot.files;
  return std::any_of(files.begin(), files.end(),
                     [&](const FileRecord& file) { return file.path == path; });
}

void PackageSaver::save_ucf(const std::string& path) {
  if (is_recorded(path)) return;
  record_.snapshot.files.push_back(record_of(path, true));
  const auto hash = taking_.ucf.hashes.find(path);
  record_.snapshot.ucf.push_back(
      UcfRecord{path, hash == taking_.ucf.hashes.end() ? std::string() : hash->second});
  for (const char* extension : kUcfBeside) save_beside(path + extension);
  save_beside(taking_.options.ucf_folder + "/cache/" + ucf_cache_name(path));
}

void PackageSaver::tell_unsaved(const std::string& path, const std::string& why) const {
  if (taking_.again) return;
  taking_.options.say("unable to save " + path + " for " + name_without_arch(files_.package) +
                      ": " + why);
}

// A file that a rule names, and what it leads to: scripts write through symlinks. What cannot be
// saved is told, since it would not come back.
void PackageSaver::save_extra(const std::string& path) {
  auto& files = record_.snapshot.files;
  if (const auto fault = why_not_saved(FileType::Regular, path); !fault.empty())
    return tell_unsaved(path, fault);
  if (!is_recorded(path)) files.push_back(record_of(path, true));
  const FileRecord& file = *std::ranges::find(files, path, &FileRecord::path);
  if (file.type == FileType::Absent || !file.stored.empty() || !file.unsaved.empty()) return;
  if (file.type != FileType::Symlink) return tell_unsaved(path, why_not_saved(file.type, path));
  const auto behind = behind_symlink(taking_.walk, file.true_path);
  if (!behind) return tell_unsaved("what " + path + " leads to", behind.error().message);
  if (!behind->empty() && !is_recorded(*behind)) files.push_back(record_of(*behind, true));
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
  store_.emplace(std::move(*store), taking_.options.copy_limit, taking_.copied);

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
    snapshot.files.push_back(record_of(path, conffile != conffiles_.end()));
  }
  for (const ConffileRecord& conffile : files_.conffiles) save_conffile(conffile);
  record_.listed = snapshot.files.size();
  const auto ucf = taking_.ucf.registry.find(name_without_arch(files_.package));
  if (ucf != taking_.ucf.registry.end()) {
    for (const std::string& path : ucf->second) save_ucf(path);
  }
  const auto extra = taking_.options.extra.find(files_.package);
  if (extra != taking_.options.extra.end()) {
    for (const std::string& path : extra->second) save_extra(path);
  }
  if (auto saved = save_control(); !saved) return saved;

  for (const auto* files : {&snapshot.files, &record_.beside}) {
    for (const FileRecord& file : *files) {
      if (!file.unsaved.empty()) return Error{file.unsaved};
    }
  }
  return save(folder_, kUnsynced, record_);
}

}  // namespace

Status save_package(Taking& taking, const PackageFiles& files, int folder) {
  return PackageSaver(taking, files, folder).save_all();
}

}  // namespace aptkeep::snapshot
