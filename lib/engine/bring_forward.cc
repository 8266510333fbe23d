// What has to be new again because another one could not go back: that needs its new version, or
// was its only reason to go back; and what dpkg has left half installed when it was to go back. apt
// would refuse to do anything at all.
#include <algorithm>
#include <iterator>
#include <optional>

#include "core/way_back.h"
#include "engine/session.h"
#include "engine/undo.h"

namespace aptkeep {
namespace {

struct Again {
  std::uint32_t step = 0;
  std::string archive;
  bool saved = false;  // made of what was saved of the new version
};

class Forward {
 public:
  explicit Forward(Session& session)
      : session_(session),
        plan_(session.plan()),
        by_hand_(is_on_request(session.open())),
        saved_(session.ports().forward) {}

  bool run(const std::vector<std::uint32_t>& failed, const DbSnapshot& before) {
    std::vector<std::uint32_t> torn;
    std::ranges::copy_if(failed, std::back_inserter(torn),
                         [&](std::uint32_t step) { return is_torn(step, before); });
    if (!torn.empty()) {
      session_.ports().say("unpacking the new " + names(torn) + " again");
      unpack(torn);
    }
    const auto db = torn.empty() ? Result<DbSnapshot>(before) : session_.ports().db.read();
    const auto back = db ? have_to_be_new(failed, *db) : std::vector<std::uint32_t>{};
    if (!back.empty()) {
      session_.ports().say("unpacking the new " + names(back) +
                           " again, because of what cannot go back");
      for (const std::uint32_t step : back) learn_conffiles(step);
      unpack(back);
    }
    // Where a person takes back what went well, it goes well now.
    if (by_hand_) configure();
    follow();
    return !torn.empty() || !back.empty();
  }

 private:
  std::string name(std::uint32_t step) const { return session_.shown(plan_.steps[step].package); }
  std::string names(const std::vector<std::uint32_t>& steps) const {
    std::string text;
    for (const std::uint32_t step : steps) text += (text.empty() ? "" : ", ") + name(step);
    return text;
  }

  // Of what has gone back: needed new by what stays so, or back for nobody's sake any more.
  std::vector<std::uint32_t> have_to_be_new(const std::vector<std::uint32_t>& failed,
                                            const DbSnapshot& db) const {
    std::vector<bool> new_again(plan_.steps.size());
    for (const std::uint32_t step : failed) new_again[step] = at_new_side(plan_.steps[step], db);
    const std::vector<std::uint32_t> wanted_back = wanted_back_now(db);
    for (std::uint32_t i = 0; i < new_again.size(); ++i) {
      const bool wanted = std::ranges::count(wanted_back, i) > 0;
      new_again[i] = new_again[i] || (has_gone_back(i, db) && !wanted);
    }
    new_again = forward(plan_, new_again);
    std::vector<std::uint32_t> back;
    for (std::uint32_t i = 0; i < new_again.size(); ++i) {
      if (new_again[i] && has_gone_back(i, db)) back.push_back(i);
    }
    return back;
  }

  // As if nothing had gone back yet, and we knew whose way back fails.
  std::vector<std::uint32_t> wanted_back_now(const DbSnapshot& db) const {
    std::vector<StepState> states = session_.states();
    for (std::uint32_t i = 0; i < states.size(); ++i) {
      const Step& step = plan_.steps[i];
      if (has_gone_back(i, db)) {
        states[i] = session_.failed_package(step.package) ? StepState::FailedNew : StepState::Done;
      } else if (states[i] == StepState::FailedNew && is_old_unpacked(step, db) &&
                 step.old_version != step.new_version) {
        states[i] = StepState::FailedOld;  // unconfigured, but old for good
      }
    }
    return session_.way_back(states).returning;
  }

  // Its old version could not be unpacked, and that not be undone.
  bool is_torn(std::uint32_t index, const DbSnapshot& db) const {
    const Step& step = plan_.steps[index];
    const auto entry = db.find(step.package);
    return !step.old_version.empty() && !step.new_version.empty() && entry != db.end() &&
           entry->second.state.size() > 1 && entry->second.state[1] == 'H';
  }

  bool has_gone_back(std::uint32_t index, const DbSnapshot& db) const {
    const Step& step = plan_.steps[index];
    const bool returned =
        session_.states()[index] == StepState::Returning || session_.open().rolled_back[index];
    if (!returned || step.new_version.empty() || step.old_version == step.new_version) return false;
    return step.old_version.empty() ? !is_there(step, db) : is_old_unpacked(step, db);
  }

  // What dpkg is to know of its conffiles is what it would know before an upgrade: those that
  // nobody has edited are replaced again.
  void learn_conffiles(std::uint32_t index) {
    const Step& step = plan_.steps[index];
    if (step.old_version.empty()) return;
    const auto known = session_.ports().snapshots->complete({step.package});
    if (!known) session_.ports().say(known.error().message);
  }

