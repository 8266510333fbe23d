// Which keeps a run tries again though nobody has lifted them. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "core/plan.h"
#include "state/store.h"

namespace aptkeep {

// Those whose time has come, and those that the steps change, or whose failed package they do; all,
// where aptkeep itself is to go. `now`: seconds since the epoch.
std::vector<Keep> wanted_again(const std::vector<Keep>& keeps, const std::vector<Step>& steps,
                               std::int64_t now);

}  // namespace aptkeep
