// What dpkg itself has brought back to the old version, because a script failed before the new one
// was unpacked, or kept from being removed: dpkg undoes what it did, and not what its scripts did.
// A diversion that a preinst has made leaves another package's file moved away.
#include <algorithm>
#include <exception>

#include "adapters/dpkg_archive.h"
#include "adapters/snapshot_back.h"

namespace aptkeep {
namespace snapshot {
namespace {

// With its snapshot where there is one.
Result<Package> open_unwound(const SnapshotOptions& options, int folder, const std::string& name) {
  struct stat stab {};
  auto own = open_below(folder, name, options.folder + "/" + name, true);
  if (!own) return own.error();
  if (look(Place{own->get(), "record"}, stab)) return open_package(options, name);
  Package package(options, name);
  package.folder = std::move(*own);
  package.record.snapshot.package = name;
  if (auto before = read_before(package, folder); !before) return before.error();
  return package;
}

// Of the version that is there, and of the one that was to come.
Status add_names(Package& package, const std::string& archive) {
  auto read = package.options.read({package.name()});
  if (!read) return read.error();
  package.scripts_.clear();
  for (const PackageFiles& files : read->packages) {
    package.listed_.insert(files.paths.begin(), files.paths.end());
    package.scripts_ += scripts_of(files);
  }
  if (archive.empty()) return success();
  auto files = read_archive_files(archive);
  if (!files) return files.error();
  for (const ArchiveFile& file : *files) package.brought_.insert(file.path);
  auto scripts =
      read_control_files(archive, {std::begin(kScripts), std::end(kScripts)}, kLongestScript);
  if (!scripts) return scripts.error();
  for (const auto& [script, text] : *scripts) package.scripts_ += text + "\n";
  return success();
}

// Of whose overrides something was undone.
std::unordered_set<std::string> overridden(const Package& package) {
  std::unordered_set<std::string> paths;
  const auto now = read_lists(package.options);
  if (!now) return paths;
  const auto before_list = parse_overrides(package.before.statoverride);
  const auto now_list = parse_overrides(now->statoverride);
  for (const auto& [some, others] : {std::pair{&before_list, &now_list}, {&now_list, &before_list}})
    for (const Override& one : *some) {
      if (std::ranges::count(*others, one) == 0) paths.insert(one.path);
    }
  return paths;
}

// Where that cannot be, it is done once more.
void note_unwound(const Package& package) {
  (void)write_file(package.folder.get(), kUnwound, "", Sync::Now);
}

Result<std::vector<std::string>> undo_scripts_of(const SnapshotOptions& options,
                                                 const std::string& name,
                                                 const std::string& archive, bool once) {
  std::vector<std::string> sentences;
  auto folder = open_folder(options.folder, false);
  if (!folder || !is_whole(folder->get(), "system")) return sentences;  // nothing is known
  auto package = open_unwound(options, folder->get(), name);
  if (!package) return package.error();
  struct stat stab {};
  if (once && look(Place{package->folder.get(), kUnwound}, stab)) return sentences;
  const auto now = read_system(options);
  if (!now) return now.error();
  if (package->before == *now) {  // most scripts do nothing of the kind
    note_unwound(*package);
    return sentences;
  }
  if (auto added = add_names(*package, archive); !added) return added.error();
  auto paths = overridden(*package);
  // A file that another package has taken over is as that one wants it.
  for (const auto& [path, owner] : owners_of(*package, {paths.begin(), paths.end()})) {
    if (owner == Owner::Others) paths.erase(path);
  }
  for (auto* undo : {restore_diversions, undo_diversions, undo_overrides, undo_alternatives}) {
    for (std::string& sentence : undo(*package)) sentences.push_back(std::move(sentence));
  }
  note_unwound(*package);
  for (auto& more : {compare_paths(*package, paths), tell_undone(*package)})
    sentences.insert(sentences.end(), more.begin(), more.end());
  return sentences;
}

}  // namespace
}  // namespace snapshot

std::vector<std::string> RealSnapshots::undo_scripts(const std::string& package,
                                                     const std::string& archive, bool once) try {
  auto undone = snapshot::undo_scripts_of(options_, package, archive, once);
  return undone ? *undone : std::vector<std::string>{undone.error().message};
} catch (const std::exception& problem) {
  return {std::string("unable to undo what its scripts did: ") + problem.what()};
}

}  // namespace aptkeep
