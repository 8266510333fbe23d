#include "core/kept_clauses.h"

#include <algorithm>
#include <tuple>

namespace aptkeep::kept {
namespace {

bool holds_on_either_side(const Clause& clause) {
  for (const Literal& old : clause.any_of) {
    if (old.side != Side::Old) continue;
    const Literal other{old.step, Side::New};
    if (std::find(clause.any_of.begin(), clause.any_of.end(), other) != clause.any_of.end()) {
      return true;
    }
  }
  return false;
}

auto identity(const Clause& clause) {
  return std::tie(clause.owner_step, clause.kind, clause.relation);
}

}  // namespace

ClauseIndex::ClauseIndex(const Plan& plan) : plan_(plan) {
  find_binding();
  const auto count = static_cast<std::uint32_t>(plan.clauses.size());
  harmed_.build(plan.steps.size(), [&](const auto& add) {
    for (std::uint32_t i = 0; i < count; ++i) {
      if (!binds_[i]) continue;
      const Clause& clause = plan.clauses[i];
      if (clause.owner_step >= 0 && clause.owner_side == Side::Old) {
        add(static_cast<std::uint32_t>(clause.owner_step), i);
      }
      for (const Literal& literal : clause.any_of) {
        if (literal.side == Side::New) add(literal.step, i);
      }
    }
  });
  helped_.build(plan.steps.size(), [&](const auto& add) {
    for (std::uint32_t i = 0; i < count; ++i) {
      if (!binds_[i]) continue;
      for_each_option(plan.clauses[i], [&](std::uint32_t step) { add(step, i); });
    }
  });
}

void ClauseIndex::find_binding() {
  const auto count = static_cast<std::uint32_t>(plan_.clauses.size());
  binds_.resize(count, true);
  const auto before_the_run = [](std::uint32_t) { return true; };
  std::vector<std::uint32_t> violated_before;
  for (std::uint32_t i = 0; i < count; ++i) {
    const Clause& clause = plan_.clauses[i];
    if (is_violated(clause, before_the_run)) {
      binds_[i] = false;
      if (clause.owner_step >= 0) violated_before.push_back(i);
    } else if (holds_on_either_side(clause)) {
      binds_[i] = false;
    }
  }
  if (violated_before.empty()) return;
  // What the old version already could not have, the new version need not have either.
  const auto less = [&](const Clause& a, const Clause& b) { return identity(a) < identity(b); };
  const auto clause_of = [&](std::uint32_t i) -> const Clause& { return plan_.clauses[i]; };
  std::ranges::sort(violated_before, less, clause_of);
  for (std::uint32_t i = 0; i < count; ++i) {
    const Clause& clause = plan_.clauses[i];
    if (clause.owner_step < 0 || clause.owner_side == Side::Old) continue;
    if (std::ranges::binary_search(violated_before, clause, less, clause_of)) binds_[i] = false;
  }
}

}  // namespace aptkeep::kept
