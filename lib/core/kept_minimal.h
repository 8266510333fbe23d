// Inclusion-minimality of a kept set that was not proven least. Private to the core.
#pragma once

#include <cstdint>
#include <vector>

#include "core/kept_clauses.h"

namespace aptkeep::kept {

// Shrinks `kept` (by step, consistent, with all of `failed`) to a set of which no proper subset
// would do. False: the bound ran out, and it may still be too large.
bool shrink_to_minimal(const ClauseIndex& index, const std::vector<std::uint32_t>& failed,
                       std::vector<bool>& kept, std::uint64_t max_nodes);

}  // namespace aptkeep::kept
