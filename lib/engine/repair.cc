// What is done for a frontend that did not come to its end: one that named /usr/bin/dpkg itself and
// stopped at its first failure, or one that was killed.
#include <algorithm>
#include <csignal>
#include <set>

#include "core/failure_class.h"
#include "engine/finish.h"
#include "engine/session.h"

namespace aptkeep {
namespace {

bool is_broken(const DbSnapshot& db, const std::string& package) {
  const auto entry = db.find(package);
  if (entry == db.end() || entry->second.state.size() < 2) return false;
  return entry->second.state.size() > 2 || entry->second.state[1] == 'F' ||
         entry->second.state[1] == 'H';
}

// A package that dpkg began with and that is not where it should be.
bool one_failed(const OpenPlan& open, const std::vector<Step>& attempted, const DbSnapshot& db) {
  return std::any_of(attempted.begin(), attempted.end(), [&](const Step& tried) {
    if (is_broken(db, tried.package)) return true;
    const auto step = std::find_if(open.plan.steps.begin(), open.plan.steps.end(),
                                   [&](const Step& s) { return s.package == tried.package; });
    return step != open.plan.steps.end() && !at_new_side(*step, db);
  });
}

// Waiting steps whose Pre-Depends are configured by now; all that is left where none are, so that
// dpkg itself says what is wrong.
std::vector<std::string> next_archives(const OpenPlan& open, const std::vector<bool>& wanted) {
  std::vector<std::string> ready;
  std::vector<std::string> all;
  for (std::uint32_t i = 0; i < open.plan.steps.size(); ++i) {
    if (open.states[i] != StepState::Waiting || open.plan.steps[i].archive.empty()) continue;
    if (!wanted[i]) continue;
    all.push_back(open.plan.steps[i].archive);
    const bool held_up =
        std::any_of(open.plan.clauses.begin(), open.plan.clauses.end(), [&](const Clause& clause) {
          if (clause.kind != ClauseKind::PreDepends || clause.owner_side != Side::New) return false;
          if (clause.owner_step != static_cast<std::int32_t>(i)) return false;
          return std::none_of(clause.any_of.begin(), clause.any_of.end(), [&](const Literal& l) {
            const StepState state = open.states[l.step];
            return l.side == Side::New ? state == StepState::Done
                                       : state == StepState::Waiting || state == StepState::Kept;
          });
        });
    if (!held_up) ready.push_back(open.plan.steps[i].archive);
  }
  return ready.empty() ? all : ready;
}

std::vector<std::string> removals(const OpenPlan& open, const std::vector<bool>& wanted,
                                  const DbSnapshot& db) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < open.plan.steps.size(); ++i) {
    if (wanted[i] && open.states[i] == StepState::Waiting &&
        open.plan.steps[i].new_version.empty()) {
      names.push_back(dpkg_name(open.plan.steps[i].package, db));
    }
  }
  return names;
}

// As apt would call dpkg.
DpkgCall call_of(DpkgCall::Verb verb, const OpenPlan& open) {
  DpkgCall call;
  call.verb = verb;
  call.pending = verb == DpkgCall::Verb::Configure;
  call.options = open.flags.dpkg_options;
  std::erase(call.options, "--no-triggers");
  const char* own = nullptr;
  if (verb == DpkgCall::Verb::Unpack) own = "--auto-deconfigure";
  if (verb == DpkgCall::Verb::Remove) own = "--force-depends";
  if (own != nullptr) call.options.insert(call.options.end(), {"--no-triggers", own});
  call.no_triggers = verb != DpkgCall::Verb::Configure;
  return call;
}

bool failed_call(const CallEnd& end) {
  return !end.handled || end.exit_code > 1 || end.signal != 0;
}

// Not as a person ends it.
bool was_killed(const CallEnd& end) {
  return end.signal != 0 && end.signal != SIGINT && end.signal != SIGQUIT &&
         end.signal != SIGTERM && end.signal != SIGHUP;
}

// What the frontend would have had dpkg do yet, as far as it is wanted. How the last call ended.
CallEnd carry_on(OpenPlan& open, const std::vector<bool>& wanted, CallPorts& ports) {
  CallEnd end;
  const auto failed = [&](const DpkgCall& call, const std::vector<std::string>& archives) {
    end = run_call(call, archives, open, ports);
    return failed_call(end);
  };
  for (auto archives = next_archives(open, wanted); !archives.empty();) {
    if (failed(call_of(DpkgCall::Verb::Unpack, open), archives)) return end;
    if (failed(call_of(DpkgCall::Verb::Configure, open), {})) return end;
    auto next = next_archives(open, wanted);
    if (next == archives) return end;
    archives = std::move(next);
  }
  if (failed(call_of(DpkgCall::Verb::Configure, open), {})) return end;
  const auto database = ports.db.read();
  if (!database) return end;
  DpkgCall remove = call_of(DpkgCall::Verb::Remove, open);
  remove.operands = removals(open, wanted, *database);
  // A removal that failed may have sent packages back.
  if (!remove.operands.empty() && !failed(remove, {}))
    failed(call_of(DpkgCall::Verb::Configure, open), {});
  return end;
}

