// Units of a Test: stanza, for aptkeep rules test.
#pragma once

#include <string>
#include <vector>

#include "adapters/apt_rules.h"

namespace aptkeep::cli {

// Those that are active and would go down while the test's package is replaced, by what the rules
// say alone: its own scripts are not looked at. As a run's plan has it (adapters/islands.h).
std::vector<std::string> stopped_units(const RuleTest& test, const StepDecisions& decided);

}  // namespace aptkeep::cli
