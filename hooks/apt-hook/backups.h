// Backups that rules want: room for them, and the end of old ones.
#pragma once

#include <string>
#include <vector>

#include "core/plan.h"
#include "core/protocol.h"
#include "core/rule_match.h"

namespace aptkeep::hook {

// Adds a guard for room to each step that is replaced and has a backup, for it and those before it:
// it is looked at before the run begins, as all are.
void want_room_for_backups(const std::vector<Step>& steps, const std::string& native_arch,
                           std::vector<StepDecisions>& decisions);
// Not once more just before the package is unpacked: by then the backup has been made, and has
// taken that room.
void forget_room_for_backups(std::vector<Step>& steps);

// Removes those that are older than Aptkeep::Backups::Keep-Days, and what killed runs have left:
// before anybody looks for room.
void drop_old_backups(const Conversation& conversation);

}  // namespace aptkeep::hook
