// Which packages go back to their old side when some have failed, and which cannot.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/kept_set.h"
#include "core/plan.h"

namespace aptkeep {

// The same packages the other way round: what was old is new. A rollback of steps of `plan` is a
// run of some steps of the inverse plan, so that order and kept sets are one piece of code.
Plan inverse(const Plan& plan);

// The steps of `begun`, and those that must be on their new side with them: what a plan that was
// cut off has to come to at least, if nothing is to go back.
std::vector<bool> forward(const Plan& plan, const std::vector<bool>& begun);

// Whether there is something to save before the step is made: it replaces or removes what may come
// back.
bool wants_snapshot(const Step& step);

// A failed step that has to stay between its sides.
struct Stuck {
  std::uint32_t step = 0;
  std::uint32_t because = 0;  // the step that cannot go back; may be the same
  std::string reason;         // of that one
};

struct WayBack {
  std::vector<std::uint32_t> returning;  // to be put back, in no order
  std::vector<Stuck> stuck;
  // Kept because of what can go back: the failed that may, and what must be old with them.
  KeptSet kept;
};

// Nothing goes back where no step is in such a state.
bool begins_way_back(StepState state);

// `states`: FailedOld, FailedNew and Returning count as failed, Returning as on its way already.
// Kept and NotReached ones are at their old side for good, which is as good as failed to what needs
// them. `touched[i]`: dpkg has begun with step i, and its package is not whole at its old side.
// `obstacles[i]`: why step i cannot be put back where it is touched; empty: it can.
//
// A failure goes back only if everything touched that must be old with it can: otherwise the
// failed package stays as it is, alone with what needs it, and what only it would take back goes
// forward.
WayBack way_back(const Plan& plan, std::span<const StepState> states,
                 const std::vector<bool>& touched, std::span<const std::string> obstacles);

}  // namespace aptkeep
