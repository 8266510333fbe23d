// What the programs of a run have to know of the rules is written into its steps: the driver reads
// the record only, never rules.
#pragma once

#include <vector>

#include "core/plan.h"
#include "core/rule_match.h"

namespace aptkeep {

std::vector<StepDecisions> decide_steps(const RuleIndex& rules, const RuleFacts& facts,
                                        const std::vector<Step>& steps);

// Each of `steps` with what was decided for it, in the same order.
//
// Never back is a step that has an old side, and a new install that takes over from a package which
// the same rule names and the run removes: mariadb-server, when it comes in the place of
// mariadb-server-10.5, has the latter's data, and removing it again would not bring them back.
void mark_steps(const std::vector<StepDecisions>& decisions, std::vector<Step>& steps);

}  // namespace aptkeep
