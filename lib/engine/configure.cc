// `dpkg --configure`: apt's own call as it is while nothing has failed; afterwards by name, so that
// what failed is not tried twice and what needs it is not tried at all.
#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "core/order.h"
#include "engine/downtime.h"
#include "engine/session.h"

namespace aptkeep {
namespace {

class Configuring {
 public:
  explicit Configuring(Session& session) : session_(session) {}

  std::optional<CallEnd> run() {
    if (session_.all_well()) {
      const auto& call = session_.call();
      std::vector<std::string> args{"--configure"};
      if (call.pending) args.emplace_back("--pending");
      const auto names = not_done(call.operands);
      if (names.empty() && !call.operands.empty() && !call.pending) return std::nullopt;
      args.insert(args.end(), names.begin(), names.end());
      const auto end = one_call(args);
      if (end) return end;
      if (session_.all_well() && !database_needed_) return std::nullopt;
    }
    for (bool again = true; again;) {
      if (const auto end = forth_and_back(); end) return end;
      if (!session_.call().pending || session_.call().no_triggers) break;
      const std::size_t failed_before = failed_calls_;
      if (const auto end = pending_triggers(); end) return end;
      again = failed_calls_ != failed_before && !interrupted_;
    }
    if (session_.call().pending && !interrupted_ && !outsiders_.empty()) blame_outsiders();
    return interrupted_ ? interrupted_ : ended_;
  }

  // `dpkg --triggers-only` of these. What fails in that goes back as what fails to be configured.
  std::optional<CallEnd> own_triggers() {
    std::vector<std::string> args{"--triggers-only"};
    const auto& names = session_.call().operands;
    args.insert(args.end(), names.begin(), names.end());
    if (const auto end = one_call(args); end) return end;
    if (failed_calls_ == 0 && !interrupted_) return std::nullopt;
    if (const auto end = forth_and_back(); end) return end;
    return interrupted_ ? interrupted_ : ended_;
  }

 private:
  // Without what was configured before its turn, for a service that was down: dpkg refuses to do it
  // again.
  std::vector<std::string> not_done(std::vector<std::string> names) const {
    std::erase_if(names, [&](const std::string& name) {
      const std::int32_t step = session_.step_of_package(name);
      return step >= 0 && session_.states()[static_cast<std::size_t>(step)] == StepState::Done;
    });
    return names;
  }

  // What has failed goes back when all that does not need it is configured: by then a transient
  // failure has had its later try, and what the old versions need is there. A dpkg that was killed
  // amid it is started once more.
  std::optional<CallEnd> forth_and_back() {
    bool stumbled = false;
    for (bool again = true; again;) {
      if (const auto end = by_name(); end) return end;
      if (interrupted_) break;
      const auto went = go_back(session_);
      if (!went) session_.ports().say(went.error().message);
      again = went ? *went : !std::exchange(stumbled, true);
      tried_names_.clear();  // the same names may be old versions by now
      allow_follow_ups();
      // What an earlier call has not configured the last one may.
      if (went && !again && session_.call().pending) strand_returning();
    }
    return std::nullopt;
  }

  // Old versions that wait for one whose way back has failed: nothing will configure them here.
  void strand_returning() {
    const auto database = session_.ports().db.read();
    if (!database) return;
    for (std::uint32_t i = 0; i < session_.states().size(); ++i) {
      const Step& step = session_.plan().steps[i];
      const bool waits = session_.states()[i] == StepState::Returning &&
                         !step.old_version.empty() && !whole_at_old_side(step, *database);
      if (waits) session_.set_state(i, StepState::Stranded);
    }
    session_.save_states();
  }

  // One dpkg call; a package that failed in it is written down.
  std::optional<CallEnd> one_call(const std::vector<std::string>& args) {
    session_.announce({}, session_.afterwards());
    const Verdict verdict = session_.run_dpkg(args);
    if (verdict.kind == Verdict::Kind::Well && !database_needed_) {
      mark_all_done(args);
      return std::nullopt;
    }
    const auto database = session_.ports().db.read();
    if (database) session_.follow_database(*database);
    if (verdict.kind == Verdict::Kind::DpkgFailed && !verdict.interrupted) return verdict.end;
    if (!database) {
      session_.ports().say(database.error().message);
      return CallEnd{true, 1, 0};
    }
    database_needed_ = true;
    if (verdict.kind == Verdict::Kind::Package) take_failure(verdict, *database);
    if (verdict.interrupted) take_interrupt(verdict);
    return stopped_;
  }

  // Nobody is blamed. The others of this call are configured nevertheless, as dpkg would have done:
  // they are unpacked, and worse off left so.
  void take_interrupt(const Verdict& verdict) {
    interrupted_ = verdict.end;
    left_out_.insert(session_.slot_name(verdict.subject));
    session_.leave_alone(session_.step_of_package(verdict.subject));
  }

