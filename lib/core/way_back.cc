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

bool is_stuck(const WayBack& way, std::uint32_t step) {
  return std::any_of(way.stuck.begin(), way.stuck.end(),
                     [&](const Stuck& stuck) { return stuck.step == step; });
}

// Of the clauses that mention the step. `old_side[i]`: step i is on its old side.
std::ptrdiff_t violated(const Plan& plan, const std::vector<bool>& old_side, std::uint32_t step) {
  const auto side = [&](std::uint32_t one) { return old_side[one] ? Side::Old : Side::New; };
  return std::count_if(plan.clauses.begin(), plan.clauses.end(), [&](const Clause& clause) {
    const bool has_owner = clause.owner_step >= 0;
    const auto owner = static_cast<std::uint32_t>(clause.owner_step);
    const auto is_step = [&](const Literal& literal) { return literal.step == step; };
    const bool mentioned = (has_owner && owner == step) ||
                           std::any_of(clause.any_of.begin(), clause.any_of.end(), is_step);
    if (!mentioned || (has_owner && side(owner) != clause.owner_side)) return false;
    return std::none_of(clause.any_of.begin(), clause.any_of.end(),
                        [&](const Literal& literal) { return side(literal.step) == literal.side; });
  });
}

bool is_for_a_stuck_one(const WayBack& way, const KeptMember& member) {
  for (const KeptMember* one = &member; !one->failed && one->because >= 0;) {
    one = &way.kept.members[static_cast<std::size_t>(one->because)];
    if (is_stuck(way, one->step)) return true;
  }
  return false;
}

// Who was to be old only with one that stays new has no reason to: it would be left without it.
std::vector<std::uint32_t> returning(const Plan& plan, const WayBack& way,
                                     const std::vector<bool>& touched) {
  std::vector<bool> old_side(plan.steps.size());
  for (const KeptMember& member : way.kept.members)
    old_side[member.step] = !is_stuck(way, member.step);
  for (auto member = way.kept.members.rbegin(); member != way.kept.members.rend(); ++member) {
    const std::uint32_t step = member->step;
    if (!touched[step] || !is_for_a_stuck_one(way, *member)) continue;
    const auto before = violated(plan, old_side, step);
    old_side[step] = false;
    if (violated(plan, old_side, step) > before) old_side[step] = !is_stuck(way, step);
  }
  std::vector<std::uint32_t> steps;
  for (const KeptMember& member : way.kept.members) {
    if (touched[member.step] && old_side[member.step]) steps.push_back(member.step);
  }
  return steps;
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

bool begins_way_back(StepState state) {
  return state == StepState::FailedOld || state == StepState::FailedNew ||
         state == StepState::Returning || state == StepState::Kept ||
         state == StepState::NotReached;
}

WayBack way_back(const Plan& plan, std::span<const StepState> states,
                 const std::vector<bool>& touched, std::span<const std::string> obstacles) {
  WayBack way;
  std::vector<std::uint32_t> failed;
  for (std::uint32_t i = 0; i < states.size(); ++i) {
    if (begins_way_back(states[i])) failed.push_back(i);
  }
  for (bool again = true; again;) {
    again = false;
    way.kept = least_kept_set(plan, failed);
    for (const KeptMember& member : way.kept.members) {
      const std::uint32_t step = member.step;
      if (!touched[step] || obstacles[step].empty()) continue;
      const std::uint32_t root = root_of(way.kept, member).step;
      // What failed before its files were touched stays old whatever happens; then it is the
      // obstructed one that is caught between.
      const std::uint32_t loser = touched[root] ? root : step;
      if (is_stuck(way, loser)) continue;
      way.stuck.push_back({loser, step, obstacles[step]});
      again = drop(failed, loser);
      if (again) break;
    }
  }
  way.returning = returning(plan, way, touched);
  return way;
}

}  // namespace aptkeep
