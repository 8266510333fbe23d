// The driver's uses beside its main one. Each returns the process's exit code.
#pragma once

#include <string>
#include <vector>

#include "state/store.h"

namespace aptkeep {

// Prints `message` as the one line that every program of aptkeep uses for errors.
void complain(const std::string& message);
// The same, once in this frontend's run.
void complain_once(const Frontend& frontend, const std::string& message);

// Ends the frontend's open plan, when apt-hook cannot be started any more (its libapt-pkg was
// replaced in the run).
int end_run();

// dpkg's own hooks around a plain dpkg call; `when` is "pre" or "post".
int dpkg_hook(const std::string& when);

// 1 when the frontend with this pid kept something in its run, 0 when not, 2 when that is unknown.
int kept(const std::string& pid);

// Before aptkeep is removed: takes its pins out of apt's preferences.
int uninstall();

}  // namespace aptkeep
