#include "state/left_down.h"

#include <algorithm>
#include <iterator>
#include <string_view>

namespace aptkeep {

bool is_down_because_of(const UnitRecord& unit, const std::string& package) {
  if (unit.trouble == kNotConfigured) return unit.package == package;
  const auto name = package.substr(0, package.find(':'));
  const auto begins = [&](std::string_view with, const char* end) {
    return unit.trouble.starts_with(std::string(with) + name + end);
  };
  if (unit.trouble.starts_with(kGoesWith)) return begins(kGoesWith, ",");
  return !unit.trouble.starts_with(kHangsOn) && begins(kStaysDown, " ");
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
