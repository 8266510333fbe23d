// What the person who runs a frontend has set for the end of its run, where apt's configuration and
// environment are not at hand: /run/aptkeep/settings-PID-START.
#pragma once

#include <optional>

#include "state/store.h"

namespace aptkeep {

struct RunSettings {
  bool needrestart = true;  // Aptkeep::Services::Needrestart
  int settle = 10;          // Aptkeep::Services::Settle, in seconds
  bool release_upgrade = false;
  bool at_its_end = false;  // needrestart is still to be asked, when the frontend has ended
};

// Of this process.
bool in_release_upgrade();

// Of a run whose services are looked after (Aptkeep::Services). False: it could not be written.
bool write_run_settings(const Frontend& frontend, const RunSettings& settings);
// None: they are not looked after, or the file is gone.
std::optional<RunSettings> read_run_settings(const Frontend& frontend);
void forget_run_settings(const Frontend& frontend);

}  // namespace aptkeep
