// The classes of services that no rule speaks of, for the steps of a run: maintainer scripts and
// systemd's word put together (core/service_class.h). Linked into executables only.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/plan.h"
#include "core/result.h"
#include "core/service_class.h"
#include "engine/ports.h"

namespace aptkeep {

using DerivedClasses = std::map<std::string, DerivedClass>;  // by unit
using FactsOfUnits = std::map<std::string, UnitFacts>;       // by unit

struct StepUnits {
  const Step* step = nullptr;
  std::vector<std::string> units;  // of its package; instances, not templates ("foo@.service")
};

// Facts of these units, of what triggers them, of what they trigger, and of what they go down with:
// systemd is asked at most twice.
Result<FactsOfUnits> facts_around(const std::vector<StepUnits>& steps, Units& units);

// What is derived for each step, in the same order. Its scripts are read from its archive, or,
// where it has none, those that are installed (reinstallations, plans whose archives are not there
// yet); a step that has no old or no new version has no entries. `now`: as facts_around() has it;
// of units that are not in it only the scripts say something. What could not be read is left out
// and told to `complaints`, one line each. `compare`: as dpkg compares versions.
std::vector<DerivedClasses> derive_services(const std::vector<StepUnits>& steps,
                                            const FactsOfUnits& now, const CompareVersions& compare,
                                            std::vector<std::string>& complaints);

// The same for one step, asking systemd. An Error where that, or reading its scripts, failed.
Result<DerivedClasses> derive_services(const Step& step, const std::vector<std::string>& its_units,
                                       Units& units, const CompareVersions& compare = {});

}  // namespace aptkeep
