// The least kept set: which packages must stay back when some have failed.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/plan.h"

namespace aptkeep {

// Why a step is in the kept set. Following `because` always ends at a failed step, unless the run
// as the frontend wants it violates a clause without any failure.
struct KeptMember {
  std::uint32_t step = 0;
  bool failed = false;  // failed itself; the rest is meaningless then
  // Index in `members` of the one whose being kept made this one join.
  std::int32_t because = -1;
  std::uint32_t clause = 0;  // the clause that the members before this one violate
};

struct KeptSet {
  std::vector<KeptMember> members;  // in joining order: a cause stands before what it causes
  bool exact = true;    // the size is proven least; otherwise inclusion-minimal (see minimal)
  bool minimal = true;  // no proper subset would do; false only when the bound ran out twice
  std::uint64_t explored = 0;  // search nodes; one that looks at many clauses counts as several

  bool contains(std::uint32_t step) const;
};

struct KeptSetLimits {
  std::uint64_t max_nodes = 200'000;  // of the exact search
};

// World(K): steps in K on their old side, all others on their new one. Returns the K with the
// fewest members that contains `failed` and violates no clause that was not violated before the
// run; ties go to the lower sum of trust, then to the names in lexicographic order. An empty
// `failed` gives an empty set. Duplicates in `failed` are harmless; indexes must be in range.
//
// Such a K always exists: with all steps kept, the state is that from before the run. What is
// compared of names is Step::package byte by byte, the members' names sorted.
//
// Source of the definition: docs/design.md, "Least kept set".
KeptSet least_kept_set(const Plan& plan, std::span<const std::uint32_t> failed,
                       const KeptSetLimits& limits = {});

// True if World(K) violates no clause that was not violated before the run.
bool is_consistent(const Plan& plan, const std::vector<bool>& kept);

// The member at the end of this one's causes: itself, if it failed.
const KeptMember& root_of(const KeptSet& kept, const KeptMember& member);
// That of the step's member; nullptr: it is none.
const KeptMember* root_of(const KeptSet& kept, std::uint32_t step);

// One sentence for each member, from `step` down to the failed one:
//   "c kept: needs b (>= 2)", "b kept: needs a (= 2.0)", "a failed".
// A step that is not in the set gives an empty list.
std::vector<std::string> cause_chain(const Plan& plan, const KeptSet& kept, std::uint32_t step,
                                     std::string_view native_arch);

}  // namespace aptkeep
