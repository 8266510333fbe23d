// /usr/lib/aptkeep/apt-hook: what apt's own hooks start (debian/aptkeep.apt.conf).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "state/store.h"

namespace aptkeep::hook {

// Prints `message` as the one line that every program of aptkeep uses for errors.
void complain(const std::string& message);
// The same, once in this frontend's run: the driver and the other hook meet the same trouble.
void complain_once(const Frontend& frontend, const std::string& message);

std::int64_t now();

// Works out anew which versions have to be pinned away so that a full-upgrade removes no kept
// package, and writes the pins.
void refresh_blockers(Store& store);

// Has the driver finish or undo a run without an end, before a new plan is made.
void resume_cut_off(Store& store);
// dpkg is to want again what was left unconfigured and is tried by these steps, or is due; all of
// it, where aptkeep itself is to go.
void want_again(Store& store, const std::vector<Step>& steps);
// Lifts the keep of `root` and of those that wait for it. True if any.
bool lift_with_those_that_wait(Store& store, const std::vector<Keep>& keeps,
                               const std::string& root, const std::string& why);
// Lets what failed for a passing reason be tried again when its time has come. True if any.
bool lift_due(Store& store);

// The uses. A hook that ends non-zero fails the person's run: only pre_install() does so, with
// kStop, where a rule says that nothing may begin (debian/aptkeep.apt.conf knows the number).
inline constexpr int kStop = 78;
int pre_install();
void post_invoke();
void update();
// For the command, which has just lifted keeps.
void blockers();
// Below dpkg's own hook before a plain dpkg call: its arguments, archives among them.
void plain(const std::vector<std::string>& arguments);

}  // namespace aptkeep::hook
