// The end of old backups that rules have wanted.
#pragma once

#include "core/protocol.h"

namespace aptkeep::hook {

// Removes those that are older than Aptkeep::Backups::Keep-Days, and what killed runs have left:
// before anybody looks for room.
void drop_old_backups(const Conversation& conversation);

}  // namespace aptkeep::hook
