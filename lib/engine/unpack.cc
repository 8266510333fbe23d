// `dpkg --unpack`: apt's one big call, in an order in which a failure is met before its dependents
// are touched, and gone on with after each failure.
#include <algorithm>
#include <set>

#include "core/order.h"
#include "engine/session.h"

namespace aptkeep {
namespace {

// Far below the kernel's limit for arguments and environment together (execve(2): a quarter of the
// stack's limit, 2 MiB by default); apt itself avoids the limit by --recursive.
constexpr std::size_t kMostArgumentBytes = 1'000'000;

std::vector<std::string> paths_of(const Plan& plan, const std::vector<std::uint32_t>& steps) {
  std::vector<std::string> paths;
  paths.reserve(steps.size());
  for (const std::uint32_t step : steps) paths.push_back(plan.steps[step].archive);
  return paths;
}

// The first dpkg call's worth of `order`.
std::vector<std::uint32_t> first_call(const Session& session,
                                      const std::vector<std::uint32_t>& order,
                                      const std::vector<StepState>& states) {
  std::vector<std::uint32_t> call = unpack_calls(session.plan(), order, states).front();
  std::size_t bytes = 0;
  std::size_t count = 0;
  while (count < call.size() && bytes < kMostArgumentBytes) {
    bytes += session.plan().steps[call[count++]].archive.size() + 1 + sizeof(char*);
  }
  call.resize(count);
  return call;
}

class Unpacking {
 public:
  Unpacking(Session& session, std::vector<std::uint32_t> steps)
      : session_(session), rest_(std::move(steps)) {
    sort_rest();
  }

  std::optional<CallEnd> run() {
    while (!rest_.empty()) {
      const auto now = first_call(session_, rest_, session_.states());
      const std::vector<std::uint32_t> later(rest_.begin() + static_cast<long>(now.size()),
                                             rest_.end());
      if (!guards_hold_still(session_, now)) return CallEnd{true, 1, 0};
      const bool all = std::all_of(now.begin(), now.end(), [&](std::uint32_t step) {
        return session_.states()[step] == StepState::Waiting;
      });
      if (!all) {  // a guard kept one of them
        sort_rest();
        continue;
      }
      const auto paths = paths_of(session_.plan(), now);
      session_.ports().progress.calling(paths, paths_of(session_.plan(), later));
      std::vector<std::string> args{"--unpack"};
      args.insert(args.end(), paths.begin(), paths.end());
      session_.take_snapshots(now);
      const Verdict verdict = session_.run_dpkg(args);
      if (verdict.kind == Verdict::Kind::Well) {
        for (const std::uint32_t step : now) session_.set_state(step, StepState::Unpacked);
        session_.save_states();
        rest_ = later;
        continue;
      }
      const auto database = session_.ports().db.read();
      if (database) session_.follow_database(now, *database);
      if (verdict.interrupted) session_.leave_alone(session_.step_of_archive(verdict.subject));
      if (verdict.kind == Verdict::Kind::DpkgFailed) return verdict.end;
      if (!database) {
        session_.ports().say(database.error().message);
        return CallEnd{true, 1, 0};
      }
      if (!take_failure(verdict, *database)) return CallEnd{true, 1, 0};
      sort_rest();
    }
    return std::nullopt;
  }

 private:
  // False where nobody of this call can be blamed, or the run is to stop.
  bool take_failure(const Verdict& verdict, const DbSnapshot& db) {
    const std::int32_t step = session_.step_of_archive(verdict.subject);
    if (step < 0) return false;
    const auto index = static_cast<std::uint32_t>(step);
    if (std::find(rest_.begin(), rest_.end(), index) == rest_.end()) return false;
    // Not a script: a file of another package in the way, say, which that package's new version
    // gives up. So it is tried again after the others before it is blamed.
    const bool others_left = std::any_of(rest_.begin(), rest_.end(), [&](std::uint32_t other) {
      return other != index && session_.states()[other] == StepState::Waiting;
    });
    const bool may_wait = verdict.script.script.empty() && !verdict.no_room;
    if (may_wait && others_left && !late_.contains(index)) {
      postpone(index);
      return true;
    }
    const Step& failed = session_.plan().steps[index];
    Failure failure = failure_from(verdict, Phase::Unpack);
    failure.package = failed.package;
    failure.step = step;
    failure.version = failed.new_version;
    failure.old_version = failed.old_version;
    const Decision decision = session_.react_to(failure);
    const bool later = decision.reaction == Reaction::RetryLater && others_left;
    if (later || decision.reaction == Reaction::RetryNow ||
        decision.reaction == Reaction::RetryAfterReload) {
      session_.ports().say("trying " + session_.shown(failed.package) +
                           " again: " + decision.reason);
      if (decision.reaction == Reaction::RetryAfterReload && session_.ports().reload_units)
        session_.ports().reload_units();
      if (later) postpone(index);
      return true;
    }
    if (decision.reaction != Reaction::Stop) {
      session_.record(std::move(failure), db);
      if (decision.reaction != Reaction::KeepAndStop) return true;
    }
    const bool untouched = whole_at_old_side(failed, db);
    if (decision.reaction == Reaction::Stop && !untouched) session_.leave_alone(step);
    session_.stop_at(failed.package, decision);
    return false;
  }

  // To the end, with what would have to stay back with it.
  void postpone(std::uint32_t step) {
    std::vector<std::uint32_t> failed{step};
    for (const auto& member : session_.kept().members) {
      if (member.failed) failed.push_back(member.step);
    }
    for (const auto& member : least_kept_set(session_.plan(), failed).members) {
      late_.insert(member.step);
    }
  }

  void sort_rest() {
    std::vector<std::uint32_t> early;
    std::vector<std::uint32_t> late;
    for (const std::uint32_t step : rest_) {
      if (session_.states()[step] != StepState::Waiting) continue;
      (late_.contains(step) ? late : early).push_back(step);
    }
    std::sort(early.begin(), early.end(), [&](auto a, auto b) { return place(a) < place(b); });
    rest_ = unpack_order(session_.plan(), early, session_.states());
    late = unpack_order(session_.plan(), late, session_.states());
    rest_.insert(rest_.end(), late.begin(), late.end());
  }

  // apt's own place of a step in this call, so that sorting twice starts from the same order.
  std::size_t place(std::uint32_t step) {
    if (places_.empty()) {
      for (std::size_t i = 0; i < rest_.size(); ++i) places_[rest_[i]] = i;
    }
    return places_[step];
  }

  Session& session_;
  std::vector<std::uint32_t> rest_;
  std::set<std::uint32_t> late_;
  std::map<std::uint32_t, std::size_t> places_;
};

}  // namespace

std::optional<CallEnd> unpack_archives(Session& session, std::vector<std::uint32_t> steps) {
  return Unpacking(session, std::move(steps)).run();
}

}  // namespace aptkeep
