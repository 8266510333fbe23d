#include "engine/finish.h"

#include <algorithm>
#include <set>

#include "core/dpkg_log.h"
#include "core/dpkg_status.h"
#include "core/held_up.h"
#include "core/kept_set.h"
#include "engine/left_islands.h"
#include "engine/over.h"
#include "engine/pins_file.h"
#include "engine/session.h"
#include "engine/undo.h"

namespace aptkeep {
namespace {

const Failure* failure_of(const OpenPlan& open, const std::string& package) {
  // Where putting it back failed as well, what failed first is the cause.
  const Failure* found = nullptr;
  for (const auto& failure : open.failures) {
    if (failure.healed || failure.package != package) continue;
    if (found == nullptr || failure.version == found->version) found = &failure;
  }
  return found;
}

StepState outcome_of(const OpenPlan& open, std::size_t index, const DbSnapshot& db,
                     bool something_failed) {
  const Step& step = open.plan.steps[index];
  const std::string state = state_in(db, step.package);
  const Failure* const failure = failure_of(open, step.package);
  const bool failed = failure != nullptr;
  const bool removal = step.new_version.empty();
  if (removal) {
    // Without its files, but not purged. aptitude and python-apt do not tell the hook that they
    // purge; the driver has seen it.
    const bool told = failed && step.action == Action::Purge;
    const bool seen = failed && failure->phase == Phase::Purge && at_new_side(step, db);
    if ((told || seen) && !state.empty()) return StepState::FailedNew;
    if (at_new_side(step, db)) return StepState::Done;
    if (failed) return is_half_done(state) ? StepState::FailedNew : StepState::FailedOld;
  } else if (at_new_side(step, db) && !is_half_done(state)) {
    // A failed reinstallation or downgrade to the same version looks the same as a good one.
    const bool looks_alike = step.old_version == step.new_version;
    if (!looks_alike || !failed) return StepState::Done;
    return StepState::FailedOld;
  } else {
    if (failed) return is_half_done(state) ? StepState::FailedNew : StepState::FailedOld;
    if (is_half_done(state)) return something_failed ? StepState::Stranded : StepState::NotReached;
  }
  // Stranded on its way back, and configured since.
  const bool kept = open.states[index] == StepState::Kept ||
                    (open.states[index] == StepState::Stranded && whole_at_old_side(step, db));
  return kept ? StepState::Kept : StepState::NotReached;
}

// The kept set as the driver grew it: from what failed, and from what such a package held up.
KeptSet kept_set_of(const OpenPlan& open, const std::vector<StepState>& states) {
  std::vector<std::uint32_t> roots;
  for (std::uint32_t i = 0; i < states.size(); ++i) {
    const bool failed = states[i] == StepState::FailedOld || states[i] == StepState::FailedNew;
    const bool held = states[i] == StepState::Kept && held_up(open.plan, states, i);
    if (failed || held) roots.push_back(i);
  }
  return least_kept_set(open.plan, roots);
}

void copy_failure(const Failure& failure, Keep& keep) {
  keep.failed = true;
  keep.root = failure.package;
  keep.phase = failure.phase;
  keep.script = failure.script;
  keep.exit_code = failure.exit_code;
  keep.signal = failure.signal;
  keep.message = failure.message;
  keep.output = failure.output;
  keep.failure_class = failure.failure_class;
}

Keep keep_of_step(const OpenPlan& open, const StepOutcome& outcome, const std::string& root,
                  std::int64_t now) {
  Keep keep;
  keep.run = open.run;
  keep.package = outcome.step.package;
  keep.version = outcome.step.new_version;
  keep.old_version = outcome.step.old_version;
  keep.security = outcome.step.security;
  keep.cause = outcome.cause;
  keep.db_state = outcome.db_state;
  keep.since = now;
  if (const Failure* failure = failure_of(open, keep.package); failure != nullptr) {
    copy_failure(*failure, keep);
  } else {
    keep.root = root;
  }
  return keep;
}

// What a person had put back has not failed.
std::vector<std::string> cause_lines(const OpenPlan& open, const Cause& cause,
                                     const DbSnapshot& db) {
  const Failure* failure = failure_of(open, cause.root);
  std::vector<std::string> lines = cause.lines;
  if (failure == nullptr || failure->message != kPutBackOnRequest) return lines;
  const std::string name = display_name(cause.root, open.flags.native_arch);
  const bool failed = is_half_done(state_in(db, cause.root));
  std::replace(lines.begin(), lines.end(), name + " failed",
               name + (failed ? " was to be " : " ") + kPutBackOnRequest);
  return lines;
}

// A failure of a package that the plan does not name: a trigger's handler, a leftover of an earlier
// run that was tried again.
Keep keep_of_outsider(const OpenPlan& open, const Failure& failure, const DbSnapshot& db,
                      std::int64_t now) {
  Keep keep;
  keep.run = open.run;
  keep.package = failure.package;
  keep.version = failure.version;
  // It is there, at the version that failed: no newcomer, and nothing that a pin would keep away.
  keep.old_version = failure.old_version.empty() ? failure.version : failure.old_version;
  keep.db_state = state_in(db, failure.package);
  keep.since = now;
  keep.cause = {display_name(failure.package, open.flags.native_arch) + " failed"};
  copy_failure(failure, keep);
  return keep;
}

// Of a package that was only configured once more: that it was not put back is an earlier plan's
// doing, which knew why.
std::string first_reason(const Step& step, const std::string& reason,
                         const std::vector<Keep>& active) {
  if (step.action != Action::Configure) return reason;
  for (const Keep& keep : active) {
    if (keep.package != step.package || keep.version != step.new_version) continue;
    for (const std::string& sentence : keep.cause) {
      if (sentence.find(kNotPutBack) != std::string::npos) return sentence;
    }
  }
  return reason;
}

// What an earlier run has left unconfigured, and this one was not to touch. Frontends name it all
// the same, because they see it unconfigured. nullptr: it is none such.
const Keep* left_alone(const OpenPlan& open, const Step& step, const DbSnapshot& db,
                       const std::vector<Keep>& active) {
  const bool untouched = step.action == Action::Configure && is_unwanted(step.package, db) &&
                         is_half_done(state_in(db, step.package)) &&
                         failure_of(open, step.package) == nullptr;
  const auto keep = std::find_if(active.begin(), active.end(), [&](const Keep& one) {
    return one.package == step.package && one.version == step.new_version;
  });
  return untouched && keep != active.end() ? &*keep : nullptr;
}

StepOutcome outcome_so_far(const OpenPlan& open, std::uint32_t step, StepState state,
                           const DbSnapshot& db) {
  StepOutcome outcome;
  outcome.step = open.plan.steps[step];
  if (const auto entry = db.find(outcome.step.package); entry != db.end()) {
    outcome.db_state = entry->second.state;
    outcome.db_version = entry->second.version;
  }
  outcome.state = state;
  outcome.rolled_back = step < open.rolled_back.size() && open.rolled_back[step];
  if (const auto left = open.remains.find(step); left != open.remains.end())
    outcome.remains = left->second;
  return outcome;
}

// Of a new package there is no snapshot that would tell; but a driver records how far it came.
bool driver_was_at_work(const OpenPlan& open) {
  return std::any_of(open.states.begin(), open.states.end(), [](StepState state) {
    return state == StepState::Unpacked || state == StepState::Done ||
           state == StepState::Stranded || state == StepState::FailedNew ||
           state == StepState::Returning;
  });
}

// A package is left broken, and the driver would have known: it records a failure, or says by the
// state that it is not to be touched any more (a person's Ctrl-C, no memory left).
// Where there is no snapshot of it, no driver was at work at all, and all is as without aptkeep.
bool driver_died(const OpenPlan& open, const DbSnapshot& db, const HasSnapshot& has_snapshot) {
  bool broken_unknown = false;
  for (std::size_t i = 0; i < open.states.size(); ++i) {
    const bool known = failure_of(open, open.plan.steps[i].package) != nullptr;
    if (is_unwanted(open.plan.steps[i].package, db)) continue;  // an earlier run's doing
    if (open.states[i] == StepState::FailedNew && !known) return false;
    const bool in_between =
        open.states[i] == StepState::Waiting || open.states[i] == StepState::Unpacked;
    const std::string state = state_in(db, open.plan.steps[i].package);
    // What is kept has its old version, whole; on the way back a known failure is no reason to stop
    // (record_failed_return() ends it as FailedNew).
    const bool back = open.states[i] == StepState::Returning || open.states[i] == StepState::Kept;
    const bool cut_off = back && !whole_at_old_side(open.plan.steps[i], db);
    // With DPkg::ConfigurePending switched off the frontend itself leaves packages unpacked.
    const bool torn = state.size() > 1 && (state[1] == 'F' || state[1] == 'H' || state.size() > 2 ||
                                           (state[1] == 'U' && open.flags.configure_pending));
    // Last, because it looks on the disk: in a run that went well it is never asked.
    // dpkg was killed when all was configured, and its last triggers were not processed.
    const bool triggers = state.size() == 2 && (state[1] == 't' || state[1] == 'W') &&
                          open.flags.configure_pending && !known;
    const bool unfinished = in_between && !known && torn;
    const bool is_new = open.plan.steps[i].old_version.empty();
    broken_unknown =
        broken_unknown || (unfinished && is_new && driver_was_at_work(open)) ||
        ((unfinished || cut_off || triggers) && has_snapshot(open.plan.steps[i].package));
  }
  if (broken_unknown) return true;
  // Killed between the record of a failure and the way back.
  const auto back = to_go_back(open, has_snapshot);
  return std::any_of(back.begin(), back.end(), [&](std::uint32_t step) {
    const std::string& package = open.plan.steps[step].package;
    return is_half_done(state_in(db, package)) && !is_unwanted(package, db);
  });
}

// The launcher has said so. One that never worked in this run has left nothing, and all is as
// without aptkeep.
bool driver_was_killed(const OpenPlan& open, FinishPorts& ports, const HasSnapshot& has_snapshot) {
  return ports.driver_was_killed && ports.driver_was_killed() &&
         (driver_was_at_work(open) ||
          std::any_of(open.plan.steps.begin(), open.plan.steps.end(),
                      [&](const Step& step) { return has_snapshot(step.package); }));
}

// Does what the frontend or the driver have not come to; the database after that.
Result<DbSnapshot> do_the_rest(OpenPlan& open, FinishPorts& ports,
                               const HasSnapshot& has_snapshot) {
  auto database = ports.db.read();
  if (!database) return database;
  const bool killed = driver_was_killed(open, ports, has_snapshot);
  if (open.flags.bypassed && ports.dpkg != nullptr) {
    const auto attempted =
        steps_from_dpkg_log(ports.log_since(open.flags.log_mark), open.flags.native_arch);
    repair(open, attempted, ports);
    database = ports.db.read();
  } else if (ports.dpkg != nullptr && (killed || driver_died(open, *database, has_snapshot)) &&
             !ports.disk_full({})) {
    ports.say("dpkg or the driver ended amid its work; finishing what is left");
    if (const Status resumed = resume(open, ports); !resumed) ports.say(resumed.error().message);
    database = ports.db.read();
  }
  if (database) end_returns(open, *database, ports);
  return database;
}

}  // namespace

Ending fold(const OpenPlan& open, const DbSnapshot& db, const std::vector<Keep>& active,
            std::int64_t now, const HasSnapshot& has_snapshot) {
  Ending ending;
  const bool something_failed = std::any_of(open.failures.begin(), open.failures.end(),
                                            [](const Failure& failure) { return !failure.healed; });
  std::vector<StepState> states;
  for (std::size_t i = 0; i < open.plan.steps.size(); ++i) {
    const bool left = left_alone(open, open.plan.steps[i], db, active) != nullptr;
    states.push_back(left ? StepState::NotReached : outcome_of(open, i, db, something_failed));
  }
  const KeptSet kept = kept_set_of(open, states);
  const auto not_back = why_not_back(open, states, has_snapshot);
  ending.on_request = is_on_request(open);
  const auto missed =
      ending.on_request ? missed_by_what_stays(open.plan, db) : std::set<std::uint32_t>{};
  std::set<std::string> kept_now;
  for (std::uint32_t i = 0; i < open.plan.steps.size(); ++i) {
    StepOutcome outcome = outcome_so_far(open, i, states[i], db);
    const Keep* before = left_alone(open, outcome.step, db, active);
    const bool stays = outcome.state != StepState::Done && outcome.state != StepState::NotReached;
    if (stays && !missed.contains(i)) {
      const Cause cause = cause_of(open.plan, kept, states, i, open.flags.native_arch);
      outcome.cause = cause_lines(open, cause, db);
      if (const auto why = not_back.find(i); why != not_back.end())
        outcome.cause.push_back(first_reason(outcome.step, why->second, active));
      ending.keeps.push_back(keep_of_step(open, outcome, cause.root, now));
      kept_now.insert(outcome.step.package);
    } else if (before != nullptr) {
      outcome.state = StepState::Kept;
      outcome.cause = before->cause;
      kept_now.insert(outcome.step.package);
    } else if (outcome.state == StepState::NotReached) {
      ending.note = something_failed ? "ended before all was tried" : "interrupted";
    }
    ending.outcomes.push_back(std::move(outcome));
  }
  for (const auto& failure : open.failures) {
    if (failure.healed || failure.step >= 0 || kept_now.contains(failure.package)) continue;
    if (!is_half_done(state_in(db, failure.package))) continue;
    ending.keeps.push_back(keep_of_outsider(open, failure, db, now));
    kept_now.insert(failure.package);
  }
  ending.lifted = over_now(active, kept_now, db);
  ending.gone = gone_since(active, kept_now, ending.lifted, db);
  return ending;
}

Result<Ending> finish_plan(const Frontend& frontend, FinishPorts& ports,
                           const std::string& pins_path, std::int64_t now,
                           const std::string& note) {
  auto found = ports.store.open_plan(frontend);
  if (!found) return found.error();
  if (!*found) return Ending{};
  OpenPlan& open = **found;
  const auto active = ports.store.keeps();
  if (!active) return active.error();
  const auto has_snapshot = [&](const std::string& package) {
    return ports.snapshots != nullptr && ports.snapshots->has(package);
  };
  const auto database = do_the_rest(open, ports, has_snapshot);
  if (!database) return database.error();
  Ending ending = fold(open, *database, *active, now, has_snapshot);
  if (open.flags.bypassed) ending.note = "the frontend called /usr/bin/dpkg itself";
  if (!note.empty()) ending.note = note;
  if (!ports.rebooted)
    end_left_islands(ports.db,
                     {ports.store, ports.units, ports.holds, ports.failure_of, ports.say});
  ending.units = restore_services(open, *database, ports);
  do_what_comes_after(open, *database, ports);
  for (std::size_t i = 0; i < ending.outcomes.size(); ++i)
    ending.outcomes[i].step.afterwards = open.plan.steps[i].afterwards;
  if (ports.note_pins_due && !(ending.keeps.empty() && ending.lifted.empty()))
    ports.note_pins_due();
  const auto ended =
      ports.store.end_plan(open.id, ending.outcomes, ending.keeps, ending.lifted, ending.note, now);
  if (!ended) return ended.error();
  if (const Status noted = ports.store.note_gone(ending.gone); !noted)
    ports.say(noted.error().message);
  const auto blocked = ports.store.blocked();
  const auto pinned = write_pins(ports.store, blocked ? *blocked : std::vector<Pin>{}, pins_path);
  if (!pinned) ports.say(pinned.error().message);
  if (ports.set_wants) {
    const Status wanted = ports.set_wants(wants_of(ending, *active, *database));
    if (!wanted) ports.say(wanted.error().message);
  }
  // Months of an unattended machine; a run that a keep names stays whatever its age.
  constexpr int kRunsOnRecord = 500;
  if (const Status pruned = ports.store.prune(kRunsOnRecord); !pruned)
    ports.say(pruned.error().message);
  if (ports.drop_snapshots) {
    ports.drop_snapshots(open, ending.keeps.empty());
  }
  return ending;
}

}  // namespace aptkeep
