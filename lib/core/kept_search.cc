#include "core/kept_search.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

namespace aptkeep::kept {

std::vector<std::uint32_t> ranks_by_name(const Plan& plan) {
  std::vector<std::uint32_t> order(plan.steps.size());
  std::iota(order.begin(), order.end(), 0U);
  std::ranges::stable_sort(
      order, {}, [&](std::uint32_t i) { return std::string_view(plan.steps[i].package); });
  std::vector<std::uint32_t> ranks(order.size());
  for (std::uint32_t rank = 0; rank < order.size(); ++rank) ranks[order[rank]] = rank;
  return ranks;
}

Search::Search(Growth& growth, std::uint64_t max_nodes)
    : growth_(growth),
      splitter_(growth),
      ranks_(ranks_by_name(growth.index().plan())),
      claimed_(ranks_.size(), 0),
      visits_before_(growth.visits()),
      max_nodes_(max_nodes) {}

std::uint64_t Search::explored() const {
  constexpr std::uint64_t kVisitsPerNode = 64;
  return nodes_ + (growth_.visits() - visits_before_ + splitter_.visits()) / kVisitsPerNode;
}

bool Search::settle_least(const std::vector<std::uint32_t>& open) {
  auto groups = splitter_.split(open);
  // A hard group must not use up what easy ones need.
  std::ranges::stable_sort(groups, {}, [](const Clauses& group) { return group.size(); });
  bool proven = true;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    Pick pick = greedy(groups[i]);
    const std::uint64_t left = max_nodes_ - std::min(max_nodes_, explored());
    stop_at_ = explored() + left / (groups.size() - i);
    out_ = false;
    const auto found = best(groups[i], pick.cost);
    if (found && better(*found, pick)) pick = *found;
    proven = proven && !out_;
    for (const std::uint32_t step : pick.steps) growth_.keep(step);
  }
  return proven;
}

std::optional<Pick> Search::best(Clauses open, Cost limit) {
  const auto start = growth_.point();
  std::optional<Pick> result;
  for (;;) {
    const Cost used = growth_.cost_since(start);
    if (used > limit) break;
    open = growth_.open(std::move(open), start);
    if (open.empty()) {
      result = Pick{growth_.kept_since(start), used};
      break;
    }
    if (spent()) {
      out_ = true;
      break;
    }
    const auto groups = splitter_.split(open);
    if (groups.size() > 1) {
      result = best_of_groups(groups, limit - used);
      if (!result) break;
      const auto kept = growth_.kept_since(start);
      result->steps.insert(result->steps.end(), kept.begin(), kept.end());
      result->cost = result->cost + used;
      break;
    }
    const Outlook outlook = look_ahead(open, limit - used);
    if (outlook.kind == Outlook::Kind::DeadEnd) break;
    if (outlook.kind == Outlook::Kind::Changed) continue;
    result = best_branch(open, outlook.options, limit, start);
    break;
  }
  growth_.undo(start);
  return result;
}

std::optional<Pick> Search::best_of_groups(const std::vector<Clauses>& groups, Cost limit) {
  Pick all;
  auto waiting = static_cast<std::int64_t>(groups.size());
  for (const Clauses& group : groups) {
    --waiting;  // each of those to come adds a package at least
    const auto pick = best(group, limit - all.cost - Cost{waiting, 0});
    if (!pick) return std::nullopt;
    all.steps.insert(all.steps.end(), pick->steps.begin(), pick->steps.end());
    all.cost = all.cost + pick->cost;
  }
  return all;
}

std::optional<Pick> Search::best_branch(const Clauses& open, const std::vector<Option>& options,
                                        Cost limit, const Growth::Point& start) {
  std::optional<Pick> result;
  for (const Option& option : options) {
    const auto before = growth_.point();
    if (growth_.keep(option.step)) {
      const Cost used = growth_.cost_since(start);
      auto rest = best(growth_.open(open, start), limit - used);
      if (rest) {
        const auto kept = growth_.kept_since(start);
        rest->steps.insert(rest->steps.end(), kept.begin(), kept.end());
        rest->cost = rest->cost + used;
        if (!result || better(*rest, *result)) result = std::move(rest);
        limit = result->cost;
      }
    }
    growth_.undo(before);
    // From here on only sets without this option are new.
    if (out_ || !growth_.bar(option.step) || growth_.cost_since(start) > limit) break;
  }
  return result;
}

Pick Search::greedy(Clauses open) {
  const auto start = growth_.point();
  for (;;) {
    open = growth_.open(std::move(open), start);
    if (open.empty()) break;
    std::vector<std::uint32_t> fewest;
    for (const std::uint32_t clause : open) {
      auto steps = growth_.options(clause);
      if (fewest.empty() || steps.size() < fewest.size()) fewest = std::move(steps);
      if (fewest.size() == 2) break;  // one would have been taken already
    }
    std::vector<Option> options;
    for (const std::uint32_t step : fewest) {
      if (auto option = probe(step)) options.push_back(std::move(*option));
    }
    sort_by_cost(options);
    growth_.keep(options.front().step);
  }
  const Pick pick{growth_.kept_since(start), growth_.cost_since(start)};
  growth_.undo(start);
  return pick;
}

bool Search::better(const Pick& a, const Pick& b) const {
  if (a.cost != b.cost) return a.cost < b.cost;
  const auto sorted_ranks = [&](const Pick& pick) {
    std::vector<std::uint32_t> ranks;
    for (const std::uint32_t step : pick.steps) ranks.push_back(ranks_[step]);
    std::sort(ranks.begin(), ranks.end());
    return ranks;
  };
  return sorted_ranks(a) < sorted_ranks(b);
}

void Search::sort_by_cost(std::vector<Option>& options) const {
  std::ranges::sort(options, [&](const Option& a, const Option& b) {
    return std::pair(a.closure.cost, ranks_[a.step]) < std::pair(b.closure.cost, ranks_[b.step]);
  });
}

}  // namespace aptkeep::kept
