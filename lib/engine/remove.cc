// `dpkg --remove` and `--purge`: what the kept set needs stays, a removal that fails does not stop
// the others.
#include <algorithm>

#include "engine/session.h"

namespace aptkeep {
namespace {

const char* verb_of(const DpkgCall& call) {
  return call.verb == DpkgCall::Verb::Purge ? "--purge" : "--remove";
}

// What apt selected for removal (`--pending`), by name, less what must stay.
std::vector<std::string> selected(const Session& session, const DbSnapshot& db) {
  const bool purge = session.call().verb == DpkgCall::Verb::Purge;
  std::vector<std::string> names;
  for (const auto& [package, entry] : db) {
    if (entry.state.size() < 2) continue;
    const bool wanted = entry.state[0] == (purge ? 'p' : 'r');
    const bool there = purge || entry.state[1] != 'c';
    if (wanted && there) names.push_back(package);
  }
  return names;
}

class Removing {
 public:
  explicit Removing(Session& session) : session_(session) {}

  std::optional<CallEnd> run() {
    const auto& call = session_.call();
    if (!session_.anything_failed()) {
      std::vector<std::string> args{verb_of(call)};
      if (call.pending) args.emplace_back("--pending");
      args.insert(args.end(), call.operands.begin(), call.operands.end());
      session_.ports().progress.calling(call.operands, {});
      if (const auto end = one_call(args); end) return end;
      if (!session_.anything_failed()) return std::nullopt;
    }
    for (;;) {
      const auto names = left();
      if (names.empty()) return std::nullopt;
      std::vector<std::string> args{verb_of(call)};
      args.insert(args.end(), names.begin(), names.end());
      session_.ports().progress.calling(names, {});
      const std::size_t failed_before = failed_.size();
      if (const auto end = one_call(args); end) return end;
      if (failed_.size() == failed_before) return std::nullopt;
    }
  }

 private:
  std::optional<CallEnd> one_call(const std::vector<std::string>& args) {
    std::vector<std::uint32_t> going;
    for (std::uint32_t i = 0; i < session_.states().size(); ++i) {
      const bool waits = session_.states()[i] == StepState::Waiting;
      if (waits && session_.plan().steps[i].new_version.empty()) going.push_back(i);
    }
    session_.take_snapshots(going);
    const Verdict verdict = session_.run_dpkg(args);
    const auto database = session_.ports().db.read();
    if (database) {
      std::vector<std::uint32_t> removals;
      for (std::uint32_t i = 0; i < session_.states().size(); ++i) {
        if (session_.plan().steps[i].new_version.empty()) removals.push_back(i);
      }
      session_.follow_database(removals, *database);
    }
    if (verdict.kind == Verdict::Kind::Well) return std::nullopt;
    if (verdict.kind == Verdict::Kind::DpkgFailed) return verdict.end;
    if (!database) {
      session_.ports().say(database.error().message);
      return CallEnd{true, 1, 0};
    }
    Failure failure = failure_from(
        verdict, session_.call().verb == DpkgCall::Verb::Purge ? Phase::Purge : Phase::Remove);
    failure.package = session_.slot_name(verdict.subject);
    failure.step = session_.step_of_package(verdict.subject);
    const auto entry = database->find(failure.package);
    if (entry != database->end()) failure.old_version = entry->second.version;
    failed_.push_back(failure.package);
    const Decision decision = session_.react_to(failure);
    const bool stops = decision.reaction == Reaction::KeepAndStop;
    if (stops) session_.stop_at(failed_.back(), decision);
    session_.record(std::move(failure), *database);
    return stops ? std::optional(CallEnd{true, 1, 0}) : std::nullopt;
  }

  std::vector<std::string> left() {
    const auto database = session_.ports().db.read();
    if (!database) return {};
    std::vector<std::string> names;
    if (session_.call().pending) {
      names = selected(session_, *database);
    } else {
      for (const auto& name : session_.call().operands) names.push_back(session_.slot_name(name));
    }
    std::erase_if(names, [&](const std::string& package) {
      const auto entry = database->find(package);
      if (entry == database->end()) return true;
      const bool gone = entry->second.state.size() > 1 && entry->second.state[1] == 'c';
      if (gone && session_.call().verb != DpkgCall::Verb::Purge) return true;
      if (session_.failed_package(package)) return true;
      const std::int32_t step = session_.step_of_package(package);
      return step >= 0 && session_.states()[static_cast<std::size_t>(step)] == StepState::Kept;
    });
    for (auto& name : names) name = dpkg_name(name, *database);
    return names;
  }

  Session& session_;
  std::vector<std::string> failed_;
};

}  // namespace

std::optional<CallEnd> remove_packages(Session& session) {
  return Removing(session).run();
}

}  // namespace aptkeep
