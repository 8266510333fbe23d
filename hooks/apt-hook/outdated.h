// needrestart(1), where it is installed: what it finds joins what the run's end restarts, as its
// own configuration has it, and its own hook then has nothing left to do.
#pragma once

#include "state/store.h"

namespace aptkeep::hook {

// Of a frontend whose plan is about to end. Notes what is to be restarted (policy/notes.h), or is
// to be told, and takes needrestart's turn. Leaves it all to needrestart where that asks at a
// terminal, and where it cannot be used.
void ask_needrestart(Store& store, const Frontend& frontend);

// The same of a frontend that has ended, whose plans have left it to this (apt-hook outdated PID
// START): unattended-upgrades' needrestart would begin after each of its many steps.
void leave_needrestart_to_guardian(const Frontend& frontend);
void ask_needrestart_for(const Frontend& frontend);

}  // namespace aptkeep::hook
