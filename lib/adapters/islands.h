// Which packages of a plan have services that are down while they are replaced: for the hook, which
// makes the plan of a run, and for the command, which tells it beforehand. Linked into executables
// only.
#pragma once

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
};

// Those with a version from before and a new one.
std::vector<std::string> replaced_packages(const std::vector<Step>& steps);

// Marks the steps (Step::island), by what rules say of them (`decisions`, one for each step), and
// else by what their own scripts do. None is where nothing of it runs and nothing is to be done for
// its data. For each step: names of what is up now and would go down, sorted. What is wrong is told
// to `complaints`, one line each, and then it is as without islands.
std::vector<std::vector<std::string>> mark_islands(const std::vector<StepDecisions>& decisions,
                                                   const IslandsPorts& ports,
                                                   std::vector<Step>& steps,
                                                   std::vector<std::string>& complaints);

// The same where services are not looked after: only what is to be done for a package's data, which
// does not depend on who starts services.
void mark_commands(const std::vector<StepDecisions>& decisions, std::vector<Step>& steps);

}  // namespace aptkeep
