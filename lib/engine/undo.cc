#include "engine/undo.h"

#include <algorithm>
#include <optional>

#include "core/kept_clauses.h"
#include "core/put_back.h"
#include "core/way_back.h"
#include "engine/session.h"

namespace aptkeep {
namespace {

std::string line_of(const Step& step, const std::string& name) {
  if (step.old_version.empty()) return name + " " + step.new_version + " is removed";
  if (step.new_version.empty()) return name + " " + step.old_version + " comes back";
  return name + " " + step.new_version + " -> " + step.old_version;
}

// `state`: in which the plan left it.
bool changed_since(const Step& step, StepState state, const DbSnapshot& db) {
  if (!at_new_side(step, db)) return true;
  return !step.new_version.empty() && !is_left_unfinished(state) &&
         !db.at(step.package).configured();
}

// Neither side of it has other files than the other.
bool changes_files(const Step& step) {
  return step.action != Action::Configure &&
         !(step.old_version.empty() && step.new_version.empty());
}

std::string obstacle_of(const Step& step, StepState state, const UndoPorts& ports,
                        const DbSnapshot& db) {
  if (!step.never_back.empty()) return step.never_back;
  if (step.action == Action::Configure) return "it was only configured then";
  if (!changes_files(step)) return "only what was left of its configuration was removed then";
  if (changed_since(step, state, db)) return "it has changed since";
  if (!step.old_version.empty() && !ports.has_snapshot(step.package)) {
    return "there is no snapshot of it any more";
  }
  return {};
}

// What stands in the way of a step that was asked for.
struct Refusal {
  std::uint32_t step = 0;
  std::string reason;
};

// Works out what goes back, in the world as it is now.
class Undoing {
 public:
  Undoing(const OpenPlan& done, const UndoPorts& ports, const DbSnapshot& db)
      : done_(done), ports_(ports), db_(db) {}

  Status choose(const std::set<std::string>& asked);
  Result<Undo> work_out(bool whole);

 private:
  std::string name(std::uint32_t step) const {
    return display_name(plan_.steps[step].package, done_.flags.native_arch);
  }
  Error refused(const std::string& what, const std::string& reason) const {
    return Error{"unable to put back " + what + ": " + reason};
  }
  Status choose_step(std::size_t index, const std::set<std::string>& asked);
  std::optional<Refusal> refusal(const WayBack& way) const;
  Undo undo_with(std::vector<std::uint32_t> returning);

