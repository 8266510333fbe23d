#include "core/kept_set.h"

#include <algorithm>
#include <deque>
#include <limits>

#include "core/kept_clauses.h"
#include "core/kept_growth.h"
#include "core/kept_minimal.h"
#include "core/kept_search.h"

namespace aptkeep {
namespace {

using kept::ClauseIndex;

// Grows the set once more, now within its known end, so that each member is joined by a clause
// that the members before it violate. A cause cannot be read from the end alone: there, two members
// can each be the reason for the other.
class Replay {
 public:
  Replay(const ClauseIndex& index, const std::vector<bool>& goal)
      : index_(index), goal_(goal), member_of_(goal.size(), -1) {}

  std::vector<KeptMember> run(const std::vector<std::uint32_t>& failed) {
    const auto count = static_cast<std::uint32_t>(index_.plan().clauses.size());
    for (const std::uint32_t step : failed) join({step, true, -1, 0});
    for (std::uint32_t clause = 0; clause < count; ++clause) {
      if (index_.binds(clause) && violated(clause)) queue_.push_back(clause);
    }
    while (follow_forced() || follow_one_of_several()) {
    }
    return std::move(members_);
  }

 private:
  bool violated(std::uint32_t clause) const {
    return kept::is_violated(index_.clause(clause),
                             [&](std::uint32_t step) { return member_of_[step] >= 0; });
  }

  void join(const KeptMember& member) {
    member_of_[member.step] = static_cast<std::int32_t>(members_.size());
    members_.push_back(member);
    const auto harmed = index_.harmed_by(member.step);
    queue_.insert(queue_.end(), harmed.begin(), harmed.end());
  }

  std::vector<std::uint32_t> options(std::uint32_t clause) const {
    std::vector<std::uint32_t> found;
    kept::for_each_option(index_.clause(clause), [&](std::uint32_t step) {
      if (!goal_[step] || std::ranges::find(found, step) != found.end()) return;
      found.push_back(step);
    });
    return found;
  }

  bool follow_forced() {
    while (!queue_.empty()) {
      const std::uint32_t clause = queue_.front();
      queue_.pop_front();
      if (!violated(clause)) continue;
      const auto steps = options(clause);
      if (steps.size() > 1) {
        undecided_.push_back(clause);
      } else if (!steps.empty()) {
        join({steps.front(), false, blamed(clause), clause});
        return true;
      }
    }
    return false;
  }

  // Several of the set would settle it: whichever joins now, the others will by another clause, or
  // the set is not minimal.
  bool follow_one_of_several() {
    for (std::size_t i = 0; i < undecided_.size(); ++i) {
      const std::uint32_t clause = undecided_[i];
      if (!violated(clause)) continue;
      join({options(clause).front(), false, blamed(clause), clause});
      return true;
    }
    return false;
  }

  // The member that made the clause violated: its owner, if that is a member, or else the last
  // one that took a literal from it.
  std::int32_t blamed(std::uint32_t index) const {
    const Clause& clause = index_.clause(index);
    if (clause.owner_step >= 0 && clause.owner_side == Side::Old) {
      return member_of_[static_cast<std::uint32_t>(clause.owner_step)];
    }
    std::int32_t last = -1;
    for (const Literal& literal : clause.any_of) {
      if (literal.side == Side::New) last = std::max(last, member_of_[literal.step]);
    }
    return last;
  }

  const ClauseIndex& index_;
  const std::vector<bool>& goal_;
  std::vector<std::int32_t> member_of_;  // by step; -1: not joined
  std::vector<KeptMember> members_;
  std::deque<std::uint32_t> queue_;
  std::vector<std::uint32_t> undecided_;
};

std::vector<std::uint32_t> without_duplicates(const Plan& plan,
                                              std::span<const std::uint32_t> steps) {
  std::vector<bool> seen(plan.steps.size(), false);
  std::vector<std::uint32_t> once;
  for (const std::uint32_t step : steps) {
    if (!seen[step]) once.push_back(step);
    seen[step] = true;
  }
  return once;
}

}  // namespace

bool KeptSet::contains(std::uint32_t step) const {
  return std::ranges::find(members, step, &KeptMember::step) != members.end();
}

KeptSet least_kept_set(const Plan& plan, std::span<const std::uint32_t> failed,
                       const KeptSetLimits& limits) {
  KeptSet result;
  if (failed.empty()) return result;
  const auto roots = without_duplicates(plan, failed);
  const ClauseIndex index(plan);
  kept::Growth growth(index);
  const auto start = growth.point();
  growth.start();
  for (const std::uint32_t step : roots) growth.keep(step);
  const auto open = growth.open({}, start);
  if (!open.empty()) {
    kept::Search search(growth, limits.max_nodes);
    result.exact = search.settle_least(open);
    result.explored = search.explored();
  }
  std::vector<bool> kept(plan.steps.size(), false);
  for (const std::uint32_t step : growth.kept_since(start)) kept[step] = true;
  if (!result.exact) {
    // A bound of its own: whoever asks for a quick search still gets no needless member.
    constexpr std::uint64_t kMostNodes = 200'000;
    result.minimal = kept::shrink_to_minimal(index, roots, kept, kMostNodes);
  }
  result.members = Replay(index, kept).run(roots);
  return result;
}

bool is_consistent(const Plan& plan, const std::vector<bool>& kept) {
  const ClauseIndex index(plan);
  for (std::uint32_t i = 0; i < plan.clauses.size(); ++i) {
    const auto is_kept = [&](std::uint32_t step) { return kept[step]; };
    if (index.binds(i) && kept::is_violated(index.clause(i), is_kept)) return false;
  }
  return true;
}

}  // namespace aptkeep
