// Which packages of a plan have services that are down while they are replaced.
#pragma once

#include <vector>

#include "core/plan.h"
#include "core/rule_match.h"
#include "engine/ports.h"

namespace aptkeep::hook {

// Marks the steps (Step::island), by what rules say of them, and else by what their own scripts do.
// None is where nothing of it runs. `own_unit`: never stopped. What is wrong is said, and then as
// without islands.
void mark_islands(const std::vector<StepDecisions>& decisions, const std::string& own_unit,
                  Units& units, std::vector<Step>& steps);

}  // namespace aptkeep::hook
