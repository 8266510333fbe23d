// A kept set while it grows: what follows by itself, what is still open, and the way back. Private
// to the core.
#pragma once

#include <compare>
#include <cstdint>
#include <vector>

#include "core/kept_clauses.h"

namespace aptkeep::kept {

// What a set of kept packages costs; less is better, size first. Both may be negative where costs
// are subtracted: they are compared as pairs all the same.
struct Cost {
  std::int64_t size = 0;
  std::int64_t trust = 0;

  friend auto operator<=>(const Cost&, const Cost&) = default;
  friend Cost operator+(Cost a, Cost b) { return {a.size + b.size, a.trust + b.trust}; }
  friend Cost operator-(Cost a, Cost b) { return {a.size - b.size, a.trust - b.trust}; }
};

// Each step is free (at its new side so far), kept, or barred from being kept. Keeping and barring
// carry with them all that follows by itself: a violated clause with one free option left takes
// it. Clauses with several are open, and for the caller to decide.
class Growth {
 public:
  enum class Mark : std::uint8_t { Free, Kept, Barred };
  struct Point {  // to which undo() goes back
    std::size_t trail = 0;
    std::size_t opened = 0;
    Cost cost;
  };

  explicit Growth(const ClauseIndex& index);

  // Settles what the world with nothing kept violates. False: a dead end, as for keep() and bar(),
  // after which only undo() is allowed.
  bool start();
  bool keep(std::uint32_t step);
  bool bar(std::uint32_t step);

  Point point() const { return {trail_.size(), opened_.size(), cost_}; }
  void undo(const Point& to);

  Mark mark(std::uint32_t step) const { return marks_[step]; }
  bool is_kept(std::uint32_t step) const { return marks_[step] == Mark::Kept; }
  Cost cost() const { return cost_; }
  Cost cost_since(const Point& from) const { return cost_ - from.cost; }
  std::vector<std::uint32_t> kept_since(const Point& from) const;

  // `clauses` and those opened since `from`: the ones that are violated now, in order, once each.
  std::vector<std::uint32_t> open(std::vector<std::uint32_t> clauses, const Point& from) const;
  // The first clause, from `place` in the list of those ever opened, that is violated now; `place`
  // moves on to it. False at the end of the list.
  bool find_open(std::size_t& place, std::uint32_t& clause) const;
  // The free steps that would end the clause's violation, in the clause's order, once each.
  std::vector<std::uint32_t> options(std::uint32_t clause) const;
  // Nothing that may still be kept or barred can violate it.
  bool settled_for_ever(std::uint32_t clause) const;

  const ClauseIndex& index() const { return index_; }
  std::uint64_t visits() const { return visits_; }  // clauses looked at, as a measure of work

 private:
  bool violated(std::uint32_t clause) const;
  void set_kept(std::uint32_t step);
  bool settle();

  const ClauseIndex& index_;
  std::vector<Mark> marks_;
  std::vector<std::uint32_t> trail_;   // steps that are not free, in the order they became so
  std::vector<std::uint32_t> opened_;  // clauses that had several options when they were violated
  std::vector<std::uint32_t> queue_;   // clauses to look at
  std::int64_t least_trust_ = 0;
  Cost cost_;
  std::uint64_t visits_ = 0;
};

}  // namespace aptkeep::kept
