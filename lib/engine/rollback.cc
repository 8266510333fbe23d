// The way back: what has failed after its files were replaced, and what must be old with it, is
// unpacked again at its old version by dpkg itself, from archives made of the snapshots.
#include <algorithm>

#include "core/order.h"
#include "engine/session.h"
#include "engine/undo.h"

namespace aptkeep {
namespace {

bool half_installed(const DbPackage& package) {
  return package.state.size() > 1 && package.state[1] == 'H';
}

// Once it is at its old side.
StepState side_when_back(const Session& session, std::uint32_t step) {
  if (session.failed_package(session.plan().steps[step].package)) return StepState::FailedOld;
  return session.is_not_reached(step) ? StepState::NotReached : StepState::Kept;
}

class GoingBack {
 public:
  explicit GoingBack(Session& session) : session_(session), plan_(session.plan()) {}

  Result<bool> run() {
    bool anything = false;
    for (std::size_t round = 0; round <= plan_.steps.size(); ++round) {
      const auto db = session_.ports().db.read();
      if (!db) return db.error();
      const auto left = not_back_yet(*db);
      if (left.empty()) break;
      if (round == 0) tell(left);
      anything = true;
      const std::size_t failures = failures_;
      if (const Status done = one_round(left, *db); !done) return done.error();
      auto now = session_.ports().db.read();
      if (!now) return now.error();
      if (failures_ != failures && bring_forward(session_, failed_, *now))
        now = session_.ports().db.read();
      if (!now) return now.error();
      // Neither further nor anybody to blame: what is left stays as it is.
      if (failures_ == failures && not_back_yet(*now).size() >= left.size()) break;
    }
    return anything;
  }

 private:
  const std::vector<StepState>& states() { return session_.states(); }

  std::vector<std::uint32_t> not_back_yet(const DbSnapshot& db) {
    std::vector<std::uint32_t> left;
    for (const std::uint32_t index : session_.way_back().returning) {
      const Step& step = plan_.steps[index];
      const bool arrived = step.old_version.empty() ? !is_there(step, db)
                                                    : states()[index] == StepState::Returning &&
                                                          is_old_unpacked(step, db);
      if (!arrived) left.push_back(index);
      if (arrived && step.old_version.empty()) remove_traces(index, db);
    }
    session_.save_states();
    return left;
  }

  void remove_traces(std::uint32_t index, const DbSnapshot& db) {
    const std::string& package = plan_.steps[index].package;
    session_.set_state(index, side_when_back(session_, index));
    // What one of another architecture is there for is not this one's alone.
    const auto remains = has_sibling(db, package) ? std::vector<std::string>{}
                                                  : session_.ports().snapshots->undo_new(package);
    session_.tell_remains(index, remains);
    session_.set_rolled_back(index, remains);
  }

  void tell(const std::vector<std::uint32_t>& steps) {
    std::string names;
    for (const std::uint32_t step : steps) {
      names += (names.empty() ? "" : ", ") + session_.shown(plan_.steps[step].package);
    }
    session_.ports().say("putting back " + names);
  }

  Status one_round(const std::vector<std::uint32_t>& left, const DbSnapshot& db) {
    std::vector<std::uint32_t> newcomers;
    std::vector<std::uint32_t> returning;
    for (const std::uint32_t step : left) {
      (plan_.steps[step].old_version.empty() ? newcomers : returning).push_back(step);
    }
    const auto last = take_those_that_may_wait(newcomers, returning);
    const std::size_t failures = failures_;
    if (!newcomers.empty()) {
      if (const Status done = remove(newcomers, db); !done) return done;
      if (failures_ != failures) return success();  // as below
    }
    if (!returning.empty()) {
      for (const std::uint32_t step : newcomers) {
        const std::string& package = plan_.steps[step].package;
        if (!has_sibling(db, package)) session_.ports().snapshots->clear_new(package);
      }
      remove_strays(returning, db);
      if (const Status done = unpack_old(ordered(returning)); !done) return done;
      // What needs them may be there to stay now: that is thought over anew.
      if (failures_ != failures) return success();
    }
    return last.empty() ? success() : remove(last, db);
  }

