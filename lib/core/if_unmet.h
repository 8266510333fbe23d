// What follows if a guard does not hold (If-Unmet), and who says so: a rule's word is about its own
// guards and backups, and not to weaken those of others. Pure.
#pragma once

#include <optional>
#include <vector>

#include "core/guard.h"
#include "core/rule.h"
#include "core/rule_match.h"

namespace aptkeep {

// Whether what the rule says in If-Unmet is about all of the package: it lists no guards and no
// backups.
bool is_about_all(const Rule& rule);

// Of a guard: what the last rule says that has the field, and lists this guard or is about all.
// Rules whose guards a later "none" took away list it no more. Nobody does (`by` is nullptr): keep.
// The room for backups, which no rule lists, is as the backups.
Decided<IfUnmet> if_unmet_decided(const StepDecisions& decisions, const GuardCall& guard);
// Of the backups, which are made or not as one: of what is said of each the strictest. `beaten`:
// who says something else.
Decided<IfUnmet> if_unmet_decided_of_backups(const StepDecisions& decisions);
// The strictest of several; `beaten`: who decided others that are less strict, and those that these
// beat. No `all`: keep, by nobody.
Decided<IfUnmet> strictest_of(const std::vector<Decided<IfUnmet>>& all);
// Of all guards and backups the strictest; where there are none, what is said about all. nullopt:
// no rule says anything.
std::optional<Decided<IfUnmet>> if_unmet_decided_of_all(const StepDecisions& decisions);

// The values alone.
IfUnmet if_unmet_of(const StepDecisions& decisions, const GuardCall& guard);
IfUnmet if_unmet_of_backups(const StepDecisions& decisions);
// The stricter of both: stop, keep, ask, warn.
IfUnmet stricter(IfUnmet a, IfUnmet b);

}  // namespace aptkeep
