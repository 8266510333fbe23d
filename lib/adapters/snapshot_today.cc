// A rollback by hand, long after its run: what a person has made of the package's files since then
// stays, as it would if the old version's archive were installed with dpkg. Looked for once, before
// dpkg begins, and kept with the snapshot: nobody can tell afterwards whose work is whose.
#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <memory>

#include "adapters/snapshot_back.h"
#include "adapters/snapshot_stage.h"
#include "adapters/snapshot_take.h"

namespace aptkeep::snapshot {
namespace {

constexpr const char* kStays = "stays";
constexpr const char* kToday = "today";

std::string real_path(const std::string& path) {
  const std::unique_ptr<char, void (*)(void*)> real(realpath(path.c_str(), nullptr), std::free);
  return real ? real.get() : "";
}

FileType type_at(const std::string& path) {
  Walk walk;
  auto place = walk.to(path);
  struct stat stab {};
  return place && look(*place, stab) ? type_of(stab) : FileType::Absent;
}

// What dpkg ships today, and not only remembers.
bool is_current(const Package& package, const std::string& path) {
  const ConffileRecord* conffile = find_conffile(package.failed.conffiles, path);
  return conffile != nullptr && !conffile->obsolete && !conffile->remove_on_upgrade;
}

class Today {
 public:
  Today(Package& package, AllConffiles& all) : package_(package), all_(all) {}

  std::vector<Move> stays() {
    const Record& record = package_.record;
    for (const FileRecord& file : record.snapshot.files) files_.emplace(file.path, &file);
    for (const ConffileRecord& conffile : record.snapshot.conffiles) {
      const auto found = files_.find(conffile.path);
      if (found != files_.end()) look_at(*found->second);
    }
    for (const ConffileRecord& conffile : package_.failed.conffiles) look_at_new(conffile);
    for (std::size_t i = 0; i < record.snapshot.files.size(); ++i) {
      const FileRecord& file = record.snapshot.files[i];
      if (i >= record.listed) {
        look_at_other(file);
      } else if (file.type == FileType::Directory && is_laid_elsewhere(file.true_path)) {
        add(file.path);
      }
    }
    return std::move(stays_);
  }

 private:
  void add(const std::string& path) { stays_.push_back(Move{path, ""}); }

  bool is_since(const std::string& path) const {
    return changed_since(path, package_.options.since);
  }

  void look_beside(const std::string& path, const char* const* extensions, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      // That is dpkg's own, while a version waits to be configured.
      if (std::string_view(extensions[i]) == ".dpkg-new") continue;
      if (is_since(path + extensions[i])) add(path + extensions[i]);
    }
  }

  // Content that no version shipped, and that was not there before either.
  bool is_foreign(const FileRecord& file, const std::string& path) {
    if (!file.stored.empty()) {
      auto present = compare_content(package_, file, path);
      if (!present || *present == Present::NoFile) return true;
      if (*present == Present::Same) return false;
    }
    return !is_known(package_, all_, file.path, hash_at(path));
  }

  bool is_edited(const FileRecord& file) {
    const std::string& path = file.true_path;
    switch (type_at(path)) {
      case FileType::Absent:
        return file.type != FileType::Absent && is_current(package_, file.path);
      case FileType::Regular:
        return file.type == FileType::Symlink || is_foreign(file, path);
      case FileType::Symlink: {
        Walk walk;
        auto place = walk.to(path);
        auto target = place ? read_link(*place) : Result<std::string>(place.error());
        if (file.type != FileType::Symlink || !target || *target != file.target) return true;
        const std::string real = real_path(path);
        return !real.empty() && is_foreign(file, real);
      }
      default:
        return true;
    }
  }

  void look_at(const FileRecord& file) {
    if (is_edited(file)) add(file.path);
    look_beside(file.true_path, kDpkgBeside, std::size(kDpkgBeside));
  }

  // A conffile that came with the version that is there now. Moved there by its scripts it has the
  // content from before.
  void look_at_new(const ConffileRecord& conffile) {
    const std::string& path = conffile.path;
    if (files_.count(path) != 0 || conffile.remove_on_upgrade) return;
    look_beside(path, kDpkgBeside, std::size(kDpkgBeside));
    const FileType type = type_at(path);
    if (type == FileType::Absent) return;
    bool known = type == FileType::Regular && is_known(package_, all_, path, hash_at(path));
    for (const ConffileRecord& old : package_.record.snapshot.conffiles) {
      const auto file = files_.find(old.path);
      if (known || type != FileType::Regular) break;
      if (file == files_.end() || file->second->stored.empty()) continue;
      auto present = compare_content(package_, *file->second, path);
      known = present && *present == Present::Same;
    }
    if (!known) add(path);
  }

