// Islands of earlier runs that have not come to their end: their packages were left unconfigured
// then, or what comes after did not go well.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "engine/ports.h"
#include "state/store.h"

namespace aptkeep {

// Nobody has left anything, as a rule, and dpkg's database is not read then.
struct LeftPorts {
  Store& store;
  Units* units;  // with `holds`; null: there is no service manager to ask
  Holds* holds;
  // As CallPorts has them.
  std::function<std::string(const std::string& command)> failure_of;
  std::function<void(const std::string&)> say;
};

// Before packages are configured, those of which `configured` says so: holds what their runs have
// left down and this would start, so that the check comes first. end_left_islands() lets it go.
void hold_left_islands(DpkgDatabase& database, const LeftPorts& ports,
                       const std::function<bool(const std::string& package)>& configured);

// Of packages that are whole by now at the version that their runs had left unconfigured: checks
// the configuration, lets go what is held of their services, and does what comes after, in this
// order, as an island of the run would have. What does not end well is said and recorded with the
// run that left it, and so is what stays down because of it. Where failure_of is not set, nothing
// happens. Before anybody lets go what is held.
void end_left_islands(DpkgDatabase& database, const LeftPorts& ports);

// The packages that these two are about: of what is held for them, the run that left them has it on
// record. Whole by now, or not.
Result<std::set<std::string>> left_unconfigured(Store& store, const DbSnapshot& db);

// Of left islands what did not go well, of packages that are still there as that run has left them.
Result<std::vector<LeftIsland>> not_done_after(Store& store, const DbSnapshot& db);

}  // namespace aptkeep