  // A file that moved to a new package comes back only when that is gone: it is removed first. But
  // where a person takes back what went well, what needs a new package is whole, and must not lack
  // it where its own way back fails.
  std::vector<std::uint32_t> take_those_that_may_wait(std::vector<std::uint32_t>& newcomers,
                                                      const std::vector<std::uint32_t>& returning) {
    if (returning.empty() || !is_on_request(session_.open())) return {};
    std::vector<std::string> packages;
    for (const std::uint32_t step : returning) packages.push_back(plan_.steps[step].package);
    std::vector<std::uint32_t> last;
    std::erase_if(newcomers, [&](std::uint32_t step) {
      const bool waits =
          !excludes_any(step, returning) &&
          !session_.ports().snapshots->shares_files(plan_.steps[step].package, packages);
      if (waits) last.push_back(step);
      return waits;
    });
    return last;
  }

  // Breaks and Conflicts, either way.
  bool excludes_any(std::uint32_t newcomer, const std::vector<std::uint32_t>& returning) const {
    return std::ranges::any_of(plan_.clauses, [&](const Clause& clause) {
      const bool excludes =
          clause.kind == ClauseKind::Breaks || clause.kind == ClauseKind::Conflicts;
      const auto names = [&](std::uint32_t step) {
        return clause.owner_step == static_cast<std::int32_t>(step) ||
               std::ranges::any_of(clause.any_of,
                                   [&](const Literal& literal) { return literal.step == step; });
      };
      return excludes && names(newcomer) && std::ranges::any_of(returning, names);
    });
  }

  // As a run of the inverse plan: what a package's old version Breaks goes back before it.
  std::vector<std::uint32_t> ordered(std::vector<std::uint32_t> steps) {
    std::vector<StepState> turned(states().size(), StepState::Done);
    for (std::uint32_t i = 0; i < turned.size(); ++i) {
      const StepState state = states()[i];
      const bool new_side = state == StepState::Done || state == StepState::Unpacked ||
                            state == StepState::FailedNew || state == StepState::Stranded;
      if (new_side) turned[i] = StepState::Kept;
    }
    for (const std::uint32_t step : steps) turned[step] = StepState::Waiting;
    std::reverse(steps.begin(), steps.end());  // the last that came goes first
    Plan back = inverse(plan_);
    for (Clause& clause : back.clauses) {
      // A failed version that Breaks another's old one may have taken a file of it over: what that
      // one unpacks now would be replaced at once, and gone with the failed version. It goes first,
      // as for Conflicts.
      if (clause.kind == ClauseKind::Breaks && clause.owner_side == Side::Old) {
        clause.kind = ClauseKind::Conflicts;
      }
    }
    return unpack_order(back, steps, turned);
  }

  Status remove(const std::vector<std::uint32_t>& steps, const DbSnapshot& db) {
    std::vector<std::string> args{"--force-depends",
                                  "--force-remove-reinstreq",
                                  "--force-remove-essential",
                                  "--force-remove-protected",
                                  "--no-triggers",
                                  "--remove"};
    const std::vector<StepState> before = states();
    std::vector<std::string> packages;
    for (const std::uint32_t step : steps) {
      session_.set_state(step, StepState::Returning);
      packages.push_back(plan_.steps[step].package);
      args.push_back(dpkg_name(packages.back(), db));
    }
    session_.save_states();
    const Status noted = session_.ports().snapshots->note_new(packages);
    if (!noted) session_.ports().say(noted.error().message);
    session_.announce({}, session_.afterwards());
    const Verdict verdict = session_.run_dpkg(args);
    if (verdict.kind == Verdict::Kind::Well) return success();
    if (verdict.kind == Verdict::Kind::DpkgFailed) return Error{"unable to run dpkg"};
    const auto now = session_.ports().db.read();
    if (!now) return now.error();
    set_back_untouched(steps, before, *now);
    return blame(session_.step_of_package(verdict.subject), verdict, Phase::Remove);
  }

