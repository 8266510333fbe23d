#include "core/step_rules.h"

#include <algorithm>
#include <cstddef>

namespace aptkeep {
namespace {

void mark_never_back(const std::vector<StepDecisions>& decisions, std::vector<Step>& steps) {
  std::vector<const Rule*> forbidding;
  std::vector<const Rule*> removing;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const auto& decided = decisions[i].never_back;
    forbidding.push_back(decided && decided->value ? decided->by : nullptr);
    if (steps[i].new_version.empty()) removing.push_back(forbidding.back());
  }
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const auto* rule = forbidding[i];
    const bool takes_over = std::find(removing.begin(), removing.end(), rule) != removing.end();
    const bool matters = rule != nullptr && (!steps[i].old_version.empty() || takes_over);
    if (matters) steps[i].never_back = rule->reason;
  }
}

// What failed when it was configured never worked: to go back to it helps nobody, runs its failing
// script again, and takes the newer files away. What was only unpacked may work.
void mark_what_never_worked(Step& step) {
  // A trigger may fail of what was configured: dpkg calls that half-configured, too.
  const bool failed = step.old_state.size() > 1 && step.old_state[1] == 'F' &&
                      (!step.config_version.empty() || step.never_configured);
  const bool changes = !step.new_version.empty() && step.old_version != step.new_version;
  if (!failed || !changes || step.on_failure) return;
  step.on_failure = FailureRule{OnFailure::LeaveNew, "the version before, " + step.old_version +
                                                         ", was not configured either"};
}

}  // namespace

std::vector<StepDecisions> decide_steps(const RuleIndex& rules, const RuleFacts& facts,
                                        const std::vector<Step>& steps) {
  std::vector<StepDecisions> decisions;
  decisions.reserve(steps.size());
  for (const auto& step : steps) decisions.push_back(rules.decide(step, facts));
  return decisions;
}

void mark_steps(const std::vector<StepDecisions>& decisions, std::vector<Step>& steps) {
  mark_never_back(decisions, steps);
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (const auto& decided = decisions[i].on_failure)
      steps[i].on_failure = FailureRule{decided->value, decided->by->reason};
    mark_what_never_worked(steps[i]);
    if (const auto& decided = decisions[i].repair) steps[i].repair = decided->value;
    for (const auto& entry : decisions[i].save.entries) steps[i].save.push_back(entry.value);
  }
}

}  // namespace aptkeep
