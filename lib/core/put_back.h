// What a rollback by hand asks of a plan that has ended: only some of its steps are undone, in a
// world that has gone on since.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/plan.h"

namespace aptkeep {

// The plan of these steps alone, in this order. All others stay at their new side for good: clauses
// that this settles are left out, those that it leaves to the steps have no word on others.
Plan plan_of(const Plan& plan, const std::vector<std::uint32_t>& steps);

// The first clause that holds with all steps on their new side, and not with those in `old` (one
// bool a step) on their old one.
std::optional<std::uint32_t> newly_violated(const Plan& plan, const std::vector<bool>& old);

// The first of the clause's steps that, being in `old`, has brought its violation about.
std::optional<std::uint32_t> culprit_of(const Clause& clause, const std::vector<bool>& old);

// "extra needs foo (>= 2.0)", "foo 1.0 needs libold": the clause, with the version that states it
// where that is the old one of a step.
std::string relation_of(const Clause& clause, const std::string& native_arch);

}  // namespace aptkeep
