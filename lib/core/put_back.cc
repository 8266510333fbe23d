#include "core/put_back.h"

#include "core/kept_clauses.h"

namespace aptkeep {
namespace {

constexpr std::int32_t kLeftOut = -1;

// Whether anything of the clause is left to say; `place`: of a step in the new plan.
bool narrow(Clause& clause, const std::vector<std::int32_t>& place) {
  if (clause.owner_step >= 0) {
    const std::int32_t owner = place[static_cast<std::uint32_t>(clause.owner_step)];
    if (owner == kLeftOut && clause.owner_side == Side::Old) return false;
    clause.owner_step = owner;  // on its new side for good: outside
    if (owner == kLeftOut) clause.owner_side = Side::Old;
  }
  std::vector<Literal> left;
  for (const Literal& literal : clause.any_of) {
    const std::int32_t step = place[literal.step];
    if (step != kLeftOut) {
      left.push_back({static_cast<std::uint32_t>(step), literal.side});
    } else if (literal.side == Side::New) {
      return false;
    }
  }
  clause.any_of = std::move(left);
  return clause.owner_step >= 0 || !clause.any_of.empty();
}

}  // namespace

Plan plan_of(const Plan& plan, const std::vector<std::uint32_t>& steps) {
  static_assert(kLeftOut == Clause::kOutside);
  Plan part;
  std::vector<std::int32_t> place(plan.steps.size(), kLeftOut);
  for (const std::uint32_t step : steps) {
    place[step] = static_cast<std::int32_t>(part.steps.size());
    part.steps.push_back(plan.steps[step]);
  }
  for (Clause clause : plan.clauses) {
    if (narrow(clause, place)) part.clauses.push_back(std::move(clause));
  }
  return part;
}

std::optional<std::uint32_t> newly_violated(const Plan& plan, const std::vector<bool>& old) {
  const auto now = [](std::uint32_t) { return false; };
  const auto then = [&](std::uint32_t step) { return old[step]; };
  for (std::uint32_t i = 0; i < plan.clauses.size(); ++i) {
    const Clause& clause = plan.clauses[i];
    if (kept::is_violated(clause, then) && !kept::is_violated(clause, now)) return i;
  }
  return std::nullopt;
}

std::optional<std::uint32_t> culprit_of(const Clause& clause, const std::vector<bool>& old) {
  if (clause.owner_step >= 0 && clause.owner_side == Side::Old) {
    const auto owner = static_cast<std::uint32_t>(clause.owner_step);
    if (old[owner]) return owner;
  }
  for (const Literal& literal : clause.any_of) {
    if (literal.side == Side::New && old[literal.step]) return literal.step;
  }
  return std::nullopt;
}

std::string relation_of(const Clause& clause, const std::string& native_arch) {
  std::string text = display_name(clause.owner, native_arch);
  if (clause.owner_step >= 0 && clause.owner_side == Side::Old) text += " " + clause.owner_version;
  switch (clause.kind) {
    case ClauseKind::Breaks:
      return text + " breaks " + clause.relation;
    case ClauseKind::Conflicts:
      return text + " conflicts with " + clause.relation;
    default:
      return text + " needs " + clause.relation;
  }
}

}  // namespace aptkeep
