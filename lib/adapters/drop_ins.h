// Reads the drop-ins that systemd names of units.
#pragma once

#include <map>
#include <string>

#include "core/unit.h"

namespace aptkeep {

// Sets UnitFacts::unheld_by of the services, sockets, paths and timers that are loaded. What cannot
// be read counts as empty.
void judge_drop_ins(std::map<std::string, UnitFacts>& units);

}  // namespace aptkeep