  const OpenPlan& done_;
  const UndoPorts& ports_;
  const DbSnapshot& db_;
  Plan plan_;                           // of what is at its new side now
  std::vector<StepState> states_;       // FailedNew: it was asked for
  std::vector<std::string> obstacles_;  // one for each step
  std::vector<std::string> stays_;
};

Status Undoing::choose_step(std::size_t index, const std::set<std::string>& asked) {
  const Step& step = done_.plan.steps[index];
  const std::string shown = display_name(step.package, done_.flags.native_arch);
  const std::string obstacle = obstacle_of(step, done_.states[index], ports_, db_);
  const bool touched = at_new_side(step, db_);
  const bool named = asked.contains(step.package);
  if (named && !obstacle.empty()) return refused(shown, obstacle);
  if (asked.empty() && !obstacle.empty() && step.action != Action::Configure &&
      !(step.old_version != step.new_version && whole_at_old_side(step, db_))) {
    stays_.push_back(shown + ": " + obstacle);
  }
  // What is neither as it was then nor as it became has nothing to do with that run any more.
  if (!touched || !changes_files(step)) return success();
  const bool wanted = asked.empty() ? obstacle.empty() : named;
  plan_.steps.push_back(step);
  plan_.steps.back().on_failure.reset();  // a person has decided
  states_.push_back(wanted ? StepState::FailedNew : StepState::Done);
  obstacles_.push_back(obstacle);
  return success();
}

Status Undoing::choose(const std::set<std::string>& asked) {
  for (std::size_t i = 0; i < done_.plan.steps.size(); ++i) {
    if (const Status chosen = choose_step(i, asked); !chosen) return chosen;
  }
  auto clauses = ports_.clauses(plan_.steps);
  if (!clauses) return clauses.error();
  plan_.clauses = std::move(*clauses);
  return success();
}

std::optional<Refusal> Undoing::refusal(const WayBack& way) const {
  const auto because = [&](std::uint32_t root, std::uint32_t step, const std::string& reason) {
    return Refusal{
        root, root == step ? reason : name(step) + " would have to go back too, and " + reason};
  };
  if (!way.stuck.empty()) {
    const Stuck& stuck = way.stuck.front();
    return because(stuck.step, stuck.because, stuck.reason);
  }
  std::vector<bool> old(plan_.steps.size());
  for (const std::uint32_t step : way.returning) old[step] = true;
  const auto violated = newly_violated(plan_, old);
  if (!violated) return std::nullopt;
  const Clause& clause = plan_.clauses[*violated];
  const std::uint32_t culprit = culprit_of(clause, old).value_or(way.returning.front());
  // The step that was asked for and that takes this one back with it.
  const KeptMember* root = root_of(way.kept, culprit);
  return because(root == nullptr ? culprit : root->step, culprit,
                 relation_of(clause, done_.flags.native_arch));
}

Undo Undoing::undo_with(std::vector<std::uint32_t> returning) {
  std::sort(returning.begin(), returning.end());
  Undo undo;
  undo.stays = std::move(stays_);
  OpenPlan& open = undo.plan;
  open.flags = done_.flags;
  open.flags.rollback = true;
  open.plan = plan_of(plan_, returning);
  open.rolled_back.assign(returning.size(), false);
  for (std::uint32_t i = 0; i < returning.size(); ++i) {
    const Step& step = open.plan.steps[i];
    const StepState state = states_[returning[i]];
    open.states.push_back(state);
    if (state == StepState::FailedNew) open.failures.push_back(failure_on_request(step, i));
    undo.lines.push_back(line_of(step, name(returning[i])));
  }
  return undo;
}

// `whole`: what cannot go back of it stays. Otherwise all that was asked for goes back, or nothing.
Result<Undo> Undoing::work_out(bool whole) {
  const std::vector<bool> touched(plan_.steps.size(), true);
  while (std::ranges::count(states_, StepState::FailedNew) > 0) {
    const WayBack way = way_back(plan_, states_, touched, obstacles_);
    const auto refusal = this->refusal(way);
    if (!refusal) return undo_with(way.returning);
    if (!whole) return refused(name(refusal->step), refusal->reason);
    stays_.push_back(name(refusal->step) + ": " + refusal->reason);
    states_[refusal->step] = StepState::Done;
    obstacles_[refusal->step] = refusal->reason;
  }
  return refused("run " + std::to_string(done_.run),
                 stays_.empty() ? "nothing is left to be undone" : stays_.front());
}

}  // namespace

bool is_on_request(const OpenPlan& open) {
  return std::ranges::any_of(
      open.failures, [](const Failure& failure) { return failure.message == kPutBackOnRequest; });
}

Failure failure_on_request(const Step& step, std::uint32_t index) {
  Failure failure;
  failure.package = step.package;
  failure.step = static_cast<std::int32_t>(index);
  failure.version = step.new_version;
  failure.old_version = step.old_version;
  failure.phase = step.new_version.empty() ? Phase::Remove : Phase::Configure;
  failure.message = kPutBackOnRequest;
  return failure;
}

bool is_left_unfinished(StepState state) {
  return state == StepState::FailedNew || state == StepState::Stranded;
}

std::set<std::uint32_t> missed_by_what_stays(const Plan& plan, const DbSnapshot& db) {
  const auto old = [&](std::uint32_t step) { return !at_new_side(plan.steps[step], db); };
  std::set<std::uint32_t> missed;
  for (const Clause& clause : plan.clauses) {
    const bool stays = clause.owner_step >= 0 && clause.owner_side == Side::New;
    if (!stays || !kept::is_violated(clause, old)) continue;
    for (const Literal& literal : clause.any_of) missed.insert(literal.step);
  }
  return missed;
}

Result<Undo> undo_of(const OpenPlan& done, const std::set<std::string>& asked,
                     const UndoPorts& ports, const DbSnapshot& db) {
  Undoing undoing(done, ports, db);
  if (const Status chosen = undoing.choose(asked); !chosen) return chosen.error();
  return undoing.work_out(asked.empty());
}

}  // namespace aptkeep
