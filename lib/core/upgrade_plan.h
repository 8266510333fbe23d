// What an upgrade would do: the steps that apt means to make, what the rules and the guards say to
// each, in which order they are made, and what becomes of one that fails. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/guard_policy.h"
#include "core/plan.h"
#include "core/rule_match.h"

namespace aptkeep {

enum class Fate : std::uint8_t {
  Goes,
  Asks,      // a person decides; where none is, it is kept
  Kept,      // because of its guards, or with one that is kept; or as it was left before
  NotBegun,  // a guard of the run says stop
};

enum class IfItFails : std::uint8_t {
  PutBack,           // to its old version
  RemovedAgain,      // it was not there before
  LeftUnconfigured,  // with what needs it
  StopsRun,
  StaysAsItIs,  // only its configuration files are to go
};

struct PlannedStep {
  std::uint32_t step = 0;  // index in Plan::steps
  Fate fate = Fate::Goes;
  // Why it does not go: from this package down to the guard.
  std::vector<std::string> cause;
  GuardDecision judged;
  IfItFails if_it_fails = IfItFails::PutBack;
  std::string if_it_fails_why;  // empty: as always
  bool tried_again = false;     // before that
  // Those with one number are replaced apart from the rest of their call, one after the other,
  // while services are down (core/island.h); 0: with the rest. Where dpkg is run past aptkeep: all
  // whose services are down, for the whole of its work.
  std::uint32_t apart = 0;
};

struct PlanSettings {
  std::string native_arch;
  std::vector<std::string> forced;  // as read_force() has them
  bool keep_going = true;           // Aptkeep::Keep-Going; off as well where aptkeep is
  bool rollback = true;             // Aptkeep::Rollback
  bool person = false;              // somebody is at a terminal
  bool bypassed = false;            // the frontend runs dpkg itself: nothing is kept from it
};

// The parts of the plan, one for each step, in the same order.
struct PlanParts {
  const Plan& plan;  // with what the rules say (core/step_rules.h)
  std::vector<StepDecisions> decisions;
  std::vector<std::vector<GuardFinding>> guards;
  std::vector<int> calls;  // in which of apt's calls it is unpacked; -1: in none
  // Of what an earlier run has left unconfigured and this one leaves so: why; empty: it does not.
  std::vector<std::string> left;
};

// In the order in which the steps are made.
std::vector<PlannedStep> plan_upgrade(const PlanParts& parts, const PlanSettings& settings);

const char* to_string(Fate fate);          // "goes", "asks", "kept", "not_begun"
const char* to_string(IfItFails outcome);  // "put_back" ...

}  // namespace aptkeep
