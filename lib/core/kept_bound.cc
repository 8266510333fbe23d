// What can be told about a choice before it is made.
#include <algorithm>
#include <map>
#include <utility>

#include "core/kept_search.h"

namespace aptkeep::kept {

std::optional<Search::Option> Search::probe(std::uint32_t step) {
  ++nodes_;
  const auto start = growth_.point();
  std::optional<Option> option;
  if (growth_.keep(step)) {
    option = Option{step, Pick{growth_.kept_since(start), growth_.cost_since(start)}};
  }
  growth_.undo(start);
  return option;
}

Search::Outlook Search::look_ahead(const Clauses& open, Cost limit) {
  std::vector<std::vector<std::uint32_t>> steps;
  std::map<std::uint32_t, std::optional<Option>> probes;
  std::vector<std::uint32_t> useless;
  for (const std::uint32_t clause : open) {
    steps.push_back(growth_.options(clause));
    for (const std::uint32_t step : steps.back()) {
      const auto [probed, fresh] = probes.try_emplace(step);
      if (!fresh) continue;
      probed->second = probe(step);
      if (!probed->second || probed->second->closure.cost > limit) useless.push_back(step);
    }
  }
  for (const std::uint32_t step : useless) {
    if (!growth_.bar(step)) return {Outlook::Kind::DeadEnd, {}};
  }
  if (!useless.empty()) return {Outlook::Kind::Changed, {}};

  std::vector<std::vector<const Option*>> choices;
  std::size_t chosen = 0;
  for (const auto& clause_steps : steps) {
    auto& choice = choices.emplace_back();
    for (const std::uint32_t step : clause_steps) choice.push_back(&*probes[step]);
    if (choice.size() < choices[chosen].size()) chosen = choices.size() - 1;
  }
  Outlook outlook;
  for (const Option* option : choices[chosen]) outlook.options.push_back(*option);
  sort_by_cost(outlook.options);
  if (Cost{lower_bound(std::move(choices)), 0} > limit) outlook.kind = Outlook::Kind::DeadEnd;
  return outlook;
}

// Every solution holds the closure of an option of each clause. Going through the clauses, what an
// earlier one may have counted is left out, so that the sum never counts a package twice.
std::int64_t Search::lower_bound(std::vector<std::vector<const Option*>> choices) {
  const auto least = [](const std::vector<const Option*>& choice) {
    return (*std::ranges::min_element(
                choice, {}, [](const Option* option) { return option->closure.cost.size; }))
        ->closure.cost.size;
  };
  std::ranges::stable_sort(choices, std::greater<>(), least);
  ++bound_calls_;
  std::int64_t sum = 0;
  for (const auto& choice : choices) {
    std::int64_t fewest = -1;
    for (const Option* option : choice) {
      const auto fresh = std::ranges::count_if(option->closure.steps, [&](std::uint32_t step) {
        return claimed_[step] != bound_calls_;
      });
      if (fewest < 0 || fresh < fewest) fewest = fresh;
    }
    if (fewest <= 0) continue;
    sum += fewest;
    for (const Option* option : choice) {
      for (const std::uint32_t step : option->closure.steps) claimed_[step] = bound_calls_;
    }
  }
  return sum;
}

}  // namespace aptkeep::kept