  void remove_strays(const std::vector<std::uint32_t>& steps, const DbSnapshot& db) {
    for (const std::uint32_t index : steps) {
      const Step& step = plan_.steps[index];
      const auto found = db.find(step.package);
      if (step.archive.empty() || found == db.end() || !half_installed(found->second)) continue;
      const Status removed = session_.ports().snapshots->remove_strays(step.package, step.archive);
      if (!removed) session_.ports().say(removed.error().message);
    }
  }

  // `again`: what was not unpacked of these the first time.
  Status unpack_old(const std::vector<std::uint32_t>& steps, bool again = false) {
    // --force-overwrite: of what a package shares with a Multi-Arch: same sibling at that version
    // dpkg unpacks nothing otherwise, and refuses the failed version's file for being another
    // (dpkg, src/main/archives.c, tarobject).
    // --force-conflicts: two that go back may each conflict with the other's failed version, which
    // is still there.
    std::vector<std::string> args{"--force-depends",   "--force-downgrade",  "--force-overwrite",
                                  "--force-conflicts", "--auto-deconfigure", "--no-triggers",
                                  "--unpack"};
    const std::vector<StepState> before = states();
    archives_.clear();
    for (const std::uint32_t step : steps) {
      const std::string& package = plan_.steps[step].package;
      auto archive = session_.ports().snapshots->archive(package);
      const Status clear =
          archive ? session_.ports().snapshots->clear_way({package}) : Status(archive.error());
      if (!clear) {
        for (const std::uint32_t other : steps) session_.set_state(other, before[other]);
        // Of its own way some may be cleared.
        settle({steps.begin(), std::ranges::find(steps, step) + (archive ? 1 : 0)}, step);
        blame_alone(step, clear.error().message);
        return success();  // what goes back without it is thought over anew
      }
      archives_[*archive] = step;
      args.push_back(*archive);
      session_.set_state(step, StepState::Returning);
    }
    session_.save_states();
    session_.announce({}, session_.afterwards());
    const Verdict verdict = session_.run_dpkg(args);
    // Also where dpkg was killed: what it had unpacked until then is configured by and by.
    const auto failed = archives_.find(verdict.subject);
    settle(steps, failed == archives_.end() ? std::nullopt : std::optional(failed->second));
    if (verdict.kind == Verdict::Kind::DpkgFailed) return Error{"unable to run dpkg"};
    const auto db = session_.ports().db.read();
    if (!db) return db.error();
    if (verdict.kind == Verdict::Kind::Well) {
      // Two that took files over from each other: dpkg left them to the one that it unpacked last.
      const auto lacking = again ? std::vector<std::uint32_t>{} : lacking_of(*db);
      return lacking.empty() ? success() : unpack_old(lacking, true);
    }
    set_back_untouched(steps, before, *db);
    const auto archive = archives_.find(verdict.subject);
    return blame(archive == archives_.end() ? -1 : static_cast<std::int32_t>(archive->second),
                 verdict, Phase::Unpack);
  }

  // Of all that is back, whichever call has brought it.
  std::vector<std::uint32_t> lacking_of(const DbSnapshot& db) {
    std::vector<std::uint32_t> steps;
    for (std::uint32_t i = 0; i < plan_.steps.size(); ++i) {
      const Step& step = plan_.steps[i];
      const bool back = states()[i] == StepState::Returning && !step.old_version.empty() &&
                        is_old_unpacked(step, db);
      if (back && session_.ports().snapshots->lacks_files(step.package)) steps.push_back(i);
    }
    return steps;
  }

  // Of what was not unpacked it undoes the clearing of the way.
  void settle(const std::vector<std::uint32_t>& steps, std::optional<std::uint32_t> failed) {
    for (const std::uint32_t step : steps) {
      const std::string& package = plan_.steps[step].package;
      Snapshots& snapshots = *session_.ports().snapshots;
      const Status settled =
          step == failed ? snapshots.unsettle(package) : snapshots.settle({package});
      if (!settled) session_.ports().say(settled.error().message);
    }
  }

