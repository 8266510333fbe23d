// Which packages are never put back to their old version, as the rules say it (`Rollback: never`).
#pragma once

#include <vector>

#include "core/plan.h"
#include "core/rule_match.h"

namespace aptkeep {

// Fills never_back of each step that has an old side, and of a new install that takes over from a
// package which the same rule names and the run removes: mariadb-server, when it comes in the place
// of mariadb-server-10.5, has the latter's data, and removing it again would not bring them back.
void mark_never_back(const RuleIndex& rules, const RuleFacts& facts, std::vector<Step>& steps);

}  // namespace aptkeep
