#include "core/held_up.h"

namespace aptkeep {
namespace {

bool is_stuck(StepState state) {
  return state == StepState::FailedNew || state == StepState::Stranded;
}

// Whether the side that the literal names is, or will be, there and configured.
bool is_usable(const Literal& literal, std::span<const StepState> states) {
  switch (states[literal.step]) {
    case StepState::Waiting:
    case StepState::Unpacked:
    case StepState::Done:
      return literal.side == Side::New;
    case StepState::FailedOld:
    case StepState::Kept:
    case StepState::NotReached:
    case StepState::Returning:
      return literal.side == Side::Old;
    case StepState::FailedNew:
    case StepState::Stranded:
      return false;
  }
  return false;
}

bool failed(StepState state) {
  return state == StepState::FailedOld || state == StepState::FailedNew;
}

}  // namespace

std::optional<HeldUp> held_up(const Plan& plan, std::span<const StepState> states,
                              std::uint32_t step) {
  for (std::uint32_t i = 0; i < plan.clauses.size(); ++i) {
    const Clause& clause = plan.clauses[i];
    if (clause.owner_step != static_cast<std::int32_t>(step)) continue;
    if (clause.owner_side != Side::New) continue;
    if (clause.kind != ClauseKind::Depends && clause.kind != ClauseKind::PreDepends) continue;
    std::optional<std::uint32_t> stuck;
    bool usable = false;
    for (const Literal& literal : clause.any_of) {
      usable = usable || is_usable(literal, states);
      if (!stuck && literal.step != step && is_stuck(states[literal.step])) stuck = literal.step;
    }
    if (!usable && stuck) return HeldUp{step, i, *stuck};
  }
  return std::nullopt;
}

std::vector<std::pair<std::uint32_t, std::string>> waiting_for_left(const Plan& plan,
                                                                    const std::vector<bool>& left,
                                                                    std::string_view native_arch) {
  std::vector<StepState> states(plan.steps.size(), StepState::Waiting);
  for (std::size_t i = 0; i < states.size(); ++i) {
    if (left[i]) states[i] = StepState::FailedNew;
  }
  std::vector<std::pair<std::uint32_t, std::string>> waiting;
  for (std::uint32_t i = 0; i < states.size(); ++i) {
    const Step& step = plan.steps[i];
    if (left[i] || step.action == Action::Configure || step.new_version.empty()) continue;
    const auto stuck = held_up(plan, states, i);
    if (!stuck) continue;
    waiting.emplace_back(i, "it needs " + plan.clauses[stuck->clause].relation + ", and " +
                                display_name(plan.steps[stuck->because].package, native_arch) +
                                " is left unconfigured");
  }
  return waiting;
}

Cause cause_of(const Plan& plan, const KeptSet& kept, std::span<const StepState> states,
               std::uint32_t step, std::string_view native_arch) {
  Cause cause;
  // Each round goes one package down; a circle of stranded packages has no failed one below it.
  for (std::size_t guard = 0; guard <= plan.steps.size(); ++guard) {
    const std::string& package = plan.steps[step].package;
    const KeptMember* root = root_of(kept, step);
    if (root != nullptr) {
      auto lines = cause_chain(plan, kept, step, native_arch);
      step = root->step;
      const bool ends_here = failed(states[step]);
      if (!ends_here && !lines.empty()) lines.pop_back();  // "x failed", which it did not
      cause.lines.insert(cause.lines.end(), lines.begin(), lines.end());
      if (ends_here) {
        cause.root = plan.steps[step].package;
        return cause;
      }
    } else if (failed(states[step])) {
      cause.lines.push_back(display_name(package, native_arch) + " failed");
      cause.root = package;
      return cause;
    }
    const auto stuck = held_up(plan, states, step);
    if (!stuck) return cause;
    const bool unpacked =
        states[step] == StepState::Stranded || states[step] == StepState::Unpacked;
    cause.lines.push_back(display_name(plan.steps[step].package, native_arch) +
                          (unpacked ? " not configured: needs " : " kept: needs ") +
                          plan.clauses[stuck->clause].relation);
    step = stuck->because;
  }
  return cause;
}

}  // namespace aptkeep
