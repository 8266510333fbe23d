// Files that the failed version took over from packages which stay as they are (Replaces). dpkg
// has crossed them off the other package's list, and removes them with the failed version; nothing
// brings them back but unpacking the other package again. And the other way round: files that other
// packages have taken over, which the old version is unpacked over.
#include <dirent.h>
#include <fcntl.h>

#include <algorithm>
#include <memory>
#include <sstream>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "adapters/snapshot_back.h"
#include "adapters/snapshot_sums.h"
#include "core/dpkg_status.h"

namespace aptkeep::snapshot {
namespace {

constexpr std::string_view kSums = ".md5sums";

// A path as a list of checksums may have it: without the slash, and whether or not the package
// knows that /bin is in /usr.
std::string_view bare(std::string_view path) {
  if (path.starts_with('/')) path.remove_prefix(1);
  if (path.starts_with("usr/")) path.remove_prefix(4);
  return path;
}

using Wanted = std::unordered_map<std::string_view, const std::string*>;

void look_through(std::string_view sums, const std::string& owner, const Wanted& wanted,
                  std::vector<Taken>& found) {
  each_sum(sums, [&](std::string_view, std::string_view path) {
    const auto match = wanted.find(bare(path));
    if (match != wanted.end()) found.push_back({*match->second, owner});
  });
}

// What other installed packages list of these paths.
std::vector<Taken> others_of(const Package& package, const std::vector<std::string>& paths) {
  const auto said = search_owners(paths);
  std::vector<Taken> found;
  if (!said) return found;
  std::istringstream lines(*said);
  for (std::string line; std::getline(lines, line);) {
    for (const std::string& owner : owners_in(line)) {
      if (name_without_arch(owner) == name_without_arch(package.name())) continue;
      found.push_back({line.substr(line.find(": /") + 2), owner});
    }
  }
  return found;
}

// What the failed version has given up and is there nevertheless: another package's file, as a
// rule. dpkg would not unpack the old version over it but that it is forced to.
std::vector<Taken> given_up(const Package& package, const PackageFiles& failed) {
  const std::unordered_set<std::string_view> kept(failed.paths.begin(), failed.paths.end());
  // Also by one that the failed version took away: it comes back, and the other's file goes where
  // it was.
  std::unordered_set<std::string> diverted;
  for (const Diversion& one : parse_diversions(package.before.diversions))
    diverted.insert(one.from);
  if (const auto lists = read_lists(package.options)) {
    for (const Diversion& one : parse_diversions(lists->diversions)) diverted.insert(one.from);
  }
  std::vector<std::string> paths;
  for (std::size_t i = 0; i < package.record.listed; ++i) {
    const FileRecord& file = package.record.snapshot.files[i];
    if (file.type == FileType::Absent || file.type == FileType::Directory ||
        kept.contains(file.path) || diverted.contains(file.path)) {
      continue;
    }
    Walk walk;
    auto place = walk.to(file.path);
    struct stat stab {};
    if (place && look(*place, stab) && !S_ISDIR(stab.st_mode)) paths.push_back(file.path);
  }
  return others_of(package, paths);
}

// Sums of a package's files. Empty: it has none.
std::string sums_of(int folder, const std::string& owner) {
  const std::string name = owner + std::string(kSums);
  auto file = open_file(Place{folder, name}, name);
  auto sums = file ? read_fd(file->get(), owner, kMostSums) : Result<std::string>(file.error());
  return sums ? std::move(*sums) : std::string();
}

// Of a conffile, which no sums have: whether it has the old version's text, and the other package,
// which is there, another.
bool is_overwritten(const Package& package, AllConffiles& all, const Taken& taken) {
  const ConffileRecord* own = find_conffile(package.record.snapshot.conffiles, taken.path);
  if (own == nullptr || hash_at(taken.path) != own->hash) return false;
  return std::ranges::any_of(all.claims_of(taken.path), [&](const Claim& claim) {
    return name_without_arch(claim.package) == name_without_arch(taken.owner) &&
           claim.state.ends_with("i") && !claim.obsolete && claim.hash != own->hash;
  });
}

// Where that package has not gone back itself: dpkg has crossed the path off its list again, but
// its sums have it.
std::vector<std::string> lost_to(const Package& package, AllConffiles& all) {
  std::vector<std::string> sentences;
  const std::string folder = package.options.dpkg_folder + "/info";
  const Fd info(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  for (const Taken& taken : package.failed.taken) {
    if (!package.lists(taken.path)) continue;
    std::vector<Taken> found;
    Wanted wanted{{bare(taken.path), &taken.path}};
    const std::string sums = sums_of(info.get(), taken.owner);
    look_through(sums, taken.owner, wanted, found);
    // With a Replaces of its own it has kept its file.
    const bool kept = sums.find(hash_at(taken.path) + "  " + taken.path.substr(1)) != sums.npos;
    if (kept || (found.empty() && !is_overwritten(package, all, taken))) continue;
    sentences.push_back(taken.path + ": that of " + taken.owner +
                        ", which came there meanwhile, is gone");
  }
  return sentences;
}

// Only where Replaces lets dpkg do so, or its force-overwrite: to look through all sums is dear.
std::vector<Taken> replaced(const Package& package, const PackageFiles& failed) {
  const bool replaces = failed.control.starts_with("Replaces:") ||
                        failed.control.find("\nReplaces:") != std::string::npos;
  if (!replaces && !package.options.overwrites()) return {};
  Wanted wanted;
  for (const std::string& path : failed.paths) {
    if (!package.lists(path)) wanted.emplace(bare(path), &path);
  }
  std::vector<Taken> found;
  if (wanted.empty()) return found;
  const std::string folder = package.options.dpkg_folder + "/info";
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(opendir(folder.c_str()), closedir);
  const std::string own = name_without_arch(package.name());
  while (const dirent* entry = dir ? readdir(dir.get()) : nullptr) {
    const std::string_view name = entry->d_name;
    if (!name.ends_with(kSums)) continue;
    const std::string owner(name.substr(0, name.size() - kSums.size()));
    if (name_without_arch(owner) == own) continue;
    look_through(sums_of(dirfd(dir.get()), owner), owner, wanted, found);
  }
  return found;
}

}  // namespace

bool is_replaced(const Package& package, const std::string& path) {
  const auto& taken = package.failed.taken;
  if (package.replaced_) return package.replaced_->contains(path);
  return std::ranges::count(taken, path, &Taken::path) != 0 &&
         owner_of(package, path) == Owner::Others;
}

void note_replaced(Package& package) {
  std::vector<std::string> paths;
  for (const Taken& taken : package.failed.taken) {
    if (package.lists(taken.path)) paths.push_back(taken.path);
  }
  package.replaced_.emplace();
  for (const auto& [path, owner] : owners_of(package, paths)) {
    if (owner == Owner::Others) package.replaced_->insert(path);
  }
}

std::vector<Taken> taken_over(const Package& package, const PackageFiles& failed) {
  auto found = replaced(package, failed);
  const auto others = given_up(package, failed);
  found.insert(found.end(), others.begin(), others.end());
  return found;
}

bool lacks_files(const Package& package) {
  Walk walk;
  for (std::size_t i = 0; i < package.record.listed; ++i) {
    const FileRecord& file = package.record.snapshot.files[i];
    const bool unpacked = file.type == FileType::Regular || file.type == FileType::Symlink;
    if (!unpacked || package.stays(file.path) ||
        find_conffile(package.record.snapshot.conffiles, file.path) != nullptr) {
      continue;
    }
    auto place = walk.to(file.true_path);
    struct stat stab {};
    if (place && !look(*place, stab)) return true;
  }
  return false;
}

std::vector<std::string> tell_replaced(const Package& package) {
  std::vector<std::string> sentences;
  for (const Taken& taken : package.failed.taken) {
    const auto* conffile = find_conffile(package.record.snapshot.conffiles, taken.path);
    if (conffile != nullptr && !conffile->edited && is_replaced(package, taken.path)) {
      sentences.push_back(taken.path + ": it belongs to " + taken.owner + " now");
    }
  }
  return sentences;
}

std::vector<std::string> still_taken(const Package& package, AllConffiles& all) {
  std::vector<std::string> sentences = lost_to(package, all);
  for (const Taken& taken : package.failed.taken) {
    if (package.lists(taken.path)) continue;
    Walk walk;
    auto place = walk.to(taken.path);
    struct stat stab {};
    if (!place || look(*place, stab)) continue;
    sentences.push_back(
        taken.path + ": " + package.failed.version + " took it over from " + taken.owner +
        ", and it is missing there now: apt-get install --reinstall " + taken.owner);
  }
  return sentences;
}

}  // namespace aptkeep::snapshot
