// Room for the backups that rules want, as a guard of each step.
#pragma once

#include <string>
#include <vector>

#include "core/plan.h"
#include "core/rule_match.h"

namespace aptkeep {

// Adds a guard for room in `base` to each step that is replaced and has a backup, for it and those
// before it: it is looked at before the run begins, as all are. `native_arch`: backups are named as
// a person names their packages. True if any.
bool want_room_for_backups(const std::string& base, const std::string& native_arch,
                           const std::vector<Step>& steps, std::vector<StepDecisions>& decisions);

// Not once more just before the package is unpacked: by then the backup has been made, and has
// taken that room.
void forget_room_for_backups(const std::string& base, std::vector<Step>& steps);

}  // namespace aptkeep
