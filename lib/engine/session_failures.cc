// What a session does about failures: records them, counts tries, grows the kept set and says what
// is to go back.
#include <algorithm>

#include "core/held_up.h"
#include "engine/obstacles.h"
#include "engine/session.h"

namespace aptkeep {
namespace {

// Back on its old side and fit for use, as if the step had not been tried.
bool whole_after(const Failure& failure, const DbSnapshot& db) {
  const auto found = db.find(failure.package);
  if (failure.phase == Phase::Unpack && failure.old_version.empty()) {
    return found == db.end() || found->second.state.substr(1, 1) == "c";
  }
  if (found == db.end() || !found->second.configured()) return false;
  return failure.phase == Phase::Remove || found->second.version == failure.old_version;
}

}  // namespace

bool has_sibling(const DbSnapshot& db, const std::string& package, const std::string& version) {
  const std::string start = package.substr(0, package.find(':') + 1);
  return std::ranges::any_of(db, [&](const auto& entry) {
    return entry.first.starts_with(start) && entry.first != package &&
           entry.second.state.substr(1, 1) != "c" &&
           (version.empty() || entry.second.version == version);
  });
}

Failure failure_from(const Verdict& verdict, Phase phase) {
  Failure failure;
  failure.phase = phase;
  failure.script = verdict.script.script;
  failure.exit_code = verdict.script.exit_code;
  failure.signal = verdict.script.signal;
  failure.message = verdict.message;
  failure.output = verdict.tail;
  FailureFacts facts;
  facts.phase = phase;
  facts.script = failure.script;
  facts.exit_code = failure.exit_code;
  facts.signal = failure.signal;
  facts.message = failure.message;
  facts.output = failure.output;
  facts.hung = verdict.hung;
  facts.oom_kill = verdict.oom_kill;
  facts.room_for_dpkg = !verdict.no_room;
  failure.failure_class = classify(facts);
  return failure;
}

void Session::write_down(Failure failure) {
  if (const auto added = ports_.store.add_failure(open_.id, failure, unsaved_); !added)
    lose_record(added.error());
  unsaved_.clear();
  open_.failures.push_back(std::move(failure));
}

void Session::record(Failure failure, const DbSnapshot& db) {
  const bool whole = whole_after(failure, db);
  if (failure.step >= 0) {
    const auto index = static_cast<std::uint32_t>(failure.step);
    set_state(index, whole ? StepState::FailedOld : StepState::FailedNew);
    // The old version was configured, and its triggers have failed.
    if (!whole && open_.rolled_back[index]) set_not_back(index, open_.remains[index]);
  }
  const std::string name = shown(failure.package);
  const bool is_new = failure.old_version.empty() && !failure.version.empty();
  write_down(std::move(failure));
  const std::size_t before = kept_.members.size();
  const std::int32_t step = open_.failures.back().step;
  grow_kept_set();
  std::string line = name + (!whole   ? " failed and stays unfinished"
                             : is_new ? " failed and is not installed"
                                      : " is kept at its old version");
  if (!whole && step >= 0) {
    const auto back = way_back().returning;
    const auto index = static_cast<std::uint32_t>(step);
    if (std::find(back.begin(), back.end(), index) != back.end())
      line = name + " failed and will be put back";
  }
  if (kept_.members.size() > before + 1) {
    line += ", with " + std::to_string(kept_.members.size() - before - 1) + " that need it so";
  }
  ports_.say(line + (stopped_ ? "" : "; going on with the rest"));
  if (whole && step >= 0) undo_scripts(static_cast<std::uint32_t>(step));
}

// At once: a diversion that is left takes a file away from a package that others may need now.
void Session::undo_scripts(std::uint32_t step, bool once) {
  if (ports_.snapshots == nullptr) return;
  const Step& failed = open_.plan.steps[step];
  const auto db = ports_.db.read();
  // What the scripts of one that is there at the new version did is not to be told from that: dpkg
  // has it by the name alone.
  const bool removed = failed.new_version.empty();
  if (!db || (!removed && has_sibling(*db, failed.package, failed.new_version))) return;
  const auto remains = ports_.snapshots->undo_scripts(failed.package, failed.archive, once);
  const auto told = open_.remains.find(step);
  if (remains.empty() || (told != open_.remains.end() && told->second == remains)) return;
  tell_remains(step, remains);
  open_.remains[step] = remains;
  const auto saved = ports_.store.set_rolled_back(open_.id, step, remains, false);
  if (!saved) lose_record(saved.error());
}

void Session::tell_remains(std::uint32_t step, const std::vector<std::string>& remains) {
  for (const std::string& sentence : remains) {
    ports_.say("unable to put back all of " + shown(open_.plan.steps[step].package) + ": " +
               sentence);
  }
}

void Session::record_untouched(Failure failure) {
  set_state(static_cast<std::uint32_t>(failure.step), StepState::FailedOld);
  write_down(std::move(failure));
  grow_kept_set();
}

void Session::record_failed_return(Failure failure, bool whole) {
  // dpkg takes a package for configured whose unpacking it could undo, whatever it was before (its
  // src/main/cleanup.c, cu_prermupgrade): that is no later try that went well.
  tried_.erase(failure.package);
  // What is whole holds up what would have to go back with it.
  set_state(static_cast<std::uint32_t>(failure.step),
            whole ? StepState::Done : StepState::FailedNew);
  const std::string& version = open_.plan.steps[static_cast<std::size_t>(failure.step)].new_version;
  const std::string line = "unable to put " + shown(failure.package) + " back, it stays " +
                           (whole ? "at " + version : "unfinished") + ": " + failure.message;
  write_down(std::move(failure));
  ports_.say(line);
  grow_kept_set();
}

bool Session::tries_return_again(const Failure& failure) {
  const bool may_pass = failure.failure_class == FailureClass::Crash ||
                        failure.failure_class == FailureClass::Transient;
  if (!may_pass || !returned_again_.insert(failure.package).second) return false;
  ports_.say("trying to put " + shown(failure.package) + " back once more: " + failure.message);
  return true;
}

void Session::grow_kept_set() {
  const PlanFlags& flags = open_.flags;
  if (call_.ends_apt_run() && flags.configure_pending && flags.no_triggers && !flags.quiet_exit) {
    ports_.progress.owe_failure();
  }
  std::vector<std::uint32_t> failed;
  for (std::uint32_t i = 0; i < open_.states.size(); ++i) {
    const StepState state = open_.states[i];
    if (state == StepState::FailedOld || state == StepState::FailedNew ||
        state == StepState::Returning) {
      failed.push_back(i);
    }
  }
  keep_what_is_held_up(std::move(failed));
  save_states();
}

// What needs a package that is stuck between its versions would be stuck as well once it is
// unpacked; untouched it goes on working.
void Session::keep_what_is_held_up(std::vector<std::uint32_t> failed) {
  const WayBack back = way_back();
  for (bool grows = true; grows;) {
    kept_ = least_kept_set(open_.plan, failed);
    for (const auto& member : kept_.members) {
      if (open_.states[member.step] == StepState::Waiting) set_state(member.step, StepState::Kept);
    }
    std::vector<StepState> states = open_.states;
    for (const std::uint32_t step : back.returning) states[step] = StepState::Returning;
    const bool stuck =
        std::find(states.begin(), states.end(), StepState::FailedNew) != states.end() ||
        !back.stuck.empty();
    for (auto& state : states) {
      if (!stuck && state == StepState::Stranded) state = StepState::Unpacked;
    }
    grows = false;
    for (std::uint32_t i = 0; stuck && i < states.size(); ++i) {
      const bool waits =
          states[i] == StepState::Waiting && open_.plan.steps[i].action != Action::Configure;
      if (!waits || !held_up(open_.plan, states, i)) continue;
      set_state(i, StepState::Kept);
      failed.push_back(i);
      grows = true;
    }
  }
}

std::vector<std::string> Session::obstacles() const {
  if (ports_.snapshots == nullptr)
    return std::vector<std::string>(open_.plan.steps.size(), "rollback is switched off");
  return obstacles_of(open_,
                      [&](const std::string& package) { return ports_.snapshots->has(package); });
}

WayBack Session::way_back(const std::vector<StepState>& states) const {
  // Each call asks; to find out what has a snapshot is dear, and in vain where nothing goes back.
  if (std::ranges::none_of(states, begins_way_back)) return {};
  return way_back_of(open_.plan, states, obstacles());
}

void Session::set_rolled_back(std::uint32_t step, const std::vector<std::string>& remains) {
  open_.rolled_back[step] = true;
  if (!remains.empty()) open_.remains[step] = remains;
  if (const auto saved = ports_.store.set_rolled_back(open_.id, step, remains); !saved)
    lose_record(saved.error());
}

void Session::set_not_back(std::uint32_t step, std::vector<std::string> remains) {
  if (!open_.rolled_back[step]) return;
  open_.rolled_back[step] = false;
  if (const auto saved = ports_.store.set_rolled_back(open_.id, step, remains, false); !saved)
    lose_record(saved.error());
  open_.remains[step] = std::move(remains);
}

void Session::take_snapshots(const std::vector<std::uint32_t>& steps) {
  if (!open_.flags.rollback || ports_.snapshots == nullptr) return;
  std::vector<std::string> now;
  std::vector<std::string> taken_before;
  for (const std::uint32_t index : steps) {
    const Step& step = open_.plan.steps[index];
    if (!wants_snapshot(step)) continue;
    now.push_back(step.package);
    if (ports_.snapshots->has(step.package)) taken_before.push_back(step.package);
  }
  std::vector<std::string> all;
  bool new_ones = false;
  for (std::uint32_t i = 0; i < open_.states.size(); ++i) {
    const Step& step = open_.plan.steps[i];
    if (open_.states[i] != StepState::Waiting) continue;
    if (wants_snapshot(step)) all.push_back(step.package);
    new_ones = new_ones || step.old_version.empty();
  }
  if (all.empty() && !new_ones) return;
  // All are taken at once: a call that finds its own taken looks no further, so that a run of many
  // calls does not read every record in each.
  const bool taken =
      taken_before.size() == now.size() && !all.empty() && ports_.snapshots->has(all.front());
  auto problems = taken ? std::map<std::string, std::string>{} : ports_.snapshots->take(all);
  problems.merge(ports_.snapshots->renew(taken_before));
  for (const auto& [package, why] : problems) {
    // Of a later call it is said then, and perhaps there is none any more.
    if (std::find(now.begin(), now.end(), package) == now.end()) continue;
    ports_.say("unable to go back from the new " + shown(package) + " if it fails: " + why);
  }
}

Decision Session::react_to(const Failure& failure) {
  auto& tries = tried_[failure.package];
  tries.push_back(failure);
  int before = 0;
  if (const auto keeps = ports_.store.keeps()) {
    for (const Keep& keep : *keeps) {
      if (keep.package == failure.package && keep.version == failure.version)
        before = keep.attempts;
    }
  }
  std::optional<FailureRule> rule;
  if (failure.step >= 0) rule = plan().steps[static_cast<std::size_t>(failure.step)].on_failure;
  return react(failure.failure_class, static_cast<int>(tries.size()), before, rule);
}

bool Session::heal_configured(const DbSnapshot& db) {
  bool healed = false;
  // What was put back bears the same version after a failed reinstallation.
  std::erase_if(tried_, [&](const auto& tried) {
    const std::int32_t step = tried.second.front().step;
    if (step < 0) return false;
    const auto index = static_cast<std::size_t>(step);
    return open_.states[index] == StepState::Returning || open_.rolled_back[index];
  });
  for (auto tried = tried_.begin(); tried != tried_.end();) {
    const auto entry = db.find(tried->first);
    const bool well = entry != db.end() && entry->second.configured() &&
                      entry->second.version == tried->second.front().version;
    if (!well) {
      ++tried;
      continue;
    }
    for (Failure& failure : tried->second) {
      failure.healed = true;
      write_down(std::move(failure));
    }
    ports_.say(shown(tried->first) + " went well at a later try");
    tried = tried_.erase(tried);
    healed = true;
  }
  return healed;
}

}  // namespace aptkeep
