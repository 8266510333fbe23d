// What an administrator's own policy-rc.d says, where aptkeep's is not the one that is asked.
#pragma once

#include <cstdint>
#include <string>

namespace aptkeep {

enum class PolicyAnswer : std::uint8_t {
  Lets,    // also: there is none, it is aptkeep's, or nobody can run it
  Denies,  // 101
  Unsure,  // this user may not run it; or it said something else than 0, 101 and 104, or nothing
};
// What /usr/sbin/policy-rc.d says about this, to who asks it. It has ten seconds. It is not run
// where it is aptkeep's. `verb`: "stop", "start".
PolicyAnswer ask_policy(const std::string& verb, const std::string& unit);

// Whether it denies that: then whoever asks it, as invoke-rc.d(8) and deb-systemd-invoke(1p) do,
// leaves that undone. One that cannot be run or answers something else denies nothing, as there.
bool policy_denies(const std::string& verb, const std::string& unit);

}  // namespace aptkeep
