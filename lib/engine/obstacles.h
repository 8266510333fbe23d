// Why steps cannot be put back to their old side.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/plan.h"
#include "core/way_back.h"
#include "state/store.h"

namespace aptkeep {

using HasSnapshot = std::function<bool(const std::string& package)>;

// For each step the reason, to be read after "because"; empty: it can. Without a `has_snapshot`
// there is one of each package.
std::vector<std::string> obstacles_of(const OpenPlan& open, const HasSnapshot& has_snapshot);

// Whether dpkg has begun with it, and its package is not whole at its old side.
bool is_touched(StepState state);

// way_back() by the states alone. `obstacles`: as obstacles_of() has them.
WayBack way_back_of(const Plan& plan, const std::vector<StepState>& states,
                    const std::vector<std::string>& obstacles);

// Failed, and between their sides, and nothing keeps them from going back.
std::vector<std::uint32_t> to_go_back(const OpenPlan& open, const HasSnapshot& has_snapshot);

// In each sentence of why_not_back(), between the package and the reason.
inline constexpr std::string_view kNotPutBack = " not put back, because ";

// Of the steps that were left between their sides: "foo not put back, because its data would be
// lost". `states`: at the end of the plan.
std::map<std::uint32_t, std::string> why_not_back(const OpenPlan& open,
                                                  const std::vector<StepState>& states,
                                                  const HasSnapshot& has_snapshot);

}  // namespace aptkeep