  // What dpkg did not come to may stay where it is, if the one that failed was its only reason.
  void set_back_untouched(const std::vector<std::uint32_t>& steps,
                          const std::vector<StepState>& before, const DbSnapshot& db) {
    for (const std::uint32_t step : steps) {
      const bool moved = plan_.steps[step].old_version == plan_.steps[step].new_version ||
                         !at_new_side(plan_.steps[step], db);
      if (!moved) session_.set_state(step, before[step]);
    }
    session_.save_states();
  }

  // The way back of this one has failed: it stays as it is now.
  Status blame(std::int32_t step, const Verdict& verdict, Phase phase) {
    if (step < 0) return Error{"unable to put packages back: " + verdict.message};
    const auto index = static_cast<std::uint32_t>(step);
    Failure failure = failure_from(verdict, phase);
    failure.package = plan_.steps[index].package;
    if (session_.tries_return_again(failure)) {
      ++failures_;  // so that there is another round
    } else {
      record(index, std::move(failure));
    }
    return success();
  }

  void blame_alone(std::uint32_t step, const std::string& why) {
    Failure failure;
    failure.phase = plan_.steps[step].old_version.empty() ? Phase::Remove : Phase::Unpack;
    failure.message = why;
    record(step, std::move(failure));
  }

  void record(std::uint32_t index, Failure failure) {
    const Step& step = plan_.steps[index];
    failure.package = step.package;
    failure.step = static_cast<std::int32_t>(index);
    failure.version = step.old_version.empty() ? step.new_version : step.old_version;
    failure.old_version = step.old_version;
    ++failures_;
    failed_.push_back(index);
    const auto db = session_.ports().db.read();
    const bool whole = db && at_new_side(step, *db) && !step.new_version.empty() &&
                       db->at(step.package).configured();
    session_.record_failed_return(std::move(failure), whole);
  }

  Session& session_;
  const Plan& plan_;
  std::map<std::string, std::uint32_t> archives_;
  std::size_t failures_ = 0;
  std::vector<std::uint32_t> failed_;  // whose way back has
};

}  // namespace

Result<bool> go_back(Session& session) {
  if (session.way_back().returning.empty()) return false;
  return GoingBack(session).run();
}

bool is_old_unfinished(const Step& step, const DbSnapshot& db) {
  const auto entry = db.find(step.package);
  if (entry == db.end() || entry->second.version != step.old_version) return false;
  const std::string& state = entry->second.state;
  const bool unfinished =
      state.size() > 2 || (state.size() == 2 && (state[1] == 'F' || state[1] == 'U'));
  return step.old_version != step.new_version && unfinished;
}

bool settle_returned(Session& session, const DbSnapshot& db) {
  if (session.ports().snapshots == nullptr) return false;
  bool any = false;
  for (std::uint32_t i = 0; i < session.states().size(); ++i) {
    const Step& step = session.plan().steps[i];
    const bool is_back = session.states()[i] == StepState::Returning && !step.old_version.empty() &&
                         (whole_at_old_side(step, db) || is_old_unfinished(step, db));
    if (!is_back) continue;
    any = true;
    // One by one: what cannot does not keep the others from it.
    if (const Status settled = session.ports().snapshots->settle({step.package}); !settled)
      session.ports().say(settled.error().message);
  }
  return any;
}

void finish_returned(Session& session) {
  if (std::ranges::find(session.states(), StepState::Returning) == session.states().end()) return;
  const auto db = session.ports().db.read();
  if (!db) return session.ports().say(db.error().message);
  for (std::uint32_t i = 0; i < session.states().size(); ++i) {
    const Step& step = session.plan().steps[i];
    if (session.states()[i] != StepState::Returning || !whole_at_old_side(step, *db)) continue;
    std::vector<std::string> remains;
    if (!step.old_version.empty()) {
      const auto found = session.ports().snapshots->complete({step.package});
      remains = found ? *found : std::vector<std::string>{found.error().message};
    }
    session.tell_remains(i, remains);
    session.set_state(i, side_when_back(session, i));
    session.set_rolled_back(i, remains);
  }
  session.save_states();
}

}  // namespace aptkeep
