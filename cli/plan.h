// What `aptkeep plan` has found out, for the two ways of telling it.
#pragma once

#include <string>
#include <vector>

#include "adapters/apt_cache.h"
#include "adapters/apt_rules.h"
#include "core/simulation.h"
#include "core/upgrade_plan.h"
#include "keeps.h"

namespace aptkeep::cli {

// What becomes of a unit of a step's package.
struct PlannedService {
  std::string unit;
  ServiceClass service_class = ServiceClass::Stock;
  const Rule* by = nullptr;  // nullptr: it was read from the package's scripts
  std::string why;           // one line
};

struct PlannedServices {
  std::vector<PlannedService> units;
  bool installed_scripts = false;    // read from those of the version that is there now
  std::vector<std::string> down;     // what is up now and goes down while it is replaced
  std::vector<std::string> parked;   // sockets that stay up meanwhile, with their clients waiting
  std::vector<std::string> goes_on;  // what would go down, but that policy-rc.d does not let it

  bool is_denied(const PlannedService& one) const;
};

// What comes after a package that an earlier run has left unconfigured, or with services that are
// down because of it, when it is configured now.
struct PlannedEnd {
  std::vector<std::string> checks;  // commands, as to_string(RuleCommand) has them; recorded then
  std::vector<std::string> starts;  // units that are down because of it
  std::vector<std::string> after;   // as `checks`

  bool is_nothing() const { return checks.empty() && starts.empty() && after.empty(); }
};

struct PlanView {
  AptArguments arguments;
  PlanSettings settings;
  Simulation simulation;
  Rules rules;
  Plan plan;  // its steps are the simulation's, in the same order
  std::vector<StepDecisions> decisions;
  std::vector<std::vector<GuardFinding>> guards;
  bool services_on = true;                // Aptkeep::Services
  std::vector<PlannedServices> services;  // one for each step
  std::vector<std::string> left;          // as PlanParts has it
  std::vector<PlannedEnd> ends;           // one for each step
  std::vector<PlannedStep> planned;       // in the order in which they are made
  Kept kept;
  std::vector<std::string> complaints;  // what the plan could not heed

  std::string name(std::uint32_t step) const;
  // A guard is unmet, or something is kept back already.
  bool all_well() const;
};

// Of what is not configured: which version was last; of steps that only configure the version that
// is there, and which of them the run leaves alone. And what is up again with the others. `state`:
// as below.
void see_what_is_left(PlanView& view, const std::string& state);

// Evaluates the guards of each step, as the run would. `state`: the record's path; empty: the usual
// one.
std::vector<std::vector<GuardFinding>> guards_now(const std::vector<Step>& steps,
                                                  const std::vector<StepDecisions>& decisions,
                                                  const std::string& state,
                                                  std::vector<std::string>& complaints);

// The classes of the units that each step's package brings and systemd has, by rule or derived; and
// marks the steps whose services go down while they are replaced. `cache`: where archives are;
// nullptr: none is known.
std::vector<PlannedServices> services_now(std::vector<Step>& steps,
                                          const std::vector<StepDecisions>& decisions,
                                          const AptCache* cache,
                                          std::vector<std::string>& complaints);

// Of services that systemd has, and that a rule names so (no patterns): why one is not to be
// parked.
std::vector<std::string> unparkable_here(const std::vector<std::string>& services);

const char* word_of(GuardState state);

void print_plan(const PlanView& view);
// docs/report.schema.json, kind "plan".
std::string plan_json(const PlanView& view);

}  // namespace aptkeep::cli
