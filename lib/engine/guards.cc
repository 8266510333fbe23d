// Guards, looked at again: between the plan and a package's turn lie the unpacking of others, their
// scripts, and the mail that came in meanwhile.
#include "core/guard_policy.h"
#include "core/rule.h"
#include "engine/session.h"

namespace aptkeep {
namespace {

GuardDecision decision_of(Session& session, const Step& step) {
  std::vector<GuardCall> calls;
  for (const auto& text : step.guards) calls.push_back(read_guard(text));
  const auto results = session.ports().look_at_guards(step.package, calls);
  std::vector<GuardFinding> findings;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    findings.push_back({calls[i], i < results.size() ? results[i] : GuardResult{},
                        recorded_if_unmet(step.guards[i])});
  }
  GuardSetting setting;
  setting.if_unmet = step.if_unmet;
  setting.forced = step.if_unmet == IfUnmet::Force;
  return judge_guards(findings, setting);
}

}  // namespace

bool guards_hold_still(Session& session, const std::vector<std::uint32_t>& steps) {
  if (!session.ports().look_at_guards) return true;
  for (const std::uint32_t index : steps) {
    const Step& step = session.plan().steps[index];
    if (step.guards.empty() || session.states()[index] != StepState::Waiting) continue;
    const GuardDecision decision = decision_of(session, step);
    const std::string name = session.shown(step.package);
    switch (decision.verdict) {
      case GuardVerdict::Go:
      case GuardVerdict::Warn:
        if (decision.reason.empty()) break;
        session.ports().say(name + " goes on: " + decision.reason);
        session.note_passed(index, passed_past(decision));
        break;
      case GuardVerdict::Ask:
      case GuardVerdict::Keep:
        session.ports().say(name + " is not touched: " + decision.reason);
        session.record_untouched(guard_failure(step, index, decision.reason));
        break;
      case GuardVerdict::Stop:
        session.stop_at(step.package,
                        {Reaction::KeepAndStop, FailureClass::Guard, decision.reason});
        session.record_untouched(guard_failure(step, index, decision.reason));
        return false;
    }
  }
  return true;
}

}  // namespace aptkeep
