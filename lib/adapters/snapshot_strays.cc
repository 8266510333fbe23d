// What a failed version has left that dpkg does not know of any more: it is killed while it undoes
// a failed unpack, and the next attempt takes what lies there for files of before, which it keeps.
// Other than that dpkg removes them itself.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <exception>
#include <set>
#include <unordered_set>
#include <utility>

#include "adapters/dpkg_archive.h"
#include "adapters/snapshot_back.h"

namespace aptkeep {
namespace snapshot {
namespace {

using Inode = std::pair<std::uint64_t, std::uint64_t>;

// What the old version lists, by whatever name.
std::set<Inode> inodes_of(const Package& package) {
  std::set<Inode> inodes;
  Walk walk;
  for (const FileRecord& file : package.record.snapshot.files) {
    auto place = walk.to(file.true_path);
    struct stat stab {};
    if (place && look(*place, stab)) inodes.emplace(stab.st_dev, stab.st_ino);
  }
  return inodes;
}

// Whether what lies there came out of the archive: dpkg gives it the archive's times, but for a
// folder's, which change with what is in it.
bool is_shipped(const ArchiveFile& file, const Place& place, const struct stat& stab) {
  if (type_of(stab) != file.type) return false;
  switch (file.type) {
    case FileType::Directory:
      return true;  // only ever removed where it is empty
    case FileType::Symlink: {
      auto target = read_link(place);
      return target && *target == file.target;
    }
    case FileType::Regular:
      if (!file.hard_link && static_cast<std::uint64_t>(stab.st_size) != file.size) return false;
      [[fallthrough]];
    default:
      return stab.st_mtim.tv_sec == file.mtime;
  }
}

// dpkg puts what may be a conffile in place when it configures, not before: below /etc it is
// somebody else's.
bool may_be_conffile(const std::string& path) {
  return path.starts_with("/etc/");
}

struct Stray {
  std::string path;       // as the archive has it
  std::string true_path;  // where it lies
  bool folder = false;
};

std::vector<Stray> strays_of(const Package& package, const std::vector<ArchiveFile>& files,
                             const std::map<std::string, std::string>& diverted) {
  const auto old = inodes_of(package);
  std::vector<Stray> strays;
  Walk walk;
  for (const ArchiveFile& file : files) {
    if (package.lists(file.path) || package.lists(alias_of(file.path)) ||
        may_be_conffile(file.path)) {
      continue;
    }
    const auto elsewhere = diverted.find(file.path);
    const std::string path = elsewhere == diverted.end() ? file.path : elsewhere->second;
    auto place = walk.to(path);
    struct stat stab {};
    if (!place || !place->found() || !look(*place, stab)) continue;
    const bool before = !changed_since(path, package.record.taken);
    if (before || old.contains({stab.st_dev, stab.st_ino}) || !is_shipped(file, *place, stab)) {
      continue;
    }
    strays.push_back({file.path, path, file.type == FileType::Directory});
  }
  return strays;
}

// Those of the paths that any installed package lists, by either name; all where dpkg does not say.
std::unordered_set<std::string> owned(const std::vector<Stray>& strays) {
  std::vector<std::string> paths;
  for (const Stray& stray : strays) {
    for (std::string path : {stray.path, alias_of(stray.path)}) {
      if (!path.empty()) paths.push_back(std::move(path));
    }
  }
  std::unordered_set<std::string> found;
  const auto said = search_owners(paths);
  for (const Stray& stray : strays) {
    const auto named = [&](const std::string& path) {
      return !path.empty() && said->find(": " + path + "\n") != std::string::npos;
    };
    if (!said || named(stray.path) || named(alias_of(stray.path))) found.insert(stray.path);
  }
  return found;
}

Status remove_stray(const Stray& stray) {
  Walk walk;
  auto place = walk.to(stray.true_path);
  if (!place) return place.error();
  if (!place->found()) return success();
  const int flags = stray.folder ? AT_REMOVEDIR : 0;
  if (unlinkat(place->folder, place->name.c_str(), flags) == 0 || errno == ENOENT ||
      (stray.folder && (errno == ENOTEMPTY || errno == EEXIST || errno == EBUSY))) {
    return success();
  }
  return failure("remove " + stray.true_path);
}

Status remove_strays_of(const SnapshotOptions& options, const std::string& name,
                        const std::string& archive) {
  auto files = read_archive_files(archive);
  if (!files) return files.error();
  auto package = open_package(options, name);
  if (!package) return package.error();
  auto lists = read_lists(options);
  if (!lists) return lists.error();
  const auto strays =
      strays_of(*package, *files, diverted_by_others(*package, lists->diversions, true));
  if (strays.empty()) return success();
  const auto others = owned(strays);
  // Folders after what is in them.
  for (auto stray = strays.rbegin(); stray != strays.rend(); ++stray) {
    if (others.contains(stray->path)) continue;
    if (auto removed = remove_stray(*stray); !removed) return removed;
  }
  return success();
}

}  // namespace
}  // namespace snapshot

Status RealSnapshots::remove_strays(const std::string& package, const std::string& archive) try {
  return snapshot::remove_strays_of(options_, package, archive);
} catch (const std::exception& problem) {
  return Error{"unable to remove what " + package + " left: " + problem.what()};
}

}  // namespace aptkeep
