// Where a package's files lie now: another package may have diverted them, or stopped to, in the
// run that this one goes back in; and that one may stay at its new version.
#include <map>

#include "adapters/snapshot_back.h"

namespace aptkeep::snapshot {
namespace {

// Other packages' diversions. Local ones of the package's files, and its own, are undone instead.
std::map<std::string, std::string> of_others(const Package& package, const std::string& list) {
  std::map<std::string, std::string> diverted;
  for (const Diversion& one : parse_diversions(list)) {
    if (!one.package.empty() && one.package != name_without_arch(package.name())) {
      diverted[one.from] = one.to;
    }
  }
  return diverted;
}

}  // namespace

Status follow_diversions(Package& package) {
  auto lists = read_lists(package.options);
  if (!lists) return lists.error();
  const auto before = of_others(package, package.before.diversions);
  const auto now = of_others(package, lists->diversions);
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
