// What an administrator's own policy-rc.d says, where aptkeep's is not the one that is asked.
#pragma once

#include <string>

namespace aptkeep {

// Whether /usr/sbin/policy-rc.d is there, is not aptkeep's, and answers 101 about this: then
// whoever asks it, as invoke-rc.d(8) and deb-systemd-invoke(1p) do, leaves that undone. `verb`:
// "stop", "start". It has thirty seconds; one that cannot be run or answers something else denies
// nothing, as there.
bool policy_denies(const std::string& verb, const std::string& unit);

}  // namespace aptkeep
