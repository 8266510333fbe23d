// Parts of a search that have nothing to do with each other. Private to the core.
#pragma once

#include <cstdint>
#include <vector>

#include "core/kept_growth.h"

namespace aptkeep::kept {

// Finds groups of open clauses such that whatever is kept to settle one group can neither settle
// nor violate anything of another. Each group can then be solved alone, which turns a product of
// possibilities into a sum.
class Splitter {
 public:
  explicit Splitter(const Growth& growth);

  // Groups in the order of their first clause.
  std::vector<std::vector<std::uint32_t>> split(const std::vector<std::uint32_t>& open);

  std::uint64_t visits() const { return visits_; }

 private:
  struct Reach {  // which search reached an item, and which open clause it came from
    std::uint32_t stamp = 0;
    std::uint32_t from = 0;
  };

  std::uint32_t find(std::uint32_t group);
  bool claim(Reach& reach, std::uint32_t from);
  void spread(std::uint32_t from, std::uint32_t clause);

  const Growth& growth_;
  std::vector<Reach> steps_, clauses_;
  std::vector<std::uint32_t> parent_;  // union-find over positions in `open`
  std::vector<std::uint32_t> stack_;   // steps to spread from
  std::uint32_t stamp_ = 0;
  std::uint64_t visits_ = 0;
};

}  // namespace aptkeep::kept
