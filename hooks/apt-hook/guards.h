// What guards say of a plan's steps, and what becomes of those that they keep.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/guard.h"
#include "core/protocol.h"
#include "core/rule_match.h"
#include "state/store.h"

namespace aptkeep::hook {

struct GuardOutcome {
  std::vector<std::pair<std::uint32_t, std::string>> kept;  // step and reason
  // The same of what needs a package that an earlier run has left unconfigured.
  std::vector<std::pair<std::uint32_t, std::string>> waiting = {};
  std::string stop;                           // why nothing of the run may begin; empty: it may
  std::map<std::string, Remembered> answers;  // by package, what guards saw
};

// Evaluates the guards of all steps, says what lets a step pass and notes that in it. A person
// is asked only where one is at a terminal.
GuardOutcome judge_steps(const Conversation& conversation, const PlanFlags& flags,
                         const std::vector<StepDecisions>& decisions, Store& store,
                         std::vector<Step>& steps);

// Fills in `waiting`, less what guards keep. Whatever is tried again in this run is wanted by now.
void find_waiting(const Plan& plan, const std::string& native_arch, GuardOutcome& outcome);

// Records in the plan what is kept, as failed before anything was tried: the driver leaves it out,
// with what needs it.
void record_kept(Store& store, std::int64_t plan, const std::vector<Step>& steps,
                 const GuardOutcome& outcome, const std::string& native_arch);

// Lets what a guard has kept be tried again where the guard holds by now. True if any.
bool lift_guarded(Store& store);

}  // namespace aptkeep::hook
