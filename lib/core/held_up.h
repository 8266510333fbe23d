// What cannot go on because a package that it needs was left between its versions: not yet
// configured, and not at its old version either. The least kept set does not count these, because
// it describes the state after everything failed has gone back to its old version.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/kept_set.h"
#include "core/plan.h"

namespace aptkeep {

struct HeldUp {
  std::uint32_t step = 0;
  std::uint32_t clause = 0;   // of its new version, that nothing satisfies
  std::uint32_t because = 0;  // a step that would have, and is stuck itself
};

// Whether `step`'s new version could not be configured as things stand: a relation of it is
// satisfied by nothing but steps that are stuck (StepState::FailedNew, Stranded).
std::optional<HeldUp> held_up(const Plan& plan, std::span<const StepState> states,
                              std::uint32_t step);

// Those that need a step with `left` (one for each step), which stays unconfigured, and why: "it
// needs libx (>= 2), and libx is left unconfigured". Unpacked they would be left so as well, and
// their old versions with them, as these need it too.
std::vector<std::pair<std::uint32_t, std::string>> waiting_for_left(const Plan& plan,
                                                                    const std::vector<bool>& left,
                                                                    std::string_view native_arch);

// Why a step is not on its new side, from the step down to a failed one: through the kept set, then
// through what held others up. `failed` of a member of `kept` may be such a step.
struct Cause {
  std::vector<std::string> lines;  // "dep kept: needs foo", "foo failed"
  std::string root;                // "name:arch" of the failed package; empty: none was found
};
Cause cause_of(const Plan& plan, const KeptSet& kept, std::span<const StepState> states,
               std::uint32_t step, std::string_view native_arch);

}  // namespace aptkeep
