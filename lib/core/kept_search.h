// The choice between several ways to settle violated clauses. Private to the core.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/kept_growth.h"
#include "core/kept_split.h"

namespace aptkeep::kept {

// Steps to keep beside those that are kept already, and what they cost.
struct Pick {
  std::vector<std::uint32_t> steps;
  Cost cost;
};

// The place of each step in the order of names; of two that are named alike (no frontend does
// that) the first in the plan comes first.
std::vector<std::uint32_t> ranks_by_name(const Plan& plan);

// Branch and bound over the open clauses of a Growth.
class Search {
 public:
  Search(Growth& growth, std::uint64_t max_nodes);

  // Keeps the cheapest set that settles `open` and all that follows from it. False: the bound ran
  // out, and a part of the set is only a good guess.
  bool settle_least(const std::vector<std::uint32_t>& open);

  // Nodes so far; one that looks at many clauses counts as several, so that a bound on nodes is a
  // bound on time.
  std::uint64_t explored() const;

 private:
  using Clauses = std::vector<std::uint32_t>;
  struct Option {
    std::uint32_t step = 0;
    Pick closure;  // the step and all that follows from it by itself
  };
  struct Outlook {
    enum class Kind : std::uint8_t { DeadEnd, Changed, Branch };
    Kind kind = Kind::Branch;
    std::vector<Option> options;  // of the clause to branch on, the cheapest first
  };

  // All that follow leave the growth as they found it, but for what look_ahead() bars.

  // The cheapest completion that costs `limit` at most; none if there is none or the bound ran out.
  std::optional<Pick> best(Clauses open, Cost limit);
  std::optional<Pick> best_of_groups(const std::vector<Clauses>& groups, Cost limit);
  std::optional<Pick> best_branch(const Clauses& open, const std::vector<Option>& options,
                                  Cost limit, const Growth::Point& start);
  Pick greedy(Clauses open);
  // Bars the options that lead nowhere or cost more than `limit`.
  Outlook look_ahead(const Clauses& open, Cost limit);
  std::optional<Option> probe(std::uint32_t step);
  // How many packages any way to settle these clauses must add; one list of options for each.
  std::int64_t lower_bound(std::vector<std::vector<const Option*>> choices);
  bool better(const Pick& a, const Pick& b) const;
  void sort_by_cost(std::vector<Option>& options) const;
  bool spent() const { return explored() >= stop_at_; }

  Growth& growth_;
  Splitter splitter_;
  std::vector<std::uint32_t> ranks_;
  std::vector<std::uint32_t> claimed_;  // by step: the call of lower_bound() that counted it
  std::uint32_t bound_calls_ = 0;
  std::uint64_t nodes_ = 0;
  std::uint64_t visits_before_;
  std::uint64_t max_nodes_;
  std::uint64_t stop_at_ = 0;
  bool out_ = false;
};

}  // namespace aptkeep::kept
