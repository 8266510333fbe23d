#include "state/wanted_again.h"

#include <algorithm>

#include "core/failure_class.h"

namespace aptkeep {
namespace {

bool removes_aptkeep(const std::vector<Step>& steps) {
  return std::any_of(steps.begin(), steps.end(), [](const Step& step) {
    return step.new_version.empty() && step.package.starts_with("aptkeep:");
  });
}

// Not by a mere Configure: apt names so whatever it finds unconfigured.
bool is_changed(const std::vector<Step>& steps, const std::string& package) {
  return std::any_of(steps.begin(), steps.end(), [&](const Step& step) {
    return step.package == package && step.action != Action::Configure;
  });
}

}  // namespace

std::vector<Keep> wanted_again(const std::vector<Keep>& keeps, const std::vector<Step>& steps,
                               std::int64_t now) {
  const bool all = removes_aptkeep(steps);
  std::vector<Keep> chosen;
  for (const Keep& keep : keeps) {
    const auto root = std::find_if(keeps.begin(), keeps.end(),
                                   [&](const Keep& other) { return other.package == keep.root; });
    const bool due =
        root != keeps.end() && due_again(root->failure_class, root->attempts, root->tried, now);
    const bool planned = is_changed(steps, keep.package) || is_changed(steps, keep.root);
    if (all || due || planned) chosen.push_back(keep);
  }
  return chosen;
}

}  // namespace aptkeep
