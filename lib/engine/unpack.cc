// `dpkg --unpack`: apt's one big call, in an order in which a failure is met before its dependents
// are touched, and gone on with after each failure.
#include <algorithm>
#include <set>

#include "core/guard_policy.h"
#include "core/island.h"
#include "core/order.h"
#include "engine/downtime.h"
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

std::vector<std::uint32_t> steps_in(Session& session, StepState state) {
  std::vector<std::uint32_t> steps;
  for (std::uint32_t i = 0; i < session.states().size(); ++i) {
    if (session.states()[i] == state) steps.push_back(i);
  }
  return steps;
}

class Unpacking {
 public:
  enum class Part {
    All,
    WithoutIslands,
    Island,  // of an island that is down, and whose guards have been looked at
  };
  // `afterwards`: archives that are unpacked after these, by whoever calls.
  Unpacking(Session& session, std::vector<std::uint32_t> steps, Part part,
            std::vector<std::string> afterwards = {})
      : session_(session),
        steps_(std::move(steps)),
        part_(part),
        afterwards_(std::move(afterwards)) {
    for (std::size_t i = 0; i < steps_.size(); ++i) places_[steps_[i]] = i;
    sort_rest();
  }

  std::optional<CallEnd> run() {
    while (!rest_.empty() || !islands_.empty()) {
      const auto end = rest_.empty() ? island(islands_.front()) : one_call();
      if (end) return end;
      if (rest_.empty()) sort_rest();
    }
    return std::nullopt;
  }

