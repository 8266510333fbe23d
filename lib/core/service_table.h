// What rules say about services in a run, as values and as the bytes of /run/aptkeep/table. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/plan.h"
#include "core/rule.h"
#include "core/rule_match.h"
#include "core/unit.h"

namespace aptkeep {

struct TableUnit {
  std::string pattern;  // a unit, or a pattern of units; empty: every unit of the package
  std::optional<ServiceClass> service_class;
  std::optional<SocketMode> sockets;
};

struct TablePackage {
  std::string package;  // "postfix:amd64"
  std::vector<TableUnit> units;
  std::vector<std::string> together;
  std::vector<std::string> ran = {};     // its units that ran, or were to run, when the run began
  std::vector<std::string> rested = {};  // that were there and did not run, while it was whole
  bool needed = false;                   // other packages of the run depend on it
  bool checks = false;                   // a rule says how to check its configuration
};

// Whose run it is: pid, start_time and boot of Frontend (state/store.h).
struct TableOwner {
  std::int64_t pid = 0;
  std::uint64_t start_time = 0;
  std::string boot;
};

struct ServiceTable {
  TableOwner owner;
  // dpkg tells the scripts of an Architecture: all package "all", which is this one's slot.
  std::string native_arch;
  std::vector<TablePackage> packages;
  bool many_plans = false;  // table::kManyPlans
};

// The steps about whose services rules say something, without those in `kept`: indices of steps
// that are not made. `decisions`: one for each step (core/upgrade_plan.h).
std::vector<TablePackage> table_packages(const std::vector<Step>& steps,
                                         const std::vector<StepDecisions>& decisions,
                                         const std::vector<std::uint32_t>& kept);

// Adds what ran of each package's units; packages that rules say nothing of are added.
// `needed`: packages that others of the run depend on. `whole`: that were configured when the run
// began; of these it also adds what did not run.
void add_units_that_ran(const std::vector<UnitRecord>& units, const std::set<std::string>& needed,
                        const std::set<std::string>& whole, std::vector<TablePackage>& packages);

// As core/table_layout.h has it. Of a package that is named twice the first counts.
std::string table_bytes(const ServiceTable& table);

}  // namespace aptkeep
