// Whose a path is, by dpkg's lists as they are now; and which packages are as before the run.
#include <algorithm>
#include <map>
#include <optional>
#include <sstream>
#include <utility>

#include "adapters/dpkg_db.h"
#include "adapters/snapshot_back.h"
#include "adapters/snapshot_tool.h"
#include "core/dpkg_status.h"

namespace aptkeep::snapshot {
namespace {

// Of the two megabytes that the kernel takes of arguments and environment.
constexpr std::size_t kMostArguments = std::size_t{512} << 10;

// `owner`: as dpkg names it. Nothing where it is not known.
std::optional<PackageFiles> read_owner(const SnapshotOptions& options, const std::string& owner) {
  const bool qualified = owner.find(':') != std::string::npos;
  const auto read = options.read({qualified ? owner : owner + ":" + native_architecture()});
  if (!read || read->packages.size() != 1) return std::nullopt;
  return read->packages.front();
}

// Its snapshot, where it is at that version.
std::optional<Snapshot> snapshot_at(const SnapshotOptions& options, const PackageFiles& now) {
  auto before = read_snapshot(options.folder, now.package);
  if (!before || before->version != now.version) return std::nullopt;
  return std::move(*before);
}

// What those that are back at their old versions had there.
class Returned {
 public:
  explicit Returned(const SnapshotOptions& options) : options_(options) {}

  // Until complete() dpkg lists conffiles of the failed version as obsolete ones.
  bool lacked(const std::string& owner, const std::string& path) {
    auto known = had_.find(owner);
    if (known == had_.end()) known = had_.emplace(owner, look_up(owner)).first;
    return known->second && !known->second->contains(path);
  }

 private:
  using Paths = std::unordered_set<std::string>;
  std::optional<Paths> look_up(const std::string& owner) const {
    const auto now = read_owner(options_, owner);
    const auto before = now ? snapshot_at(options_, *now) : std::nullopt;
    if (!before) return std::nullopt;
    Paths paths;
    for (const FileRecord& file : before->files) paths.insert(file.path);
    return paths;
  }

  const SnapshotOptions& options_;
  std::map<std::string, std::optional<Paths>> had_;
};

// It ends with 1 where one of them is nobody's.
Result<std::string> run_search(std::vector<std::string> paths) {
  std::vector<std::string> args = {"sh", "-c", "dpkg-query --search -- \"$@\"; true", "sh"};
  std::ranges::move(paths, std::back_inserter(args));
  return run_tool(args);
}

}  // namespace

std::string alias_of(const std::string& path) {
  const bool below_usr = path.starts_with("/usr/");
  const std::string rest = below_usr ? path.substr(4) : path;
  const std::string top = rest.substr(1, rest.find('/', 1) - 1);
  if (top != "bin" && top != "sbin" && !top.starts_with("lib")) return "";
  return below_usr ? rest : "/usr" + path;
}

Result<std::string> search_owners(const std::vector<std::string>& paths) {
  std::string said;
  std::vector<std::string> some;
  std::size_t size = 0;
  const auto ask = [&]() -> Status {
    if (some.empty()) return success();
    auto lines = run_search(std::exchange(some, {}));
    size = 0;
    if (!lines) return lines.error();
    said += *lines;
    return success();
  };
  for (std::string path : paths) {
    // They would be patterns.
    for (std::size_t at = 0; (at = path.find_first_of("*?[\\", at)) != std::string::npos; at += 2)
      path.insert(at, "\\");
    size += path.size() + 1 + sizeof(char*);
    some.push_back(std::move(path));
    if (size < kMostArguments) continue;
    if (const Status asked = ask(); !asked) return asked.error();
  }
  if (const Status asked = ask(); !asked) return asked.error();
  return said;
}

std::unordered_map<std::string, Owner> owners_of(const Package& package,
                                                 const std::vector<std::string>& paths) {
  std::unordered_map<std::string, Owner> owners;
  const auto said = search_owners(paths);
  if (!said) return owners;
  Returned returned(package.options);
  std::istringstream lines(*said);
  for (std::string line; std::getline(lines, line);) {
    for (const std::string& name : owners_in(line)) {
      const std::string path = line.substr(line.find(": /") + 2);
      const bool own = name_without_arch(name) == name_without_arch(package.name());
      if (!own && returned.lacked(name, path)) continue;
      const Owner one = own ? Owner::Own : Owner::Others;
      const auto [known, first] = owners.emplace(path, one);
      if (!first && known->second != one) known->second = Owner::Shared;
    }
  }
  return owners;
}

Owner owner_of(const Package& package, const std::string& path) {
  const auto owners = owners_of(package, {path});
  const auto owner = owners.find(path);
  return owner == owners.end() ? Owner::Nobody : owner->second;
}

bool is_installed(const SnapshotOptions& options, const std::string& owner) {
  const auto now = read_owner(options, owner);
  return now && now->state.size() > 1 && now->state[1] != 'c' && now->state[1] != 'n';
}

bool is_as_before(const SnapshotOptions& options, const std::string& owner) {
  const auto now = read_owner(options, owner);
  if (!now) return false;
  return (now->state.size() > 1 && now->state[1] == 'c') || snapshot_at(options, *now).has_value();
}

}  // namespace aptkeep::snapshot
