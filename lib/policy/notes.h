// What policy-rc.d and the shims leave to the end of a run: a line for each unit,
// "KIND UNIT PACKAGE:ARCH", in /run/aptkeep/notes-PID-START of the run's process. libc only.
#pragma once

#include "policy/systemctl.h"

namespace aptkeep::policy {

// The file's name in paths::kRunDir; start_time of Frontend (state/store.h).
inline constexpr char kNotesPrefix[] = "notes-";
struct NotesName {
  NotesName(long long pid, unsigned long long start_time);
  char text[64];
};

inline constexpr char kRestart[] = "restart";  // was put off
inline constexpr char kReboot[] = "reboot";    // runs as before until the next boot
inline constexpr char kUsers[] = "users";      // is not the system's, and left to its package
inline constexpr char kFailed[] = "failed";    // did not start, and is to be tried again

// False: it could not be written, and nothing may be put off. Writes all or nothing.
bool note(const char* run_dir, const NotesName& name, const char* kind, const Units& units,
          const char* package, const char* arch);

}  // namespace aptkeep::policy
