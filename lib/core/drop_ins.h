// What drop-ins make of the condition that holds are (hooks/systemd): an admin's may take it away.
// Pure.
#pragma once

#include <string>
#include <vector>

namespace aptkeep {

struct DropIn {
  std::string path;
  std::string text;
};

// What brings the condition, where an admin's drop-in takes it away: one below /run for the unit,
// whose name sorts after that one's, as '~' does after all that names begin with.
inline constexpr char kOwnDropIn[] = "~aptkeep-holds.conf";

// What ConditionPathExists= of such a drop-in and of the one for all units is.
inline constexpr char kHoldCondition[] = "!/run/aptkeep/holds/%n";

// In the order in which systemd reads them. Why a hold does not keep their unit from being started:
// the path of the drop-in that takes the condition away; kNoDropIn where none brings it. Empty: it
// does.
inline constexpr char kNoDropIn[] = "no drop-in";
std::string unheld_by(const std::vector<DropIn>& drop_ins);

}  // namespace aptkeep
