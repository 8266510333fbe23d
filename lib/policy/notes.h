// What policy-rc.d and the shims leave to the run's end: a line for each unit in
// /run/aptkeep/notes, "KIND UNIT PACKAGE:ARCH". libc only.
#pragma once

#include "policy/systemctl.h"

namespace aptkeep::policy {

inline constexpr char kNotes[] = "notes";  // in paths::kRunDir

inline constexpr char kRestart[] = "restart";  // was put off
inline constexpr char kReboot[] = "reboot";    // runs as before until the next boot
inline constexpr char kFailed[] = "failed";    // did not start, and is to be tried again

// False: it could not be written, and nothing may be put off. Writes all or nothing.
bool note(const char* run_dir, const char* kind, const Units& units, const char* package,
          const char* arch);

}  // namespace aptkeep::policy
