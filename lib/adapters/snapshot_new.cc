// Packages that came new and are removed again: what their scripts made and left is undone from the
// record of the system and from their list of files, which dpkg forgets with them.
#include <algorithm>
#include <exception>
#include <set>

#include "adapters/snapshot_back.h"

namespace aptkeep {
namespace snapshot {
namespace {

Status note_all(const SnapshotOptions& options, const std::vector<std::string>& packages) {
  auto folder = open_folder(options.folder, true);
  if (!folder) return folder.error();
  auto read = options.read(packages);
  if (!read) return read.error();
  for (const PackageFiles& files : read->packages) {
    auto own = open_below(folder->get(), files.package, options.folder + "/" + files.package, true);
    if (!own) return own.error();
    const Failed failed{files.version, files.paths, files.conffiles, files.state, {}};
    if (auto kept = keep_scripts(own->get(), files); !kept) return kept;
    if (auto saved = save(own->get(), kFailed, failed); !saved) return saved;
  }
  return success();
}

using Undo = std::vector<std::string> (*)(Package&);

Result<std::vector<std::string>> undo_one(const SnapshotOptions& options, const std::string& name,
                                          std::initializer_list<Undo> undos) {
  std::vector<std::string> sentences;
  auto folder = open_folder(options.folder, false);
  // A run by an aptkeep that took no record of the system for the sake of new packages.
  if (!folder || !is_whole(folder->get(), "system")) return sentences;
  Package package(options, name);
  auto own = open_below(folder->get(), name, package.path, true);
  if (!own) return own.error();
  package.folder = std::move(*own);
  package.record.snapshot.package = name;
  if (auto before = read_before(package, folder->get()); !before) return before.error();
  const auto failed = read_failed(package);
  if (!failed) return failed.error();
  package.brought_.insert(failed->paths.begin(), failed->paths.end());
  auto scripts = read_scripts(package);
  if (!scripts) return scripts.error();
  package.scripts_ = std::move(*scripts);
  for (const Undo undo : undos) {
    for (std::string& sentence : undo(package)) sentences.push_back(std::move(sentence));
  }
  return sentences;
}

Result<bool> shares(const SnapshotOptions& options, const std::string& newcomer,
                    const std::vector<std::string>& packages) {
  const auto read = options.read({newcomer});
  if (!read) return read.error();
  std::set<std::string> files;
  for (const PackageFiles& package : read->packages) {
    files.insert(package.paths.begin(), package.paths.end());
  }
  for (const std::string& package : packages) {
    const auto old = read_snapshot(options.folder, package);
    if (!old) return old.error();
    const auto shared = [&](const FileRecord& file) {
      return file.type != FileType::Directory && files.contains(file.path);
    };
    if (std::any_of(old->files.begin(), old->files.end(), shared)) return true;
  }
  return false;
}

}  // namespace
}  // namespace snapshot

Status RealSnapshots::note_new(const std::vector<std::string>& packages) try {
  return snapshot::note_all(options_, packages);
} catch (const std::exception& problem) {
  return Error{std::string("unable to read new packages: ") + problem.what()};
}

std::vector<std::string> RealSnapshots::undo_new(const std::string& package) try {
  using namespace snapshot;
  auto undone = undo_one(
      options_, package,
      {restore_diversions, undo_diversions, undo_overrides, undo_alternatives, tell_undone});
  return undone ? *undone : std::vector<std::string>{undone.error().message};
} catch (const std::exception& problem) {
  return {std::string("unable to undo what its scripts did: ") + problem.what()};
}

void RealSnapshots::clear_new(const std::string& package) try {
  (void)snapshot::undo_one(options_, package,
                           {snapshot::undo_diversions, snapshot::undo_overrides});
} catch (const std::exception&) {
  // undo_new() will tell.
}

bool RealSnapshots::shares_files(const std::string& newcomer,
                                 const std::vector<std::string>& packages) try {
  const auto shared = snapshot::shares(options_, newcomer, packages);
  return !shared || *shared;
} catch (const std::exception&) {
  return true;
}

}  // namespace aptkeep
