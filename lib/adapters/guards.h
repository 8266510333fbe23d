// Evaluates guards (core/guard.h). libc only, and fit for static programs: nothing here asks the
// name service switch.
#pragma once

#include <chrono>
#include <vector>

#include "core/guard.h"

namespace aptkeep {

struct GuardOptions {
  // How long one probe may take; then it is unknown, and the next ones go on. A command has the
  // time that its guard says.
  std::chrono::milliseconds limit{10'000};
};

struct GuardReport {
  GuardResult result;  // one line, harmless on a terminal
  // What is to be remembered of it if the package is installed well.
  Remembered now;
};

// Evaluates the calls in order. Each runs in a process of its own kind, which is given up when its
// time is over: a path on a server that does not answer must not hang apt. Whatever goes wrong is
// GuardState::Unknown with its reason. Changes nothing, unless a command does.
std::vector<GuardReport> probe_guards(const std::vector<GuardCall>& calls, const Remembered& before,
                                      const GuardOptions& options = {});

}  // namespace aptkeep