  bool is_ucf_edited(const FileRecord& file) {
    const std::string& path = file.true_path;
    const auto found = ucf_.hashes.find(file.path);
    const std::string shipped = found == ucf_.hashes.end() ? "" : found->second;
    switch (type_at(path)) {
      case FileType::Absent:
        return file.type != FileType::Absent && !shipped.empty();  // ucf leaves it out then, too
      case FileType::Regular: {
        auto present = file.stored.empty() ? Result<Present>(Present::Other)
                                           : compare_content(package_, file, path);
        return (!present || *present != Present::Same) && hash_at(path) != shipped;
      }
      default:
        return type_at(path) != file.type;
    }
  }

  // ucf's files have a list of what was shipped; of those that a rule names nobody knows.
  void look_at_other(const FileRecord& file) {
    const auto& ucf = package_.record.snapshot.ucf;
    if (std::any_of(ucf.begin(), ucf.end(),
                    [&](const UcfRecord& one) { return one.path == file.path; })) {
      look_beside(file.true_path, kUcfBeside, std::size(kUcfBeside));
      if (is_ucf_edited(file)) add(file.path);
    } else if (is_since(file.true_path)) {
      add(file.path);
    }
  }

  // dpkg takes a symlink to a folder for the folder that it has in an archive.
  bool is_laid_elsewhere(const std::string& path) const {
    if (type_at(path) != FileType::Symlink || !is_since(path)) return false;
    struct stat stab {};
    return stat(path.c_str(), &stab) == 0 && S_ISDIR(stab.st_mode);
  }

  Package& package_;
  AllConffiles& all_;
  const UcfLists ucf_ = read_ucf(package_.options.ucf_folder);
  std::map<std::string, const FileRecord*> files_;
  std::vector<Move> stays_;
};

// Where dpkg puts the package's files now: a diversion of its own does not concern them.
void divert_as_now(Package& package, const std::string& diversions) {
  const auto to = diverted_by_others(package, diversions, true);
  for (std::size_t i = 0; i < package.record.listed; ++i) {
    FileRecord& file = package.record.snapshot.files[i];
    const auto found = to.find(file.path);
    file.true_path = found == to.end() ? file.path : found->second;
  }
}

void take_over(Package& package, const System& today, const std::vector<Move>& stays) {
  // Scripts say to whom a diversion belongs; who made an override nobody knows, so that they count
  // as the scripts' only if none was made since.
  if (changed_since(package.options.dpkg_folder + "/statoverride", package.options.since)) {
    package.before.statoverride = today.statoverride;
  }
  package.before.alternatives = today.alternatives;
  package.before.links = today.links;
  divert_as_now(package, today.diversions);
  for (const Move& stay : stays) package.stays_.insert(stay.path);
  for (ConffileRecord& conffile : package.record.snapshot.conffiles) {
    conffile.edited = conffile.edited || package.stays(conffile.path);
  }
}

bool is_noted(const Package& package) {
  return is_whole(package.folder.get(), kToday) && is_whole(package.folder.get(), kStays);
}

// Not again once the old version is there: what dpkg has made of the files is nobody's wish.
Status note(const SnapshotOptions& options, const std::string& name, const PackageFiles* now) {
  auto package = open_package(options, name);
  if (!package) return package.error();
  const bool gone_back = now != nullptr && now->version == package->record.snapshot.version;
  if (gone_back && is_noted(*package)) return success();
  auto today = read_system(options);
  if (!today) return today.error();
  divert_as_now(*package, today->diversions);
  package->failed.conffiles = now == nullptr ? std::vector<ConffileRecord>{} : now->conffiles;
  AllConffiles all(options);
  const auto stays = Today(*package, all).stays();
  if (auto saved = save(package->folder.get(), kToday, *today); !saved) return saved;
  return save(package->folder.get(), kStays, stays);
}

}  // namespace

bool Package::stays(const std::string& path_) const {
  return stays_.count(path_) != 0;
}

Status as_of_today(Package& package) {
  if (package.options.since == 0 || !is_noted(package)) return success();
  auto today = load_system(package.folder.get(), kToday);
  if (!today) return today.error();
  auto stays = load_moves(package.folder.get(), kStays);
  if (!stays) return stays.error();
  take_over(package, *today, *stays);
  return success();
}

Status note_today(const SnapshotOptions& options, const std::string& name, Record& record) {
  auto read = options.read({name});
  if (!read) return read.error();
  const PackageFiles* now = read->packages.empty() ? nullptr : &read->packages.front();
  if (auto noted = note(options, name, now); !noted) return noted;
  auto package = open_package(options, name);
  if (!package) return package.error();
  record = std::move(package->record);
  return success();
}

}  // namespace aptkeep::snapshot
