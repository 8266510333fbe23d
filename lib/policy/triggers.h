// The sockets, paths and timers that start a service: stopped before it, and started before it
// again. What was stopped is noted in a folder of /run, a file for each service. libc only: it runs
// systemctl(1).
#pragma once

#include "policy/systemctl.h"

namespace aptkeep::policy {

inline constexpr char kTriggersDir[] = "triggers";  // in paths::kRunDir

// What triggers the unit, active or not; none where that cannot be told.
void triggers_of(const char* unit, Units& found);

// Stops those that are active of what triggers the unit. Where that cannot be noted nothing is
// stopped, since nothing would start it again.
void stop_triggers(const char* run_dir, const char* unit);

// Whether anything was stopped for the unit, and is to be started.
bool are_noted(const char* run_dir, const char* unit);

// Starts what was stopped for the unit. False: nothing is noted, and nothing is done.
bool start_triggers(const char* run_dir, const char* unit);

// When dpkg has ended: starts what was stopped for any unit; or only forgets it, where somebody
// else has started what is to run.
void end_triggers(const char* run_dir, bool start);

}  // namespace aptkeep::policy
