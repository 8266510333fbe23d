#include "engine/obstacles.h"

namespace aptkeep {
namespace {

// Of the way back, not of what the frontend wanted.
bool is_return(const Step& step, const Failure& failure) {
  const bool installs = failure.phase == Phase::Unpack || failure.phase == Phase::Configure;
  if (step.new_version.empty()) return installs;
  if (step.old_version.empty()) return failure.phase == Phase::Remove;
  return step.old_version != step.new_version && failure.version == step.old_version;
}

const std::string kReturnFailed = "putting it back failed";

// By a rule, or since its old version never worked. What goes back only because of another one is
// not meant.
bool stays_as_it_failed(const Step& step) {
  if (!step.on_failure) return false;
  const OnFailure wish = step.on_failure->wish;
  return wish == OnFailure::LeaveUnconfigured || wish == OnFailure::StopRun ||
         wish == OnFailure::LeaveNew;
}

}  // namespace

std::vector<std::string> obstacles_of(const OpenPlan& open, const HasSnapshot& has_snapshot) {
  std::vector<std::string> why(open.plan.steps.size());
  for (std::size_t i = 0; i < why.size(); ++i) {
    const Step& step = open.plan.steps[i];
    if (!open.flags.rollback) {
      why[i] = "rollback is switched off";
    } else if (!step.never_back.empty()) {
      why[i] = step.never_back;
    } else if (step.action == Action::Configure) {
      why[i] = "what it was before is not known";
    } else if (!step.old_version.empty() && has_snapshot && !has_snapshot(step.package)) {
      why[i] = "there is no snapshot of it";
    }
  }
  std::vector<bool> failed(why.size());
  for (const Failure& failure : open.failures) {
    if (failure.step < 0 || failure.healed) continue;
    const auto step = static_cast<std::size_t>(failure.step);
    // Both sides of a reinstallation are one version: what fails once more failed on its way back.
    const bool reinstalled = open.plan.steps[step].old_version == open.plan.steps[step].new_version;
    if (failed[step] && reinstalled) why[step] = kReturnFailed;
    failed[step] = true;
    // Its postrm may have begun to delete what no snapshot has.
    if (failure.phase == Phase::Purge) why[step] = "it was being purged";
    // The way back has failed once in this plan already.
    if (is_return(open.plan.steps[step], failure)) {
      const std::string line = failure.message.substr(0, failure.message.find('\n'));
      why[step] = kReturnFailed + (line.empty() ? "" : ": " + line);
    }
    if (why[step].empty() && stays_as_it_failed(open.plan.steps[step]))
      why[step] = open.plan.steps[step].on_failure->why;
  }
  return why;
}

bool is_touched(StepState state) {
  switch (state) {
    case StepState::Unpacked:
    case StepState::Done:
    case StepState::FailedNew:
    case StepState::Stranded:
    case StepState::Returning:
      return true;
    case StepState::Waiting:
    case StepState::FailedOld:
    case StepState::Kept:
    case StepState::NotReached:
      break;
  }
  return false;
}

WayBack way_back_of(const Plan& plan, const std::vector<StepState>& states,
                    const std::vector<std::string>& obstacles) {
  std::vector<bool> touched;
  touched.reserve(states.size());
  for (const StepState state : states) touched.push_back(is_touched(state));
  return way_back(plan, states, touched, obstacles);
}

std::vector<std::uint32_t> to_go_back(const OpenPlan& open, const HasSnapshot& has_snapshot) {
  const auto failed = [&](std::uint32_t step) { return open.states[step] == StepState::FailedNew; };
  std::vector<std::uint32_t> steps;
  bool any = false;
  for (std::uint32_t i = 0; i < open.states.size(); ++i) any = any || failed(i);
  if (any) {
    steps = way_back_of(open.plan, open.states, obstacles_of(open, has_snapshot)).returning;
  }
  std::erase_if(steps, [&](std::uint32_t step) { return !failed(step); });
  return steps;
}

std::map<std::uint32_t, std::string> why_not_back(const OpenPlan& open,
                                                  const std::vector<StepState>& states,
                                                  const HasSnapshot& has_snapshot) {
  std::map<std::uint32_t, std::string> sentences;
  bool between = false;
  for (const StepState state : states) {
    between = between || state == StepState::FailedNew || state == StepState::Stranded;
  }
  if (!between) return sentences;
  const auto name = [&](std::uint32_t step) {
    return display_name(open.plan.steps[step].package, open.flags.native_arch);
  };
  const WayBack way = way_back_of(open.plan, states, obstacles_of(open, has_snapshot));
  for (const Stuck& stuck : way.stuck) {
    const StepState state = states[stuck.step];
    if (state != StepState::FailedNew && state != StepState::Stranded) continue;
    const std::string other = name(stuck.because) + " would have to go back too, and ";
    sentences[stuck.step] = name(stuck.step) + std::string(kNotPutBack) +
                            (stuck.because == stuck.step ? "" : other) + stuck.reason;
  }
  return sentences;
}

}  // namespace aptkeep
