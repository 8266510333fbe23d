// What runs have left down since a package was not configured, or does not work as things are.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "core/plan.h"
#include "state/store.h"

namespace aptkeep {

// Whether a unit was left down since this package ("name:arch") was not configured, or because of
// its check or of what comes after it, or goes with it.
bool is_down_because_of(const UnitRecord& unit, const std::string& package);

// Units that runs before `run` have left down because of one of these packages ("name:arch").
Result<std::vector<UnitRecord>> left_down_with(Store& store, std::int64_t run,
                                               const std::set<std::string>& packages);

}  // namespace aptkeep