 private:
  std::optional<CallEnd> one_call() {
    const auto now = first_call(session_, rest_, session_.states());
    const std::vector<std::uint32_t> later(rest_.begin() + static_cast<long>(now.size()),
                                           rest_.end());
    if (session_.interrupted()) return session_.stop_interrupted();
    if (part_ != Part::Island && !guards_hold_still(session_, now)) return CallEnd{true, 1, 0};
    const bool all = std::all_of(now.begin(), now.end(), [&](std::uint32_t step) {
      return session_.states()[step] == StepState::Waiting;
    });
    if (!all) {  // a guard kept one of them
      sort_rest();
      return std::nullopt;
    }
    const auto paths = paths_of(session_.plan(), now);
    session_.announce(paths, archives_after(later));
    std::vector<std::string> args{"--unpack"};
    args.insert(args.end(), paths.begin(), paths.end());
    session_.take_snapshots(now);
    const Verdict verdict = session_.run_dpkg(args);
    if (verdict.kind == Verdict::Kind::Well) {
      for (const std::uint32_t step : now) session_.set_state(step, StepState::Unpacked);
      session_.save_states();
      rest_ = later;
      return std::nullopt;
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
    return std::nullopt;
  }

  // What is left when these are unpacked.
  std::vector<std::string> archives_after(const std::vector<std::uint32_t>& rest,
                                          const std::vector<std::uint32_t>& island = {}) const {
    std::vector<std::string> archives = paths_of(session_.plan(), rest);
    for (const auto& group : islands_) {
      if (group == island) continue;
      for (auto& path : paths_of(session_.plan(), waiting_of(group)))
        archives.push_back(std::move(path));
    }
    for (auto& path : paths_of(session_.plan(), last())) archives.push_back(std::move(path));
    archives.insert(archives.end(), afterwards_.begin(), afterwards_.end());
    return archives;
  }

  // Its services are down only while it is replaced: all that can be is configured by then, and it
  // is configured before anything else is unpacked.
  std::optional<CallEnd> island(const std::vector<std::uint32_t> group) {
    // Earlier calls' too: it may need one of these.
    const auto before = steps_in(session_, StepState::Unpacked);
    if (!before.empty()) {
      auto end = session_.configure_now(before, archives_after({}));
      const auto ended = end_left_downtimes(session_, archives_after({}));
      if (!end) end = ended;
      if (end) return end;
    }
    if (waiting_of(group) != group) {  // one is kept for the sake of what has just failed
      sort_rest();
      return std::nullopt;
    }
    // Whoever is killed from here on: nobody replaces what is not saved.
    const bool is_saved = std::ranges::any_of(
        group, [&](auto step) { return is_saved_first(session_.plan().steps[step]); });
    if (is_saved) session_.announce({}, archives_after({}));
    Downtime downtime(session_, group);
    auto end = take_down(downtime, group);
    const auto left = waiting_of(group);  // whatever is kept: services are down once
    if (!end && !left.empty()) {
      session_.set_begun(left);
      Unpacking part(session_, left, Part::Island, archives_after({}, group));
      end = part.run();
      if (!end) end = session_.configure_now(left, archives_after({}, group));
    }
    const auto ended = downtime.up(archives_after({}, group));
    note_left_down(group);
    sort_rest();
    return end ? end : ended;
  }

  // With what is done before they are unpacked. A guard comes before that: what is prepared for a
  // new version that does not come may not fit the old one.
  std::optional<CallEnd> take_down(Downtime& downtime, const std::vector<std::uint32_t>& group) {
    std::optional<CallEnd> end;
    const auto refuse = [&](const Downtime::Refusal& refusal) {
      if (session_.interrupted()) return false;  // nobody is to blame
      const Step& step = session_.plan().steps[refusal.step];
      session_.ports().say(session_.shown(step.package) + " is not touched: " + refusal.why);
      Failure failure = guard_failure(step, refusal.step, refusal.why);
      failure.failure_class = refusal.failure_class;
      session_.record_untouched(std::move(failure));
      if (!refusal.stops) return true;
      session_.stop_at(step.package, {Reaction::KeepAndStop, refusal.failure_class, refusal.why});
      end = CallEnd{true, 1, 0};
      return false;
    };
    const bool down = downtime.down(refuse);
    if (session_.interrupted()) return session_.stop_interrupted();
    if (!down) return end;
    if (!guards_hold_still(session_, group)) return CallEnd{true, 1, 0};
    (void)downtime.prepare(refuse);
    if (session_.interrupted()) return session_.stop_interrupted();
    return end;
  }

  std::vector<std::uint32_t> waiting_of(std::vector<std::uint32_t> steps) const {
    std::erase_if(
        steps, [&](std::uint32_t step) { return session_.states()[step] != StepState::Waiting; });
    return steps;
  }

  void note_left_down(const std::vector<std::uint32_t>& group) {
    for (const std::uint32_t step : group) {
      const bool unpacked = session_.states()[step] == StepState::Unpacked;
      if (unpacked && session_.plan().steps[step].island) session_.left_down().insert(step);
    }
  }

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
      postpone(index, late_);
      return true;
    }
    if (may_wait && !islands_.empty() && !last_.contains(index)) {
      postpone(index, last_);
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
      if (later) postpone(index, late_);
      return true;
    }
    if (decision.reaction == Reaction::Stop) {
      if (!whole_at_old_side(failed, db)) session_.leave_alone(step);
      session_.stop_at(failed.package, decision);
      return false;
    }
    const bool stops = decision.reaction == Reaction::KeepAndStop;
    if (stops) session_.stop_at(failed.package, decision);
    session_.record(std::move(failure), db);
    return !stops;
  }

  // Towards the end, with what would have to stay back with it.
  void postpone(std::uint32_t step, std::set<std::uint32_t>& until) {
    std::vector<std::uint32_t> failed{step};
    for (const auto& member : session_.kept().members) {
      if (member.failed) failed.push_back(member.step);
    }
    for (const auto& member : least_kept_set(session_.plan(), failed).members) {
      until.insert(member.step);
    }
  }

  std::vector<std::uint32_t> last() const {
    std::vector<std::uint32_t> steps;
    for (const std::uint32_t step : steps_) {
      if (last_.contains(step) && session_.states()[step] == StepState::Waiting)
        steps.push_back(step);
    }
    return unpack_order(session_.plan(), steps, session_.states());
  }

  // Those that wait, in order: first what nobody waits for, then what has been postponed, then, one
  // after the other, what is replaced while its services are down, then what has failed before
  // that.
  void sort_rest() {
    std::vector<std::uint32_t> waiting;
    for (const std::uint32_t step : steps_) {
      const bool waits = session_.states()[step] == StepState::Waiting;
      if (waits && !last_.contains(step)) waiting.push_back(step);
    }
    std::sort(waiting.begin(), waiting.end(),
              [&](auto a, auto b) { return places_[a] < places_[b]; });
    islands_ = part_ == Part::All ? island_groups(session_.plan(), waiting)
                                  : std::vector<std::vector<std::uint32_t>>{};
    std::vector<std::uint32_t> early;
    std::vector<std::uint32_t> late;
    for (const std::uint32_t step : waiting) {
      const bool apart = std::ranges::any_of(
          islands_, [&](const auto& group) { return std::ranges::count(group, step) > 0; });
      if (!apart) (late_.contains(step) ? late : early).push_back(step);
    }
    rest_ = unpack_order(session_.plan(), early, session_.states());
    late = unpack_order(session_.plan(), late, session_.states());
    rest_.insert(rest_.end(), late.begin(), late.end());
    if (rest_.empty() && islands_.empty()) rest_ = last();
  }

  Session& session_;
  std::vector<std::uint32_t> steps_;  // all of the call
  Part part_;
  std::vector<std::string> afterwards_;
  std::vector<std::uint32_t> rest_;
  std::vector<std::vector<std::uint32_t>> islands_;
  std::set<std::uint32_t> late_;
  std::set<std::uint32_t> last_;
  std::map<std::uint32_t, std::size_t> places_;  // apt's own, so that each sorting starts from them
};

