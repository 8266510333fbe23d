// What policy-rc.d and the shims look at before they answer: the script that they run below, by its
// environment, and what the run's table says of its package and of the unit. libc only.
#pragma once

#include "policy/question.h"
#include "policy/systemctl.h"

namespace aptkeep::policy {

// Set for what a shim runs.
inline constexpr char kAllowActivation[] = "APTKEEP_ALLOW_ACTIVATION";  // leave the triggers alone
inline constexpr char kNow[] = "APTKEEP_NOW";                           // put nothing off

bool is_off();
bool has_systemd();  // sd_booted(3)
// As deb-systemd-invoke(1) sees it: a unit that is down is started by it if it is, and else not.
bool is_enabled(const char* unit);

// Below a maintainer script of this system's dpkg, as root.
bool below_script();

// A run's table is there, and its frontend too.
bool in_run();

// `of_users`: users' units are meant, which nobody decides about.
Surroundings look_around(const Question& question, bool of_users);

// Notes it of the package whose script this is below; false: it could not be, or there is no run.
bool leave_to_end(const char* kind, const Units& units);

// Its rule's commands find that the new version refuses its configuration; the driver runs them and
// tells why.
bool is_refused(const char* unit);

// Notes that these wait, if all of them run: what does not is to be started now. False: they do not
// wait.
bool put_off(Wait wait, Units& units);

// Does what the answer wants done first: what triggers the unit is stopped or started, units are
// held or let go, what is not done now is noted. The answer's code, as it is then. `whole_call`:
// all units that the caller was called for; empty: it asks for this one only.
int carry_out(const Question& question, const Answer& said, const Units& whole_call);

}  // namespace aptkeep::policy
