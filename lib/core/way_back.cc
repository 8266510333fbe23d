#include "core/way_back.h"

#include <algorithm>

namespace aptkeep {
namespace {

Side other(Side side) {
  return side == Side::Old ? Side::New : Side::Old;
}

Action opposite(Action action) {
  switch (action) {
    case Action::Install:
      return Action::Remove;
    case Action::Remove:
    case Action::Purge:
      return Action::Install;
    case Action::Upgrade:
      return Action::Downgrade;
    case Action::Downgrade:
      return Action::Upgrade;
    case Action::Reinstall:
    case Action::Configure:
      break;
  }
  return action;
}

bool drop(std::vector<std::uint32_t>& steps, std::uint32_t step) {
  return std::erase(steps, step) > 0;
}

}  // namespace

Plan inverse(const Plan& plan) {
  Plan back = plan;
  for (Step& step : back.steps) {
    std::swap(step.old_version, step.new_version);
    step.action = opposite(step.action);
  }
  for (Clause& clause : back.clauses) {
    clause.owner_side = other(clause.owner_side);
    for (Literal& literal : clause.any_of) literal.side = other(literal.side);
  }
  return back;
}

std::vector<bool> forward(const Plan& plan, const std::vector<bool>& begun) {
  std::vector<std::uint32_t> steps;
  for (std::uint32_t i = 0; i < begun.size(); ++i) {
    if (begun[i]) steps.push_back(i);
  }
  std::vector<bool> wanted = begun;
  for (const auto& member : least_kept_set(inverse(plan), steps).members) {
    wanted[member.step] = true;
  }
  return wanted;
}

bool wants_snapshot(const Step& step) {
  return !step.old_version.empty() && step.action != Action::Configure && step.never_back.empty();
}

WayBack way_back(const Plan& plan, std::span<const StepState> states,
                 const std::vector<bool>& touched, std::span<const std::string> obstacles) {
  WayBack way;
  std::vector<std::uint32_t> failed;
  for (std::uint32_t i = 0; i < states.size(); ++i) {
    if (states[i] == StepState::FailedOld || states[i] == StepState::FailedNew ||
        states[i] == StepState::Returning || states[i] == StepState::Kept ||
        states[i] == StepState::NotReached) {
      failed.push_back(i);
    }
  }
  const auto is_stuck = [&](std::uint32_t step) {
    return std::any_of(way.stuck.begin(), way.stuck.end(),
                       [&](const Stuck& stuck) { return stuck.step == step; });
  };
  for (bool again = true; again;) {
    again = false;
    way.kept = least_kept_set(plan, failed);
    for (const KeptMember& member : way.kept.members) {
      const std::uint32_t step = member.step;
      if (!touched[step] || obstacles[step].empty() || is_stuck(step)) continue;
      const std::uint32_t root = root_of(way.kept, member).step;
      // What failed before its files were touched stays old whatever happens; then it is the
      // obstructed one that is caught between.
      const std::uint32_t loser = touched[root] ? root : step;
      way.stuck.push_back({loser, step, obstacles[step]});
      again = drop(failed, loser);
      if (again) break;
    }
  }
  for (const KeptMember& member : way.kept.members) {
    if (touched[member.step] && !is_stuck(member.step)) way.returning.push_back(member.step);
  }
  return way;
}

}  // namespace aptkeep