// Without those of `other`.
std::vector<std::uint32_t> without(std::vector<std::uint32_t> steps,
                                   const std::vector<std::uint32_t>& other) {
  std::erase_if(steps, [&](std::uint32_t step) { return std::ranges::count(other, step) > 0; });
  return steps;
}

}  // namespace

std::optional<CallEnd> configure_left_down(Session& session,
                                           const std::vector<std::uint32_t>& later) {
  if (session.ports().units == nullptr || session.ports().holds == nullptr) return std::nullopt;
  const auto unpacked = steps_in(session, StepState::Unpacked);
  const auto blocked = unconfigurable(session.plan(), unpacked, session.states());
  std::set<std::uint32_t> due;
  for (const std::uint32_t step : session.left_down()) {
    const bool waits = session.states()[step] == StepState::Unpacked;
    if (waits && std::ranges::count(blocked, step) == 0) due.insert(step);
  }
  if (due.empty()) return std::nullopt;
  // Nothing else: its services are down meanwhile.
  auto steps = needed_by(session.plan(), due, unpacked);
  steps.insert(steps.end(), due.begin(), due.end());
  const auto archives = paths_of(session.plan(), later);
  if (const auto end = session.configure_now(steps, archives)) {
    end_left_downtimes(session, archives);
    return end;
  }
  return end_left_downtimes(session, archives);
}

std::optional<CallEnd> unpack_archives(Session& session, std::vector<std::uint32_t> steps) {
  const bool has_islands = session.ports().units != nullptr && session.ports().holds != nullptr;
  if (!has_islands) {
    return Unpacking(session, std::move(steps), Unpacking::Part::WithoutIslands).run();
  }
  if (const auto end = configure_left_down(session, steps)) return end;
  // First what is waited for.
  const auto needed = needed_by(session.plan(), session.left_down(), steps);
  const auto rest = without(steps, needed);
  for (const auto* part : {&needed, &rest}) {
    if (part->empty()) continue;
    const auto later = part == &needed ? rest : std::vector<std::uint32_t>{};
    if (auto end =
            Unpacking(session, *part, Unpacking::Part::All, paths_of(session.plan(), later)).run())
      return end;
    if (auto end = configure_left_down(session, later)) return end;
  }
  return std::nullopt;
}

}  // namespace aptkeep
