// Which packages of a plan have services that are down while they are replaced: for the hook, which
// makes the plan of a run, and for the command, which tells it beforehand. Linked into executables
// only.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "core/plan.h"
#include "core/rule_match.h"
#include "core/service_class.h"
#include "engine/ports.h"
#include "engine/services.h"

namespace aptkeep {

struct IslandsPorts {
  Units& units;
  UnitsOfPackages files;    // of replaced_packages(); templates as such
  CompareVersions compare;  // as dpkg compares versions
  std::string own_unit;     // never stopped; empty: none
  // Whether units are asked too what an administrator's policy-rc.d lets be stopped (Units::may).
  // Whoever makes the plan of a run need not: the run asks when their turn comes.
  bool asks_policy = false;
  // Units that an earlier run has left down: they are to run again, and so count as up.
  std::set<std::string> left_down = {};
};

// What becomes of the units of one step, and of those in Together, that are up now.
struct StoppedUnits {
  std::vector<std::string> down;     // sorted
  std::vector<std::string> parked;   // sockets that stay up, with their clients waiting
  std::vector<std::string> goes_on;  // what policy-rc.d does not let (core/denied_units.h); sorted
};

// Those with a version from before and a new one.
std::vector<std::string> replaced_packages(const std::vector<Step>& steps);

// Marks the steps (Step::island), by what rules say of them (`decisions`, one for each step), and
// else by what their own scripts do. None is where nothing of it runs and nothing is to be done for
// its data. What is wrong is told to `complaints`, one line each, and then it is as without
// islands. One value for each step.
std::vector<StoppedUnits> mark_islands(const std::vector<StepDecisions>& decisions,
                                       const IslandsPorts& ports, std::vector<Step>& steps,
                                       std::vector<std::string>& complaints);

// The same where services are not looked after: only what is to be done for a package's data, which
// does not depend on who starts services.
void mark_commands(const std::vector<StepDecisions>& decisions, std::vector<Step>& steps);

}  // namespace aptkeep