  // dpkg ended 0, so all that it was asked to configure is.
  void mark_all_done(const std::vector<std::string>& args) {
    if (session_.call().pending) {
      for (std::uint32_t i = 0; i < session_.states().size(); ++i) {
        const bool configure_only = session_.plan().steps[i].action == Action::Configure;
        const StepState state = session_.states()[i];
        if (state == StepState::Unpacked || (configure_only && state == StepState::Waiting)) {
          session_.set_state(i, StepState::Done);
        }
      }
    }
    for (const auto& name : args) {
      const std::int32_t step = name.starts_with('-') ? -1 : session_.step_of_package(name);
      if (step >= 0) session_.set_state(static_cast<std::uint32_t>(step), StepState::Done);
    }
    session_.save_states();
  }

  void take_failure(const Verdict& verdict, const DbSnapshot& db) {
    ++failed_calls_;
    const std::string package = session_.slot_name(verdict.subject);
    left_out_.insert(package);
    const std::int32_t step = session_.step_of_package(verdict.subject);
    const auto entry = db.find(package);
    const bool still_unpacked =
        entry != db.end() && entry->second.state.size() > 1 && entry->second.state[1] == 'U';
    Failure failure = failure_from(verdict, verdict.in_trigger ? Phase::Trigger : Phase::Configure);
    failure.package = package;
    failure.step = step;
    if (entry != db.end()) failure.version = entry->second.version;
    if (step >= 0) {
      failure.old_version = session_.plan().steps[static_cast<std::size_t>(step)].old_version;
    }
    // No script ran and it is as unpacked as before, or as dpkg had deconfigured it: a dependency
    // of it is not configured. That is another one's failure, unless there is no other.
    // In other languages dpkg's words do not tell; that no script ran of what the plan leaves as it
    // is does.
    const bool waits =
        still_unpacked || step < 0 || failure.failure_class == FailureClass::FollowUp;
    const bool follow_up = verdict.script.script.empty() && !verdict.at_conffile && waits;
    const bool another = !session_.all_well() || interrupted_ || !later_.empty();
    if (follow_up && another) return follow(package, step, std::move(failure));
    if (step >= 0 && session_.states()[static_cast<std::size_t>(step)] == StepState::Returning) {
      if (!session_.tries_return_again(failure))
        session_.record_failed_return(std::move(failure), false);
    } else if (!is_tried_again(failure)) {
      session_.record(std::move(failure), db);
    }
  }

  // It may be configured when what it waits for is, at whichever version.
  void follow(const std::string& package, std::int32_t step, Failure failure) {
    follow_ups_.insert(package);
    if (step < 0) {
      outsiders_.insert_or_assign(package, std::move(failure));
      return;
    }
    if (session_.states()[static_cast<std::size_t>(step)] != StepState::Returning)
      session_.set_state(static_cast<std::uint32_t>(step), StepState::Stranded);
    session_.save_states();
  }

  // What the plan does not name, and dpkg has deconfigured for one that failed: after the last call
  // nobody will configure it.
  void blame_outsiders() {
    const auto db = session_.ports().db.read();
    if (!db) return session_.ports().say(db.error().message);
    for (const auto& [package, failure] : outsiders_) {
      const auto entry = db->find(package);
      const bool is_known = session_.failed_package(package);  // it was tried since, and failed
      if (entry != db->end() && !entry->second.configured() && !is_known)
        session_.record(failure, *db);
    }
  }

  void allow_follow_ups() {
    for (const auto& package : follow_ups_) left_out_.erase(package);
    follow_ups_.clear();
  }

  // True where the package is not to be blamed yet; it is tried again, or the run stops.
  bool is_tried_again(const Failure& failure) {
    // Stock has these up by now: they are down so that they come up once, with all that is theirs.
    if (failure.phase == Phase::Configure && tried_with_services_.insert(failure.package).second &&
        let_missed_go(session_, failure.package)) {
      session_.ports().say("trying " + session_.shown(failure.package) +
                           " once more, with the services that were down");
      left_out_.erase(failure.package);
      return true;
    }
    const Decision decision = session_.react_to(failure);
    const std::string name = session_.shown(failure.package);
    switch (decision.reaction) {
      case Reaction::Keep:
      case Reaction::Ignore:
        return false;
      case Reaction::RetryAfterReload:
        if (session_.ports().reload_units) session_.ports().reload_units();
        [[fallthrough]];
      case Reaction::RetryNow:
        session_.ports().say("trying " + name + " once more: " + decision.reason);
        left_out_.erase(failure.package);
        return true;
      case Reaction::RetryLater:
        session_.ports().say("trying " + name + " again later: " + decision.reason);
        later_.insert(failure.package);
        return true;
      case Reaction::KeepAndStop:
      case Reaction::Stop:
        session_.stop_at(failure.package, decision);
        // What is unpacked is configured yet: left so, it would be worse off.
        if (decision.reaction == Reaction::KeepAndStop) {
          ended_ = CallEnd{true, 1, 0};
          return false;
        }
        stopped_ = CallEnd{true, 1, 0};
        session_.leave_alone(failure.step);
        return true;
    }
    return false;
  }

