// What policy-rc.d puts off: a line for each restart in /run/aptkeep/notes, "UNIT PACKAGE:ARCH".
// libc only.
#pragma once

#include "policy/systemctl.h"

namespace aptkeep::policy {

inline constexpr char kNotes[] = "notes";  // in paths::kRunDir

// False: it could not be written, and nothing may be put off. Writes all or nothing.
bool note_restarts(const char* run_dir, const Units& units, const char* package, const char* arch);

}  // namespace aptkeep::policy
