// What the small programs below maintainer scripts get to know of the rules: /run/aptkeep/table.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/plan.h"
#include "core/rule_match.h"
#include "core/service_table.h"
#include "engine/ports.h"
#include "engine/services.h"
#include "state/store.h"

namespace aptkeep::hook {

// Writes the table into `folder`, or removes one that is there, if it would say nothing. Where that
// fails it is said, and the run goes on: the small programs then do what stock does.
void tell_services(const std::string& folder, const Frontend& frontend,
                   const std::string& native_arch, const std::vector<TablePackage>& packages,
                   bool many_plans = false);

// Those of the init that runs here; null: there is none to ask.
std::unique_ptr<Units> units_by_bus();

// Records how the units of these steps' packages are, where systemd is there, and returns all that
// the run has recorded of units.
std::vector<UnitRecord> note_services(Store& store, const Frontend& frontend,
                                      const std::vector<Step>& steps,
                                      const ChecksOfPackages& checks);

// Marks the steps whose services go down while they are replaced (adapters/islands.h). What is
// wrong is said.
void mark_islands(const std::vector<StepDecisions>& decisions, Units& units, Store& store,
                  std::vector<Step>& steps);

// When the run ends, or another begins.
void forget_services(const std::string& folder, const Frontend& frontend);

}  // namespace aptkeep::hook
