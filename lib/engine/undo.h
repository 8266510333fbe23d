// Taking back, by a person's wish, what an earlier plan did.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "engine/ports.h"
#include "state/store.h"

namespace aptkeep {

// Failure::message, and Keep's, of a package that did not fail: a person wants its old version
// back.
inline constexpr const char* kPutBackOnRequest = "put back on request";

struct Undo {
  // The earlier plan as a plan of its own that has come to its end, with what is asked for as
  // failed: the engine then puts it back, and what must be old with it.
  OpenPlan plan;
  std::vector<std::uint32_t> returning;  // steps, what was asked for among them
  std::vector<std::string> lines;        // for a person: "foo 2.0 -> 1.0", "bar 1.0 is removed"
};

// `done`: a plan that has ended. `asked`: packages, "name:arch"; empty: all that it changed.
// `has_snapshot`: of a package in that plan. An Error says why it cannot be undone: a package is
// not in the plan, may never go back, has changed since, or there is no snapshot any more.
Result<Undo> undo_of(const OpenPlan& done, const std::set<std::string>& asked,
                     const std::function<bool(const std::string&)>& has_snapshot,
                     const DbSnapshot& db);

}  // namespace aptkeep
