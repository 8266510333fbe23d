#include "core/kept_split.h"

#include <numeric>

namespace aptkeep::kept {

Splitter::Splitter(const Growth& growth)
    : growth_(growth),
      steps_(growth.index().plan().steps.size()),
      clauses_(growth.index().plan().clauses.size()) {}

std::uint32_t Splitter::find(std::uint32_t group) {
  while (parent_[group] != group) group = parent_[group] = parent_[parent_[group]];
  return group;
}

// True if nothing had reached the item in this search. Where two groups meet they become one.
bool Splitter::claim(Reach& reach, std::uint32_t from) {
  ++visits_;
  if (reach.stamp != stamp_) {
    reach = {stamp_, from};
    return true;
  }
  parent_[find(reach.from)] = find(from);
  return false;
}

// Two groups that would both need a barred step meet in the clause that needs it.
void Splitter::spread(std::uint32_t from, std::uint32_t clause) {
  for_each_option(growth_.index().clause(clause), [&](std::uint32_t step) {
    if (growth_.mark(step) == Growth::Mark::Free && claim(steps_[step], from)) {
      stack_.push_back(step);
    }
  });
}

std::vector<std::vector<std::uint32_t>> Splitter::split(const std::vector<std::uint32_t>& open) {
  if (open.size() < 2) return {open};
  ++stamp_;
  parent_.resize(open.size());
  std::iota(parent_.begin(), parent_.end(), 0U);
  for (std::uint32_t from = 0; from < open.size(); ++from) {
    spread(from, open[from]);
    while (!stack_.empty()) {
      const std::uint32_t step = stack_.back();
      stack_.pop_back();
      for (const std::uint32_t clause : growth_.index().harmed_by(step)) {
        if (growth_.settled_for_ever(clause)) continue;
        if (claim(clauses_[clause], from)) spread(from, clause);
      }
    }
  }
  std::vector<std::vector<std::uint32_t>> groups;
  std::vector<std::uint32_t> group_of(open.size(), static_cast<std::uint32_t>(open.size()));
  for (std::uint32_t i = 0; i < open.size(); ++i) {
    auto& group = group_of[find(i)];
    if (group == open.size()) {
      group = static_cast<std::uint32_t>(groups.size());
      groups.emplace_back();
    }
    groups[group].push_back(open[i]);
  }
  return groups;
}

}  // namespace aptkeep::kept
