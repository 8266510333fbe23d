// The clauses of a plan, made ready for growing a kept set. Private to the core.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/plan.h"

namespace aptkeep::kept {

// Lists of clauses by step, in one block of memory.
class ClausesByStep {
 public:
  std::span<const std::uint32_t> of(std::uint32_t step) const {
    return {items_.data() + first_[step], items_.data() + first_[step + 1]};
  }

  // `visit(add)` calls add(step, clause) for each entry; it is run twice and must not vary.
  template <typename Visit>
  void build(std::size_t steps, const Visit& visit) {
    first_.assign(steps + 1, 0);
    visit([&](std::uint32_t step, std::uint32_t) { ++first_[step + 1]; });
    for (std::size_t i = 1; i < first_.size(); ++i) first_[i] += first_[i - 1];
    items_.resize(first_.back());
    std::vector<std::uint32_t> next(first_.begin(), first_.end() - 1);
    visit([&](std::uint32_t step, std::uint32_t clause) { items_[next[step]++] = clause; });
  }

 private:
  std::vector<std::uint32_t> first_;
  std::vector<std::uint32_t> items_;
};

// Which clauses bind, and which of them each step can harm or help by staying at its old side. A
// clause that was violated before the run, or that holds on either side of one step, binds nobody
// and is in no list.
class ClauseIndex {
 public:
  explicit ClauseIndex(const Plan& plan);

  const Plan& plan() const { return plan_; }
  const Clause& clause(std::uint32_t index) const { return plan_.clauses[index]; }
  bool binds(std::uint32_t clause) const { return binds_[clause]; }

  // Keeping the step takes a literal from these, or makes them active.
  std::span<const std::uint32_t> harmed_by(std::uint32_t step) const { return harmed_.of(step); }
  // Keeping the step makes these hold, or takes their owner away.
  std::span<const std::uint32_t> helped_by(std::uint32_t step) const { return helped_.of(step); }

 private:
  void find_binding();

  const Plan& plan_;
  std::vector<bool> binds_;
  ClausesByStep harmed_;
  ClausesByStep helped_;
};

// `kept(step)`: whether the step is at its old side in the world that is asked about.
template <typename Kept>
bool is_active(const Clause& clause, const Kept& kept) {
  if (clause.owner_step < 0) return true;
  return kept(static_cast<std::uint32_t>(clause.owner_step)) == (clause.owner_side == Side::Old);
}

template <typename Kept>
bool is_violated(const Clause& clause, const Kept& kept) {
  if (!is_active(clause, kept)) return false;
  for (const Literal& literal : clause.any_of) {
    if (kept(literal.step) == (literal.side == Side::Old)) return false;
  }
  return true;
}

// Calls option(step) for each step whose being kept ends the clause's violation. A step can come
// more than once.
template <typename Option>
void for_each_option(const Clause& clause, const Option& option) {
  if (clause.owner_step >= 0 && clause.owner_side == Side::New) {
    option(static_cast<std::uint32_t>(clause.owner_step));
  }
  for (const Literal& literal : clause.any_of) {
    if (literal.side == Side::Old) option(literal.step);
  }
}

}  // namespace aptkeep::kept