  std::optional<Again> archive_of(std::uint32_t index) {
    const Step& step = plan_.steps[index];
    if (saved_ == nullptr || !saved_->has(step.package)) {
      if (!step.archive.empty()) return Again{index, step.archive};
      lose(index, "there is no archive of it");
      return std::nullopt;
    }
    auto archive = saved_->archive(step.package);
    const Status clear = archive ? saved_->clear_way({step.package}) : Status(archive.error());
    if (clear) return Again{index, *archive, true};
    lose(index, clear.error().message);
    return std::nullopt;
  }

  void lose(std::uint32_t step, const std::string& why) {
    session_.ports().say("unable to have the new " + name(step) + " again: " + why);
  }

  void unpack(const std::vector<std::uint32_t>& steps) {
    std::vector<Again> left;
    for (const std::uint32_t step : steps) {
      if (auto one = archive_of(step)) left.push_back(std::move(*one));
    }
    again_.insert(again_.end(), left.begin(), left.end());
    unpack_all(std::move(left));
    settle(steps);
  }

  // One that fails does not take the others along.
  void unpack_all(std::vector<Again> left) {
    while (!left.empty()) {
      std::vector<std::string> args{"--force-depends",    "--force-overwrite", "--force-conflicts",
                                    "--auto-deconfigure", "--no-triggers",     "--unpack"};
      for (const Again& one : left) args.push_back(one.archive);
      const Verdict verdict = call(args);
      if (verdict.kind == Verdict::Kind::Well) return;
      // It does nothing at all where one archive is not there any more.
      const bool each = verdict.kind == Verdict::Kind::DpkgFailed && verdict.end.signal == 0 &&
                        !verdict.interrupted && left.size() > 1;
      if (each) {
        for (const Again& one : left) unpack_all({one});
        return;
      }
      const auto failed = std::ranges::find(left, verdict.subject, &Again::archive);
      lose(failed == left.end() ? left.front().step : failed->step,
           verdict.message.empty() ? "dpkg failed" : verdict.message);
      if (verdict.kind == Verdict::Kind::DpkgFailed || failed == left.end()) return;
      left.erase(left.begin(), failed + 1);
    }
  }

  Verdict call(const std::vector<std::string>& args) {
    session_.announce({}, session_.afterwards());
    return session_.run_dpkg(args);
  }

  void settle(const std::vector<std::uint32_t>& steps) {
    for (const std::uint32_t step : steps) {
      const auto one = std::ranges::find(again_, step, &Again::step);
      if (one == again_.end() || !one->saved) continue;
      const Status settled = saved_->settle({plan_.steps[step].package});
      if (!settled) session_.ports().say(settled.error().message);
    }
  }

  void configure() {
    const auto db = session_.ports().db.read();
    std::vector<std::string> args{"--force-confold", "--configure"};
    for (const Again& one : again_) {
      const Step& step = plan_.steps[one.step];
      if (!db || !at_new_side(step, *db) || db->at(step.package).configured()) continue;
      args.push_back(dpkg_name(step.package, *db));
    }
    if (args.size() == 2) return;
    const Verdict verdict = call(args);
    if (verdict.kind != Verdict::Kind::Well)
      session_.ports().say("unable to configure " + verdict.subject + ": " + verdict.message);
  }

  void follow() {
    const auto db = session_.ports().db.read();
    if (!db) return;
    for (const Again& one : again_) {
      const Step& step = plan_.steps[one.step];
      if (!at_new_side(step, *db)) continue;
      const bool whole = db->at(step.package).configured();
      const bool failed = session_.failed_package(step.package) && !(whole && by_hand_);
      session_.set_state(one.step, failed  ? StepState::FailedNew
                                   : whole ? StepState::Done
                                           : StepState::Unpacked);
      session_.set_not_back(one.step);
      if (!one.saved || !whole) continue;
      const auto remains = saved_->complete({step.package});
      if (!remains) session_.ports().say(remains.error().message);
    }
    session_.save_states();
  }

  Session& session_;
  const Plan& plan_;
  const bool by_hand_;
  Snapshots* const saved_;
  std::vector<Again> again_;
};

}  // namespace

bool is_old_unpacked(const Step& step, const DbSnapshot& db) {
  const auto found = db.find(step.package);
  if (found == db.end() || found->second.version != step.old_version) return false;
  const std::string& state = found->second.state;
  return state.size() == 2 && (found->second.configured() || state[1] == 'U' || state[1] == 'F');
}

bool is_there(const Step& step, const DbSnapshot& db) {
  const auto found = db.find(step.package);
  return found != db.end() && found->second.state.substr(1, 1) != "c";
}

bool bring_forward(Session& session, const std::vector<std::uint32_t>& failed,
                   const DbSnapshot& db) {
  return Forward(session).run(failed, db);
}

}  // namespace aptkeep
