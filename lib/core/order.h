// In which order, and in which dpkg calls, the archives of one apt call are unpacked; and which
// packages can be configured after a failure.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/plan.h"

namespace aptkeep {

// `call`: the steps of one dpkg call in apt's order. `states`: one for each step of the plan.
//
// Returns the same steps so that
//  - what a new version Breaks or Conflicts with at its old version comes before it, whatever else
//    is said (apt does so; otherwise dpkg removes or deconfigures an innocent package, or loses a
//    file over aliased paths); so does, less strictly, an old version that Conflicts with a new
//    one;
//  - then: what a package needs at its new version comes before it, so that a failure is met
//    before its dependents are touched;
//  - otherwise apt's order stands, also inside a cycle.
// Multi-Arch: same siblings end up side by side.
std::vector<std::uint32_t> unpack_order(const Plan& plan, std::span<const std::uint32_t> call,
                                        std::span<const StepState> states);

// Cuts an order into dpkg calls: an archive that, when its turn comes, still Breaks or Conflicts
// with a package at its old version gets a call of its own, because a dpkg that failed carries its
// conflictors into the next archive of the same call. Everything else stays in as few calls as
// possible, since each costs a reading of the database.
std::vector<std::vector<std::uint32_t>> unpack_calls(const Plan& plan,
                                                     std::span<const std::uint32_t> order,
                                                     std::span<const StepState> states);

// The steps among `pending` (unpacked, to be configured; Returning ones at their old side) that
// cannot be configured because a clause of theirs needs one that is not configured and will not be:
// broken, or another such; or because an installed package Breaks them, or a Multi-Arch: same
// sibling has another version. The rest may be handed to `dpkg --configure`.
std::vector<std::uint32_t> unconfigurable(const Plan& plan, std::span<const std::uint32_t> pending,
                                          std::span<const StepState> states);

}  // namespace aptkeep
