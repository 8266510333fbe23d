// What `aptkeep plan` has found out, for the two ways of telling it.
#pragma once

#include <string>
#include <vector>

#include "adapters/apt_rules.h"
#include "core/simulation.h"
#include "core/upgrade_plan.h"
#include "keeps.h"

namespace aptkeep::cli {

struct PlanView {
  AptArguments arguments;
  PlanSettings settings;
  Simulation simulation;
  Rules rules;
  Plan plan;  // its steps are the simulation's, in the same order
  std::vector<StepDecisions> decisions;
  std::vector<std::vector<GuardFinding>> guards;
  std::vector<PlannedStep> planned;  // in the order in which they are made
  Kept kept;
  std::vector<std::string> complaints;  // what the plan could not heed

  std::string name(std::uint32_t step) const;
  // A guard is unmet, or something is kept back already.
  bool all_well() const;
};

// Evaluates the guards of each step, as the run would. `state`: the record's path; empty: the usual
// one.
std::vector<std::vector<GuardFinding>> guards_now(const std::vector<Step>& steps,
                                                  const std::vector<StepDecisions>& decisions,
                                                  const std::string& state,
                                                  std::vector<std::string>& complaints);

const char* word_of(GuardState state);

void print_plan(const PlanView& view);
// docs/report.schema.json, kind "plan".
std::string plan_json(const PlanView& view);

}  // namespace aptkeep::cli
