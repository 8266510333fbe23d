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

// A plan that takes back what a person wanted back.
bool is_on_request(const OpenPlan& open);

struct Undo {
  // A plan of its own that has come to its end, with what is asked for as failed: the engine then
  // puts it back, and what must be old with it. It has no other steps.
  OpenPlan plan;
  std::vector<std::string> lines;  // for a person: "foo 2.0 -> 1.0", "bar 1.0 is removed"
  std::vector<std::string> stays;  // what of a whole plan cannot go back: "baz: it has changed ..."
};

// How things are now.
struct UndoPorts {
  std::function<bool(const std::string&)> has_snapshot;  // of a package in that plan
  // The clauses that putting these steps back can change. Those that the plan came with know
  // nothing of what was installed, upgraded or removed since.
  std::function<Result<std::vector<Clause>>(const std::vector<Step>&)> clauses;
};

// Whether a plan ended with it at its new version, unpacked but not configured: since its way back
// could not be made, say, for want of room. It can be made later.
bool is_left_unfinished(StepState state);

// What stands for a person's wish to have the step's package put back.
Failure failure_on_request(const Step& step, std::uint32_t index);

// Steps that are at their old side and missed there, because what is at its new side needs them to
// be new: where putting back went wrong. A keep would have apt remove that one.
std::set<std::uint32_t> missed_by_what_stays(const Plan& plan, const DbSnapshot& db);

// `done`: a plan that has ended. `asked`: packages, "name:arch"; empty: all that it changed and
// that can go back. An Error says why something cannot: a package is not in the plan, may never go
// back, has changed since, there is no snapshot any more, or what is installed now needs the new
// version or is not enough for the old one.
Result<Undo> undo_of(const OpenPlan& done, const std::set<std::string>& asked,
                     const UndoPorts& ports, const DbSnapshot& db);

}  // namespace aptkeep
