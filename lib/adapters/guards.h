// Evaluates guards (core/guard.h). libc only, and fit for static programs: nothing here asks the
// name service switch.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/guard.h"
#include "core/guard_policy.h"
#include "core/plan.h"
#include "core/rule_match.h"

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

// One guard of one package, which may be several packages' guard.
struct GuardQuestion {
  GuardCall call;
  const Remembered* before = nullptr;  // the package's; nullptr: nothing
};

// Evaluates the guards in order, one that is there twice only once. They run in a process of their
// own, which is given up when one's time is over: a path on a server that does not answer must not
// hang apt. Whatever goes wrong is GuardState::Unknown with its reason. Changes nothing, unless a
// command does. All guards of a plan in one call cost one fork, which is what costs most.
std::vector<GuardReport> probe_all(const std::vector<GuardQuestion>& questions,
                                   const GuardOptions& options = {});
// What the guards of one of a plan's steps found.
struct StepGuards {
  std::uint32_t step = 0;
  std::vector<GuardFinding> findings;  // in the order of its decisions
  Remembered now;                      // of the package, if it is installed well
};

// All guards of a plan, of the steps that have any. A package that only has to be configured has
// its new files already and cannot stay as it is: nothing is asked for it. `decisions`: one for
// each step; `before`: by package.
std::vector<StepGuards> probe_steps(const std::vector<Step>& steps,
                                    const std::vector<StepDecisions>& decisions,
                                    const std::map<std::string, Remembered>& before);

// Those of one package.
std::vector<GuardReport> probe_guards(const std::vector<GuardCall>& calls, const Remembered& before,
                                      const GuardOptions& options = {});

}  // namespace aptkeep