  std::optional<CallEnd> by_name() {
    database_needed_ = true;
    for (;;) {
      const auto database = session_.ports().db.read();
      if (!database) {
        session_.ports().say(database.error().message);
        return CallEnd{true, 1, 0};
      }
      session_.follow_database(*database);
      // Or what needs the old version of one that is back would wait for it.
      finish_returned(session_);
      if (session_.heal_configured(*database)) allow_follow_ups();
      auto names = configurable(*database);
      if (names.empty() && !later_.empty()) {
        for (const auto& package : later_) left_out_.erase(package);
        later_.clear();
        names = configurable(*database);
      }
      if (names.empty() || names == tried_names_) return std::nullopt;
      std::vector<std::string> args{"--configure"};
      args.insert(args.end(), names.begin(), names.end());
      const std::size_t failed_before = failed_calls_;
      if (const auto end = one_call(args); end) return end;
      // Nothing failed and still the same is left: dpkg sees nothing to do in it.
      tried_names_ = failed_calls_ == failed_before ? names : std::vector<std::string>{};
    }
  }

  // What waits for its configuration and may have it.
  std::vector<std::string> configurable(const DbSnapshot& db) {
    std::set<std::string> asked;
    for (const auto& name : session_.call().operands) asked.insert(session_.slot_name(name));
    std::vector<std::uint32_t> steps;
    std::vector<std::string> names;
    for (const auto& [package, entry] : db) {
      const char letter = entry.state.size() > 1 ? entry.state[1] : 'n';
      if ((letter != 'U' && letter != 'F') || entry.state.size() > 2) continue;
      const std::int32_t step = session_.step_of_package(package);
      const bool returning =
          step >= 0 && session_.states()[static_cast<std::size_t>(step)] == StepState::Returning;
      // The plan does not say what an old version needs at either version.
      if (returning && follow_ups_.contains(package)) continue;
      if (!returning && (left_out_.contains(package) || session_.failed_package(package))) continue;
      // As dpkg does for --pending; what an earlier run left unconfigured is not wanted.
      const bool wanted = entry.state[0] == 'i' || entry.state[0] == 'h';
      const bool pending = session_.call().pending && wanted;
      if (!returning && !pending && !asked.contains(package)) continue;
      if (step >= 0) {
        steps.push_back(static_cast<std::uint32_t>(step));
      } else {
        names.push_back(dpkg_name(package, db));
      }
    }
    const auto blocked = unconfigurable(session_.plan(), steps, session_.states());
    for (const std::uint32_t step : steps) {
      const bool is_blocked = std::find(blocked.begin(), blocked.end(), step) != blocked.end();
      if (is_blocked && session_.states()[step] == StepState::Returning) continue;
      if (is_blocked) {
        session_.set_state(step, StepState::Stranded);
      } else {
        names.push_back(dpkg_name(session_.plan().steps[step].package, db));
      }
    }
    session_.save_states();
    return names;
  }

  std::optional<CallEnd> pending_triggers() {
    for (;;) {
      const auto database = session_.ports().db.read();
      if (!database) return std::nullopt;
      const bool waiting = std::any_of(database->begin(), database->end(), [&](const auto& entry) {
        return entry.second.state.size() > 1 && entry.second.state[1] == 't' &&
               !left_out_.contains(entry.first);
      });
      if (!waiting) return std::nullopt;
      const std::size_t left_out_before = left_out_.size();
      if (const auto end = one_call({"--triggers-only", "--pending"}); end) return end;
      if (left_out_.size() == left_out_before) return std::nullopt;
    }
  }

  Session& session_;
  std::set<std::string> left_out_;            // failed or found unconfigurable in this call
  std::set<std::string> follow_ups_;          // dpkg left them because of another one
  std::map<std::string, Failure> outsiders_;  // of these what the plan does not name
  std::set<std::string> later_;               // failed in a way that may pass
  std::set<std::string> tried_with_services_;
  std::vector<std::string> tried_names_;
  std::size_t failed_calls_ = 0;
  std::optional<CallEnd> interrupted_;
  std::optional<CallEnd> stopped_;  // at once
  std::optional<CallEnd> ended_;    // when what is unpacked is seen to
  bool database_needed_ = false;    // after a failure only the database tells who is configured
};

}  // namespace

std::optional<CallEnd> Session::trigger_now(const std::vector<std::uint32_t>& steps,
                                            std::vector<std::string> afterwards) {
  const auto database = ports_.db.read();
  if (!database) return std::nullopt;  // the frontend's own call comes
  DpkgCall triggers = call_for(DpkgCall::Verb::TriggersOnly);
  for (const std::uint32_t step : steps) {
    const auto entry = database->find(open_.plan.steps[step].package);
    const bool due =
        entry != database->end() && entry->second.state.size() > 1 && entry->second.state[1] == 't';
    if (due) triggers.operands.push_back(dpkg_name(open_.plan.steps[step].package, *database));
  }
  if (triggers.operands.empty()) return std::nullopt;
  save_states();
  Session part(triggers, open_, ports_, record_lost_);
  part.set_afterwards(std::move(afterwards));
  const auto end = Configuring(part).own_triggers();
  take_over(part);
  return end;
}

std::optional<CallEnd> configure_packages(Session& session) {
  return Configuring(session).run();
}

}  // namespace aptkeep
