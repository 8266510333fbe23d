// The rules, as the hook's uses need them.
#pragma once

#include <optional>
#include <vector>

#include "adapters/apt_rules.h"
#include "core/plan.h"
#include "state/store.h"

namespace aptkeep::hook {

// Where the rules cannot be read at all, nothing is put back: a database might be among them. That
// is said once in the frontend's run.
std::optional<Rules> usable_rules(const Frontend& frontend, std::vector<Step>& steps);

}  // namespace aptkeep::hook
