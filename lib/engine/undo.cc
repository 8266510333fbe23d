#include "engine/undo.h"

#include <algorithm>

#include "core/way_back.h"
#include "engine/session.h"

namespace aptkeep {
namespace {

std::string line_of(const Step& step, const std::string& name) {
  if (step.old_version.empty()) return name + " " + step.new_version + " is removed";
  if (step.new_version.empty()) return name + " " + step.old_version + " comes back";
  return name + " " + step.new_version + " -> " + step.old_version;
}

bool changed_since(const Step& step, const DbSnapshot& db) {
  if (!at_new_side(step, db)) return true;
  return !step.new_version.empty() && !db.at(step.package).configured();
}

std::string obstacle_of(const Step& step, bool has_snapshot, const DbSnapshot& db) {
  if (!step.never_back.empty()) return step.never_back;
  if (step.action == Action::Configure) return "it was only configured then";
  if (changed_since(step, db)) return "it has changed since";
  if (!step.old_version.empty() && !has_snapshot) return "there is no snapshot of it any more";
  return {};
}

Failure as_failure(const Step& step, std::uint32_t index) {
  Failure failure;
  failure.package = step.package;
  failure.step = static_cast<std::int32_t>(index);
  failure.version = step.new_version;
  failure.old_version = step.old_version;
  failure.phase = step.new_version.empty() ? Phase::Remove : Phase::Configure;
  failure.message = kPutBackOnRequest;
  return failure;
}

}  // namespace

Result<Undo> undo_of(const OpenPlan& done, const std::set<std::string>& asked,
                     const std::function<bool(const std::string&)>& has_snapshot,
                     const DbSnapshot& db) {
  Undo undo;
  OpenPlan& open = undo.plan;
  open.plan = done.plan;
  open.flags = done.flags;
  open.flags.rollback = true;
  const std::size_t count = open.plan.steps.size();
  open.states.assign(count, StepState::NotReached);
  open.rolled_back.assign(count, false);
  std::vector<std::string> obstacles(count);
  std::vector<bool> touched(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    const Step& step = open.plan.steps[i];
    touched[i] = at_new_side(step, db);
    obstacles[i] = obstacle_of(step, has_snapshot(step.package), db);
    if (touched[i]) open.states[i] = StepState::Done;
    const bool is_asked =
        asked.empty() ? touched[i] && obstacles[i].empty() : asked.contains(step.package);
    if (!is_asked) continue;
    if (!obstacles[i].empty()) {
      return Error{"unable to put back " + display_name(step.package, open.flags.native_arch) +
                   ": " + obstacles[i]};
    }
    open.states[i] = StepState::FailedNew;
    open.failures.push_back(as_failure(step, i));
  }
  const WayBack way = way_back(open.plan, open.states, touched, obstacles);
  if (!way.stuck.empty()) {
    const Stuck& stuck = way.stuck.front();
    const auto name = [&](std::uint32_t step) {
      return display_name(open.plan.steps[step].package, open.flags.native_arch);
    };
    return Error{"unable to put back " + name(stuck.step) + ": " + name(stuck.because) +
                 " would have to go back too, and " + stuck.reason};
  }
  undo.returning = way.returning;
  std::sort(undo.returning.begin(), undo.returning.end());
  for (const std::uint32_t step : undo.returning) {
    undo.lines.push_back(line_of(open.plan.steps[step], display_name(open.plan.steps[step].package,
                                                                     open.flags.native_arch)));
  }
  return undo;
}

}  // namespace aptkeep