CallPorts call_ports_of(FinishPorts& ports, Progress& progress) {
  CallPorts call_ports{*ports.dpkg, ports.db, progress, ports.store, ports.say, ports.disk_full};
  call_ports.snapshots = ports.snapshots;
  call_ports.forward = ports.forward;
  call_ports.reload_units = ports.reload_units;
  const bool looked_after = ports.units != nullptr && ports.holds != nullptr;
  call_ports.units = looked_after ? ports.units : ports.no_units;
  call_ports.holds = looked_after ? ports.holds : ports.no_holds;
  call_ports.rebooted = ports.rebooted;
  call_ports.own_unit = ports.own_unit;
  call_ports.failure_of = ports.failure_of;
  call_ports.back_up = ports.back_up;
  return call_ports;
}

// dpkg was killed while it replaced it: half-installed, or to be installed again.
bool is_torn(const Step& step, const DbSnapshot& db) {
  const auto entry = db.find(step.package);
  if (entry == db.end() || entry->second.state.size() < 2) return false;
  return entry->second.state[1] == 'H' || entry->second.state.size() > 2;
}

// Kept, or on its way back, and dpkg was killed amid it: it has to be put back (again). True if
// any.
bool blame_torn(Session& session, const DbSnapshot& db) {
  bool any = false;
  for (std::uint32_t i = 0; i < session.states().size(); ++i) {
    const StepState state = session.states()[i];
    const bool not_wanted = state == StepState::Kept || state == StepState::Returning;
    if (!not_wanted || !is_torn(session.plan().steps[i], db)) continue;
    session.set_state(i, StepState::FailedNew);
    any = true;
  }
  session.save_states();
  return any;
}

}  // namespace

void repair(OpenPlan& open, const std::vector<Step>& attempted, FinishPorts& ports) {
  const auto database = ports.db.read();
  if (!database || !one_failed(open, attempted, *database)) return;
  ports.say("the frontend stopped at a failure; doing the rest of what it planned");
  NoProgress progress;
  CallPorts call_ports = call_ports_of(ports, progress);
  {
    const DpkgCall look = call_of(DpkgCall::Verb::Configure, open);
    Session(look, open, call_ports).follow_database(*database);
  }
  carry_on(open, std::vector<bool>(open.states.size(), true), call_ports);
}

void end_returns(OpenPlan& open, const DbSnapshot& db, FinishPorts& ports) {
  if (ports.dpkg == nullptr) return;
  NoProgress progress;
  CallPorts call_ports = call_ports_of(ports, progress);
  const DpkgCall look = call_of(DpkgCall::Verb::Configure, open);
  Session session(look, open, call_ports);
  if (settle_returned(session, db)) finish_returned(session);
  // Whoever was to do so may have been killed amid it. Of what no script was run, there is nothing:
  // others may have changed what is found changed.
  std::set<std::int32_t> untried;
  for (const Failure& failure : open.failures) {
    if (is_untried(failure.failure_class)) untried.insert(failure.step);
  }
  for (const Failure& failure : open.failures) {
    if (!is_untried(failure.failure_class)) untried.erase(failure.step);
  }
  for (std::uint32_t i = 0; i < open.states.size(); ++i) {
    const bool failed = open.states[i] == StepState::FailedOld && !open.rolled_back[i];
    if (failed && !untried.contains(static_cast<std::int32_t>(i))) session.undo_scripts(i, true);
  }
}

namespace {

// Whether a dpkg was killed in it.
Result<bool> resume_once(OpenPlan& open, FinishPorts& ports) {
  const auto database = ports.db.read();
  if (!database) return database.error();
  NoProgress progress;
  CallPorts call_ports = call_ports_of(ports, progress);
  const DpkgCall look = call_of(DpkgCall::Verb::Configure, open);
  Session session(look, open, call_ports);
  session.follow_database(*database);
  blame_torn(session, *database);
  std::vector<bool> begun(open.states.size());
  for (std::uint32_t i = 0; i < begun.size(); ++i) {
    const Step& step = open.plan.steps[i];
    // An old version that is not configured was on its way back.
    if (open.states[i] != StepState::Returning && is_old_unfinished(step, *database) &&
        !is_torn(step, *database)) {
      session.set_state(i, StepState::Returning);
    }
    const StepState state = open.states[i];
    begun[i] = state == StepState::Unpacked || state == StepState::Done ||
               (state == StepState::Waiting && is_torn(step, *database));
  }
  const std::vector<bool> wanted = forward(open.plan, begun);
  for (std::uint32_t i = 0; i < wanted.size(); ++i) {
    const Step& step = open.plan.steps[i];
    if (open.states[i] != StepState::Waiting || step.action == Action::Configure) continue;
    // Not needed now, or not to be had any more: what cannot be without it goes back.
    const bool here = step.new_version.empty() || !ports.is_file || ports.is_file(step.archive);
    if (wanted[i] && here) continue;
    const bool torn = is_torn(step, *database);
    if (torn || wanted[i]) session.set_state(i, torn ? StepState::FailedNew : StepState::Kept);
  }
  session.save_states();
  settle_returned(session, *database);
  CallEnd end = carry_on(open, wanted, call_ports);
  if (was_killed(end)) return true;
  // What was to be finished, and is kept for the sake of what has failed now.
  const auto now = ports.db.read();
  if (!now) return now.error();
  if (blame_torn(session, *now)) end = carry_on(open, wanted, call_ports);
  return was_killed(end);
}

}  // namespace

Status resume(OpenPlan& open, FinishPorts& ports) {
  auto killed = resume_once(open, ports);
  // Nobody comes after us who would.
  if (killed && *killed) killed = resume_once(open, ports);
  return killed ? success() : Status(killed.error());
}

}  // namespace aptkeep
