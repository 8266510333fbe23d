#include "state/left_down.h"

#include <algorithm>
#include <iterator>

namespace aptkeep {

bool is_down_because_of(const UnitRecord& unit, const std::string& package) {
  if (unit.trouble == kNotConfigured) return unit.package == package;
  return unit.trouble.starts_with(std::string(kGoesWith) + package.substr(0, package.find(':')) +
                                  ",");
}

Result<std::vector<UnitRecord>> left_down_with(Store& store, std::int64_t run,
                                               const std::set<std::string>& packages) {
  const auto earlier = store.units_left_down(run);
  if (!earlier) return earlier.error();
  std::vector<UnitRecord> left;
  for (const auto& [of, units] : *earlier) {
    std::ranges::copy_if(units, std::back_inserter(left), [&](const UnitRecord& unit) {
      return std::ranges::any_of(
          packages, [&](const std::string& package) { return is_down_because_of(unit, package); });
    });
  }
  return left;
}

}  // namespace aptkeep
