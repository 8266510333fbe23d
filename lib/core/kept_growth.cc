#include "core/kept_growth.h"

#include <algorithm>

namespace aptkeep::kept {

Growth::Growth(const ClauseIndex& index)
    : index_(index), marks_(index.plan().steps.size(), Mark::Free) {
  // Only sets of one size are compared by trust, so a shift changes no comparison; with none below
  // zero, a partial sum is a lower bound.
  for (const Step& step : index.plan().steps) {
    least_trust_ = std::min<std::int64_t>(least_trust_, step.trust);
  }
}

bool Growth::violated(std::uint32_t clause) const {
  return is_violated(index_.clause(clause), [&](std::uint32_t step) { return is_kept(step); });
}

void Growth::set_kept(std::uint32_t step) {
  marks_[step] = Mark::Kept;
  trail_.push_back(step);
  cost_ = cost_ + Cost{1, index_.plan().steps[step].trust - least_trust_};
  const auto harmed = index_.harmed_by(step);
  queue_.insert(queue_.end(), harmed.begin(), harmed.end());
}

bool Growth::start() {
  const auto count = static_cast<std::uint32_t>(index_.plan().clauses.size());
  for (std::uint32_t clause = 0; clause < count; ++clause) {
    if (index_.binds(clause) && violated(clause)) queue_.push_back(clause);
  }
  return settle();
}

bool Growth::keep(std::uint32_t step) {
  if (marks_[step] != Mark::Free) return marks_[step] == Mark::Kept;
  set_kept(step);
  return settle();
}

bool Growth::bar(std::uint32_t step) {
  if (marks_[step] != Mark::Free) return marks_[step] == Mark::Barred;
  marks_[step] = Mark::Barred;
  trail_.push_back(step);
  for (const std::uint32_t clause : index_.helped_by(step)) {
    ++visits_;
    if (violated(clause)) queue_.push_back(clause);
  }
  return settle();
}

bool Growth::settle() {
  for (std::size_t next = 0; next < queue_.size(); ++next) {
    const std::uint32_t clause = queue_[next];
    ++visits_;
    if (!violated(clause)) continue;
    bool several = false;
    std::int64_t option = -1;
    for_each_option(index_.clause(clause), [&](std::uint32_t step) {
      if (marks_[step] != Mark::Free) return;
      if (option >= 0 && option != step) several = true;
      option = step;
    });
    if (several) {
      opened_.push_back(clause);
    } else if (option >= 0) {
      set_kept(static_cast<std::uint32_t>(option));
    } else {
      queue_.clear();
      return false;
    }
  }
  queue_.clear();
  return true;
}

void Growth::undo(const Point& to) {
  while (trail_.size() > to.trail) {
    marks_[trail_.back()] = Mark::Free;
    trail_.pop_back();
  }
  opened_.resize(to.opened);
  cost_ = to.cost;
}

std::vector<std::uint32_t> Growth::kept_since(const Point& from) const {
  std::vector<std::uint32_t> kept;
  for (std::size_t i = from.trail; i < trail_.size(); ++i) {
    if (is_kept(trail_[i])) kept.push_back(trail_[i]);
  }
  return kept;
}

std::vector<std::uint32_t> Growth::open(std::vector<std::uint32_t> clauses,
                                        const Point& from) const {
  clauses.insert(clauses.end(), opened_.begin() + static_cast<std::ptrdiff_t>(from.opened),
                 opened_.end());
  std::sort(clauses.begin(), clauses.end());
  clauses.erase(std::unique(clauses.begin(), clauses.end()), clauses.end());
  std::erase_if(clauses, [&](std::uint32_t clause) { return !violated(clause); });
  return clauses;
}

bool Growth::find_open(std::size_t& place, std::uint32_t& clause) const {
  while (place < opened_.size() && !violated(opened_[place])) ++place;
  if (place == opened_.size()) return false;
  clause = opened_[place];
  return true;
}

std::vector<std::uint32_t> Growth::options(std::uint32_t clause) const {
  std::vector<std::uint32_t> found;
  for_each_option(index_.clause(clause), [&](std::uint32_t step) {
    if (marks_[step] != Mark::Free) return;
    if (std::find(found.begin(), found.end(), step) == found.end()) found.push_back(step);
  });
  return found;
}

bool Growth::settled_for_ever(std::uint32_t index) const {
  const Clause& clause = index_.clause(index);
  if (clause.owner_step >= 0) {
    const Mark owner = marks_[static_cast<std::uint32_t>(clause.owner_step)];
    if (owner == (clause.owner_side == Side::New ? Mark::Kept : Mark::Barred)) return true;
  }
  return std::any_of(clause.any_of.begin(), clause.any_of.end(), [&](const Literal& literal) {
    return marks_[literal.step] == (literal.side == Side::Old ? Mark::Kept : Mark::Barred);
  });
}

}  // namespace aptkeep::kept
