// The way back as the engine calls it: each step for all packages, in this order.
#include <unistd.h>

#include <dirent.h>
#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <memory>
#include <utility>

#include "adapters/snapshot_back.h"
#include "adapters/snapshot_guarded.h"
#include "adapters/snapshot_sums.h"

namespace aptkeep {
namespace snapshot {
namespace {

// Where dpkg is with the package, now.
struct Now {
  const PackageFiles* files = nullptr;

  bool is_old(const Package& package) const {
    return files != nullptr && files->version == package.record.snapshot.version;
  }
  // The old version is unpacked, whole ("iHR", "iH": dpkg could not).
  bool unpacked(const Package& package) const {
    return is_old(package) && files->state.size() == 2 && files->state[1] != 'H' &&
           files->state[1] != 'n' && files->state[1] != 'c';
  }
};

Now now_of(const DpkgFiles& read, const std::string& name) {
  for (const PackageFiles& files : read.packages) {
    if (files.package == name) return Now{&files};
  }
  return Now{};
}

bool was_half_configured(const Package& package) {
  return package.failed.state.size() > 1 && package.failed.state[1] == 'F';
}

// Where dpkg could not unpack the old version it calls the failed one installed, whatever it was
// before (its src/main/cleanup.c, cu_prermupgrade). What could not be configured is not.
Status undo_unpacking(Package& package, const Now& now) {
  if (auto undone = undo_moves(package); !undone) return undone;
  if (now.files == nullptr || now.files->version != package.failed.version ||
      now.files->state.substr(1) != "i" || !was_half_configured(package)) {
    return success();
  }
  const Snapshot& before = package.record.snapshot;
  const bool configured = before.state.size() > 1 && before.state[1] == 'i';
  return package.options.half_configure(package.name(), configured ? before.version : "");
}

// Without its list of checksums nothing of its content is known.
Status keep_sums(const Package& package, const PackageFiles& files) {
  unlinkat(package.folder.get(), kFailedSums, 0);
  for (const ControlFile& file : files.control_files) {
    if (file.name != "md5sums") continue;
    Walk walk;
    auto place = walk.to(file.path);
    auto fd = place ? open_file(*place, file.path) : Result<Fd>(place.error());
    auto text = fd ? read_fd(fd->get(), file.path, kMostSums) : Result<std::string>(fd.error());
    if (!text) return text.error();
    return write_file(package.folder.get(), kFailedSums, *text, Sync::Later);
  }
  return success();
}

// dpkg forgets the failed version as soon as it has unpacked the old one.
Status note_failed(Package& package, const Now& now) {
  if (now.files == nullptr) return success();
  // Both builds of a reinstallation bear one version; what is not configured and has not been noted
  // yet is the failed one.
  const char letter = now.files->state.size() == 2 ? now.files->state[1] : 'i';
  const bool other_build = package.failed.version.empty() && (letter == 'U' || letter == 'F');
  if (now.is_old(package) && !other_build) return success();
  const bool again = package.failed.version == now.files->version && was_half_configured(package);
  package.failed =
      Failed{now.files->version, now.files->paths, now.files->conffiles,
             again ? package.failed.state : now.files->state, taken_over(package, *now.files)};
  package.brought_.clear();
  package.brought_.insert(package.failed.paths.begin(), package.failed.paths.end());
  if (auto kept = keep_sums(package, *now.files); !kept) return kept;
  if (auto kept = keep_scripts(package.folder.get(), *now.files); !kept) return kept;
  package.scripts_ = scripts_of(*now.files);
  return save(package.folder.get(), kFailed, package.failed);
}

// Nothing stops at a sentence: what is left is found again, and told, in the end.
void ignore(const std::vector<std::string>&) {}

Status settle_package(Package& package, AllConffiles& conffiles) {
  if (auto followed = follow_diversions(package); !followed) return followed;
  if (auto made = make_symlinks(package); !made) return made;
  if (auto settled = settle_conffiles(package, conffiles); !settled) return settled;
  if (auto settled = settle_ucf(package); !settled) return settled;
  if (auto settled = settle_extra(package); !settled) return settled;
  ignore(undo_diversions(package));
  ignore(undo_overrides(package));
  return success();
}

void remove_archives(const Package& package) {
  const int inner = openat(package.folder.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(inner < 0 ? nullptr : fdopendir(inner), closedir);
  if (!dir) return;
  while (const dirent* entry = readdir(dir.get())) {
    const std::string name = entry->d_name;
    if (name.size() > 4 && name.compare(name.size() - 4, 4, ".deb") == 0) {
      unlinkat(package.folder.get(), entry->d_name, 0);
    }
  }
}

// dpkg keeps the archive's list of conffiles, and ours had the unedited ones only.
Status restore_conffiles_list(Package& package) {
  const std::string folder = package.options.dpkg_folder + "/info";
  const std::string name = package.name();
  Walk walk;
  auto place = walk.to(folder + "/" + name + ".list");
  if (!place) return place.error();
  struct stat stab {};
  // Packages that are there for one architecture only go without it.
  const std::string file =
      (look(*place, stab) ? name : name.substr(0, name.find(':'))) + ".conffiles";
  auto control = open_below(package.folder.get(), "control", package.path + "/control", false);
  if (!control) return control.error();
  auto saved = open_file(Place{control->get(), "conffiles"}, file);
  if (!saved) return remove_file(folder + "/" + file);  // it had none
  auto text = read_fd(saved->get(), file, std::size_t{16} << 20);
  if (!text) return text.error();
  if (!place->found()) return failure("write " + file, ENOENT);
  return write_file(place->folder, file, *text, Sync::Now, 0644);
}

void append(std::vector<std::string>& all, std::vector<std::string> more) {
  all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

// Those of the old version; and, as dpkg has it, what came since and was edited: obsolete.
// So is what has another package's text again: the next version that brings it finds it unedited.
std::vector<ConffileRecord> conffiles_of(const Package& package, AllConffiles& all) {
  std::vector<ConffileRecord> conffiles = package.record.snapshot.conffiles;
  for (ConffileRecord conffile : package.failed.conffiles) {
    const bool known = find_conffile(conffiles, conffile.path) != nullptr;
    const bool anothers = !known && has_others_text(package, all, conffile.path);
    if (known || (!anothers && !package.stays(conffile.path))) continue;
    if (anothers) conffile.hash = hash_at(conffile.path);
    conffile.obsolete = true;
    conffiles.push_back(std::move(conffile));
  }
  return conffiles;
}

Result<std::vector<std::string>> complete_package(Package& package, AllConffiles& conffiles) {
  note_replaced(package);
  std::vector<std::string> sentences = tell_replaced(package);
  auto wrote = package.options.write(package.name(), conffiles_of(package, conffiles));
  if (!wrote) return wrote.error();
  if (auto followed = follow_diversions(package); !followed) {
    sentences.push_back(followed.error().message);
  }
  if (auto list = restore_conffiles_list(package); !list) sentences.push_back(list.error().message);
  if (auto crossed = cross_off_newcomers(package, conffiles); !crossed) {
    sentences.push_back(crossed.error().message);
  }
  if (auto settled = settle_leftovers(package); !settled) {
    sentences.push_back(settled.error().message);
  }
  if (auto settled = settle_ucf(package); !settled) sentences.push_back(settled.error().message);
  // Those too that were named by packages which have gone back only now.
  append(sentences, restore_diversions(package));
  append(sentences, undo_diversions(package));
  append(sentences, undo_overrides(package));
  append(sentences, undo_alternatives(package));
  append(sentences, compare_package(package));
  append(sentences, tell_undone(package));
  append(sentences, still_taken(package, conffiles));
  append(sentences, drop_aside(package));
  remove_archives(package);
  return sentences;
}

Status clear_all(const SnapshotOptions& options, const std::vector<std::string>& packages) {
  auto read = options.read(packages);
  if (!read) return read.error();
  for (const std::string& name : packages) {
    auto package = open_package(options, name);
    if (!package) return package.error();
    if (auto noted = note_failed(*package, now_of(*read, name)); !noted) return noted;
    ignore(restore_diversions(*package));
    if (auto cleared = clear_package(*package); !cleared) return cleared;
  }
  return success();
}

Status settle_all(const SnapshotOptions& options, const std::vector<std::string>& packages) {
  auto read = options.read(packages);
  if (!read) return read.error();
  AllConffiles conffiles(options);
  for (const std::string& name : packages) {
    auto package = open_package(options, name);
    if (!package) return package.error();
    const Now now = now_of(*read, name);
    package->configured = now.unpacked(*package) && now.files->state[1] != 'U';
    auto settled = now.unpacked(*package) ? settle_package(*package, conffiles)
                                          : undo_unpacking(*package, now);
    if (!settled) return settled;
  }
  return success();
}

Status unsettle_one(const SnapshotOptions& options, const std::string& name) {
  auto read = options.read({name});
  if (!read) return read.error();
  auto package = open_package(options, name);
  if (!package) return package.error();
  return undo_unpacking(*package, now_of(*read, name));
}

Result<std::vector<std::string>> complete_all(const SnapshotOptions& options,
                                              const std::vector<std::string>& packages) {
  std::vector<std::string> sentences;
  AllConffiles conffiles(options);
  for (const std::string& name : packages) {
    auto package = open_package(options, name);
    if (!package) return package.error();
    auto completed = complete_package(*package, conffiles);
    if (!completed) return completed;
    append(sentences, std::move(*completed));
  }
  return sentences;
}

}  // namespace

Status read_before(Package& package, int folder) {
  auto before = load_system(folder, "system");
  if (!before) return Error{before.error().message + " (" + package.options.folder + ")"};
  package.before = std::move(*before);
  struct stat stab {};
  if (!look(Place{folder, "system"}, stab)) return failure("look at " + package.options.folder);
  package.before_at = stab.st_mtim.tv_sec * 1'000'000'000 + stab.st_mtim.tv_nsec;
  return success();
}

Result<Failed> read_failed(const Package& package) {
  struct stat stab {};
  if (!look(Place{package.folder.get(), kFailed}, stab)) return Failed{};
  auto failed = load_failed(package.folder.get(), kFailed);
  if (!failed) return Error{failed.error().message + " (" + package.path + ")"};
  return failed;
}

Result<Package> open_package(const SnapshotOptions& options, const std::string& name) {
  if (name.empty() || name[0] == '.' || name.find('/') != std::string::npos) {
    return Error{"unable to read the snapshot of " + name};
  }
  auto folder = open_folder(options.folder, false);
  if (!folder) return folder.error();
  Package package(options, name);
  auto own = open_below(folder->get(), name, package.path, false);
  if (!own) return own.error();
  package.folder = std::move(*own);
  auto record = load_record(package.folder.get(), "record");
  if (!record) return Error{record.error().message + " (" + package.path + ")"};
  package.record = std::move(*record);
  if (auto before = read_before(package, folder->get()); !before) return before.error();
  auto failed = read_failed(package);
  if (!failed) return failed.error();
  package.failed = std::move(*failed);
  package.brought_.insert(package.failed.paths.begin(), package.failed.paths.end());
  auto scripts = read_scripts(package);
  if (!scripts) return scripts.error();
  package.scripts_ = std::move(*scripts);
  package.old_scripts_ = read_old_scripts(package);
  for (std::size_t i = 0; i < package.record.listed; ++i) {
    package.listed_.insert(package.record.snapshot.files[i].path);
  }
  if (auto seen = as_of_today(package); !seen) return seen.error();
  return package;
}

void AllConffiles::read() {
  if (std::exchange(read_, true)) return;
  for (const std::string& name : snapshot_packages(options_.folder)) {
    auto package = open_package(options_, name);
    if (!package) continue;
    for (const ConffileRecord& conffile : package->record.snapshot.conffiles) {
      before_.insert(conffile.path);
      versions_.insert(conffile.path + " " + conffile.hash);
    }
    for (const ConffileRecord& conffile : package->failed.conffiles) {
      versions_.insert(conffile.path + " " + conffile.hash);
    }
  }
}

bool AllConffiles::was_there(const std::string& path) {
  read();
  return before_.count(path) != 0;
}

bool AllConffiles::was_shipped(const std::string& path, const std::string& hash) {
  read();
  if (versions_.count(path + " " + hash) != 0) return true;
  const auto& claims = claims_of(path);
  return std::any_of(claims.begin(), claims.end(),
                     [&](const Claim& claim) { return claim.hash == hash; });
}

const std::vector<Claim>& AllConffiles::claims_of(const std::string& path) {
  static const std::vector<Claim> none;
  if (!claims_) claims_ = read_claims();
  const auto found = claims_->find(path);
  return found == claims_->end() ? none : found->second;
}

}  // namespace snapshot

Status RealSnapshots::clear_way(const std::vector<std::string>& packages) {
  return snapshot::guarded("clear the way back",
                           [&] { return snapshot::clear_all(options_, packages); });
}

Status RealSnapshots::unsettle(const std::string& package) {
  return snapshot::guarded("settle packages",
                           [&] { return snapshot::unsettle_one(options_, package); });
}

Status RealSnapshots::settle(const std::vector<std::string>& packages) {
  return snapshot::guarded("settle packages",
                           [&] { return snapshot::settle_all(options_, packages); });
}

bool RealSnapshots::lacks_files(const std::string& package) {
  const auto lacks = snapshot::guarded("look for files", [&]() -> Result<bool> {
    auto opened = snapshot::open_package(options_, package);
    return opened ? Result<bool>(snapshot::lacks_files(*opened)) : Result<bool>(opened.error());
  });
  return lacks && *lacks;
}

Result<std::vector<std::string>> RealSnapshots::complete(const std::vector<std::string>& packages) {
  return snapshot::guarded("complete packages",
                           [&] { return snapshot::complete_all(options_, packages); });
}

}  // namespace aptkeep
