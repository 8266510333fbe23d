// Where a package's files lie now: another package may have diverted them, or stopped to, in the
// run that this one goes back in; and that one may stay at its new version.
#include "adapters/snapshot_back.h"

namespace aptkeep::snapshot {

std::map<std::string, std::string> diverted_by_others(const Package& package,
                                                      const std::string& list, bool local) {
  std::map<std::string, std::string> diverted;
  const std::string own = name_without_arch(package.name());
  for (const Diversion& one : parse_diversions(list)) {
    if (one.package != own && (local || !one.package.empty())) diverted[one.from] = one.to;
  }
  return diverted;
}

// Local ones of the package's files, and its own, are undone instead.
Status follow_diversions(Package& package) {
  auto lists = read_lists(package.options);
  if (!lists) return lists.error();
  const auto before = diverted_by_others(package, package.before.diversions, false);
  const auto now = diverted_by_others(package, lists->diversions, false);
  if (before == now) return success();
  for (std::size_t i = 0; i < package.record.listed; ++i) {
    FileRecord& file = package.record.snapshot.files[i];
    const auto diverted = now.find(file.path);
    if (diverted != now.end()) {
      file.true_path = diverted->second;
    } else if (before.count(file.path) != 0) {
      file.true_path = file.path;
    }
  }
  return success();
}

}  // namespace aptkeep::snapshot
