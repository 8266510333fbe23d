#include "engine/session.h"

#include <algorithm>
#include <csignal>

#include "core/failure_words.h"

namespace aptkeep {
namespace {

char letter_of(const std::string& db_state) {
  return db_state.size() > 1 ? db_state[1] : 'n';
}

bool present(const DbSnapshot& db, const std::string& package) {
  const auto found = db.find(package);
  return found != db.end() && letter_of(found->second.state) != 'c';
}

}  // namespace

std::string dpkg_name(const std::string& package, const DbSnapshot& db) {
  const auto entry = db.find(package);
  if (entry == db.end()) return package;
  const std::string bare = package.substr(0, package.find(':'));
  return entry->second.arch.empty() ? bare : bare + ":" + entry->second.arch;
}

std::string state_in(const DbSnapshot& db, const std::string& package) {
  const auto entry = db.find(package);
  return entry == db.end() ? std::string() : entry->second.state;
}

void note_what_is_there(const DbSnapshot& db, std::vector<Step>& steps) {
  for (Step& step : steps) {
    const auto entry = db.find(step.package);
    const bool there = entry != db.end() && entry->second.version == step.old_version;
    step.config_version = there ? entry->second.config_version : "";
    step.never_configured = there && entry->second.never_configured;
    step.old_state = there ? entry->second.state : "";
  }
}

bool at_new_side(const Step& step, const DbSnapshot& db) {
  if (step.new_version.empty()) return !present(db, step.package);
  const auto found = db.find(step.package);
  if (found == db.end() || found->second.version != step.new_version) return false;
  const char letter = letter_of(found->second.state);
  return letter != 'c' && letter != 'H' && letter != 'n';
}

bool whole_at_old_side(const Step& step, const DbSnapshot& db) {
  if (step.old_version.empty()) return !present(db, step.package);
  const auto found = db.find(step.package);
  return found != db.end() && found->second.configured() &&
         found->second.version == step.old_version;
}

Session::Session(const DpkgCall& call, OpenPlan& open, CallPorts& ports, bool record_lost)
    : call_(call), open_(open), ports_(ports), record_lost_(record_lost) {
  for (std::size_t i = 0; i < open_.plan.steps.size(); ++i) {
    const Step& step = open_.plan.steps[i];
    if (!step.archive.empty()) by_archive_[step.archive] = static_cast<std::int32_t>(i);
    by_package_[step.package] = static_cast<std::int32_t>(i);
    if (step.island && open_.states[i] == StepState::Unpacked)
      left_down_.insert(static_cast<std::uint32_t>(i));
  }
  if (anything_failed()) grow_kept_set();
}

bool Session::anything_failed() const {
  return std::any_of(open_.failures.begin(), open_.failures.end(),
                     [](const Failure& failure) { return !failure.healed; });
}

bool Session::all_well() const {
  if (anything_failed()) return false;
  return std::all_of(open_.states.begin(), open_.states.end(), [](StepState state) {
    return state == StepState::Waiting || state == StepState::Unpacked || state == StepState::Done;
  });
}

bool Session::failed_package(const std::string& package) const {
  return std::any_of(open_.failures.begin(), open_.failures.end(), [&](const Failure& failure) {
    return !failure.healed && failure.package == package;
  });
}

std::int32_t Session::step_of_archive(const std::string& path) const {
  const auto found = by_archive_.find(path);
  return found == by_archive_.end() ? -1 : found->second;
}

std::string Session::slot_name(const std::string& dpkg_name) const {
  const auto colon = dpkg_name.find(':');
  if (colon == std::string::npos) return dpkg_name + ":" + open_.flags.native_arch;
  if (dpkg_name.compare(colon, std::string::npos, ":all") == 0) {
    return dpkg_name.substr(0, colon + 1) + open_.flags.native_arch;
  }
  return dpkg_name;
}

std::string Session::shown(const std::string& package) const {
  return display_name(package, open_.flags.native_arch);
}

std::int32_t Session::step_of_package(const std::string& dpkg_name) const {
  const auto found = by_package_.find(slot_name(dpkg_name));
  return found == by_package_.end() ? -1 : found->second;
}

void Session::set_state(std::uint32_t step, StepState state) {
  if (open_.states[step] == state) return;
  open_.states[step] = state;
  unsaved_[step] = state;
}

void Session::leave_alone(std::int32_t step) {
  if (step >= 0) set_state(static_cast<std::uint32_t>(step), StepState::FailedNew);
  save_states();
}

void Session::stop_at(const std::string& package, const Decision& decision) {
  ports_.say("stopping at " + shown(package) + ": " + decision.reason);
  stopped_ = true;
  // Without memory, each further script would only die halfway.
  may_configure_ = decision.failure_class != FailureClass::OutOfMemory &&
                   decision.failure_class != FailureClass::DpkgItself;
}

void Session::reach_no_more() {
  for (std::uint32_t i = 0; i < open_.states.size(); ++i) {
    if (open_.states[i] == StepState::Waiting && plan().steps[i].action != Action::Configure)
      set_state(i, StepState::NotReached);
  }
  save_states();
}

bool Session::is_not_reached(std::uint32_t step) const {
  const bool stopped = std::find(open_.states.begin(), open_.states.end(), StepState::NotReached) !=
                       open_.states.end();
  return stopped && root_of(kept_, step) == nullptr;
}

void Session::save_states() {
  if (unsaved_.empty()) return;
  if (const auto saved = ports_.store.set_states(open_.id, unsaved_); !saved)
    lose_record(saved.error());
  unsaved_.clear();
}

void Session::lose_record(const Error& why) {
  if (!record_lost_) ports_.say(why.message);
  record_lost_ = true;
}

namespace {

// What dpkg said of its first failure. False: it named nobody.
bool read_blame(const DpkgResult& result, Verdict& verdict) {
  verdict.tail = result.tail;
  verdict.hung = result.hung;
  verdict.oom_kill = result.oom_kill;
  for (const auto& event : parse_status_log(result.status_log)) {
    switch (event.kind) {
      case StatusEvent::Kind::Processing:
        verdict.in_trigger = event.detail == "trigproc";
        verdict.at_conffile = false;
        break;
      case StatusEvent::Kind::ConffilePrompt:
        verdict.at_conffile = true;
        break;
      case StatusEvent::Kind::State:
        // The question was answered. dpkg names no package when it starts to look at the next one
        // and finds that its dependencies do not hold.
        verdict.at_conffile = false;
        break;
      case StatusEvent::Kind::Error:
        verdict.subject = event.subject;
        verdict.message = event.detail;
        verdict.script = parse_script_error(event.detail);
        return true;
    }
  }
  return false;
}

}  // namespace

Verdict Session::run_dpkg(const std::vector<std::string>& verb_and_operands) {
  std::vector<std::string> args = call_.options;
  args.emplace_back("--abort-after=1");
  args.insert(args.end(), verb_and_operands.begin(), verb_and_operands.end());
  Verdict verdict;
  const auto result = ports_.dpkg.run(args);
  if (!result) {
    ports_.say(result.error().message);
    verdict.kind = Verdict::Kind::DpkgFailed;
    verdict.end.exit_code = 2;
    return verdict;
  }
  note_vanished(result->status_log);
  if (result->signal == 0 && result->exit_code == 0) return verdict;
  const bool blamed = read_blame(*result, verdict);
  // Exit 1: a package failed. 2: dpkg itself did (its lock, its database, a full disk), dpkg(1).
  const bool a_package_failed = result->signal == 0 && result->exit_code == 1;
  // A script that died of SIGINT was stopped by a person, who wants the run to stop (apt cannot
  // know: with Dpkg::Use-Pty=false it does not see the key that went to our terminal).
  verdict.interrupted = a_package_failed && verdict.script.signal == SIGINT;
  const bool to_blame = a_package_failed && blamed && !verdict.interrupted;
  const bool full = to_blame && ports_.disk_full({});
  if (to_blame && !full) {
    verdict.kind = Verdict::Kind::Package;
    if (const auto file = file_without_room(verdict.message); file && verdict.script.script.empty())
      verdict.no_room = file->empty() || ports_.disk_full(*file);
  } else {
    if (a_package_failed && !blamed) ports_.say("unable to tell which package failed");
    if (full) {
      const std::int32_t step = step_of_archive(verdict.subject);
      const std::string package = step >= 0 ? plan().steps[static_cast<std::size_t>(step)].package
                                            : slot_name(verdict.subject);
      ports_.say("stopping at " + shown(package) + ": the disk is full");
    }
    verdict.kind = Verdict::Kind::DpkgFailed;
    verdict.end.exit_code = result->exit_code;
    verdict.end.signal = result->signal;
  }
  return verdict;
}

void Session::follow_database(const DbSnapshot& db) {
  std::vector<std::uint32_t> steps(open_.states.size());
  for (std::uint32_t i = 0; i < steps.size(); ++i) steps[i] = i;
  follow_database(steps, db);
}

void Session::follow_database(const std::vector<std::uint32_t>& steps, const DbSnapshot& db) {
  for (const std::uint32_t index : steps) {
    const Step& step = open_.plan.steps[index];
    const StepState before = open_.states[index];
    if (before == StepState::FailedOld || before == StepState::FailedNew) continue;
    if (before == StepState::Returning || !at_new_side(step, db)) continue;
    if (step.new_version.empty()) {
      set_state(index, StepState::Done);
      continue;
    }
    const bool configured = db.at(step.package).configured();
    // The old and new side of a reinstallation look alike: configured may still mean untouched.
    const bool untouched =
        configured && before == StepState::Waiting && step.action == Action::Reinstall;
    if (untouched || (before == StepState::Stranded && !configured)) continue;
    set_state(index, configured ? StepState::Done : StepState::Unpacked);
  }
  save_states();
}

}  // namespace aptkeep
