// Files that the failed version took over from packages which stay as they are (Replaces). dpkg
// has crossed them off the other package's list, and removes them with the failed version; nothing
// brings them back but unpacking the other package again.
#include <dirent.h>

#include <algorithm>
#include <memory>
#include <string_view>
#include <unordered_map>

#include "adapters/snapshot_back.h"

namespace aptkeep::snapshot {
namespace {

constexpr std::size_t kMostBytes = std::size_t{64} << 20;
constexpr std::string_view kSums = ".md5sums";

// A path as a list of checksums may have it: without the slash, and whether or not the package
// knows that /bin is in /usr.
std::string_view bare(std::string_view path) {
  if (path.starts_with('/')) path.remove_prefix(1);
  if (path.starts_with("usr/")) path.remove_prefix(4);
  return path;
}

using Wanted = std::unordered_map<std::string_view, const std::string*>;

// "HASH  path", line by line: the list of files that dpkg does not edit.
void look_through(std::string_view sums, const std::string& owner, Wanted& wanted,
                  std::vector<Taken>& found) {
  while (!sums.empty()) {
    const std::string_view line = sums.substr(0, sums.find('\n'));
    sums.remove_prefix(std::min(line.size() + 1, sums.size()));
    const auto space = line.find("  ");
    if (space == std::string_view::npos) continue;
    const auto match = wanted.find(bare(line.substr(space + 2)));
    if (match != wanted.end()) found.push_back({*match->second, owner});
  }
}

}  // namespace

std::vector<Taken> taken_over(const Package& package, const PackageFiles& failed) {
  const bool replaces = failed.control.starts_with("Replaces:") ||
                        failed.control.find("\nReplaces:") != std::string::npos;
  if (!replaces) return {};
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
    auto file = open_file(Place{dirfd(dir.get()), std::string(name)}, std::string(name));
    auto sums = file ? read_fd(file->get(), owner, kMostBytes) : Result<std::string>(file.error());
    if (sums) look_through(*sums, owner, wanted, found);
  }
  return found;
}

std::vector<std::string> still_taken(const Package& package) {
  std::vector<std::string> sentences;
  for (const Taken& taken : package.failed.taken) {
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
