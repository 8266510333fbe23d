// What is done at the end for a frontend that named /usr/bin/dpkg itself and stopped at its first
// failure.
#include <algorithm>

#include "engine/finish.h"
#include "engine/session.h"

namespace aptkeep {
namespace {

class NoProgress final : public Progress {
 public:
  void calling(const std::vector<std::string>&, const std::vector<std::string>&) override {}
  void finished() override {}
};

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
std::vector<std::string> next_archives(const OpenPlan& open) {
  std::vector<std::string> ready;
  std::vector<std::string> all;
  for (std::uint32_t i = 0; i < open.plan.steps.size(); ++i) {
    if (open.states[i] != StepState::Waiting || open.plan.steps[i].archive.empty()) continue;
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

std::vector<std::string> removals(const OpenPlan& open, const DbSnapshot& db) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < open.plan.steps.size(); ++i) {
    if (open.states[i] == StepState::Waiting && open.plan.steps[i].new_version.empty()) {
      names.push_back(dpkg_name(open.plan.steps[i].package, db));
    }
  }
  return names;
}

DpkgCall call_of(DpkgCall::Verb verb) {
  DpkgCall call;
  call.verb = verb;
  call.pending = verb == DpkgCall::Verb::Configure;
  if (verb == DpkgCall::Verb::Unpack) call.options = {"--no-triggers", "--auto-deconfigure"};
  if (verb == DpkgCall::Verb::Remove) call.options = {"--no-triggers", "--force-depends"};
  call.no_triggers = verb != DpkgCall::Verb::Configure;
  return call;
}

}  // namespace

void repair(OpenPlan& open, const std::vector<Step>& attempted, FinishPorts& ports) {
  const auto database = ports.db.read();
  if (!database || !one_failed(open, attempted, *database)) return;
  ports.say("the frontend stopped at a failure; doing the rest of what it planned");
  NoProgress progress;
  CallPorts call_ports{*ports.dpkg, ports.db, progress, ports.store, ports.say, ports.disk_full};
  call_ports.snapshots = ports.snapshots;
  call_ports.reload_units = ports.reload_units;
  {
    const DpkgCall look = call_of(DpkgCall::Verb::Configure);
    Session session(look, open, call_ports);
    std::vector<std::uint32_t> all(open.states.size());
    for (std::uint32_t i = 0; i < all.size(); ++i) all[i] = i;
    session.follow_database(all, *database);
  }
  const auto failed_call = [](const CallEnd& end) {
    return !end.handled || end.exit_code > 1 || end.signal != 0;
  };
  for (auto archives = next_archives(open); !archives.empty(); archives = next_archives(open)) {
    const std::size_t before = archives.size();
    if (failed_call(run_call(call_of(DpkgCall::Verb::Unpack), archives, open, call_ports))) return;
    if (failed_call(run_call(call_of(DpkgCall::Verb::Configure), {}, open, call_ports))) return;
    if (next_archives(open).size() == before && next_archives(open) == archives) return;
  }
  DpkgCall configure = call_of(DpkgCall::Verb::Configure);
  if (failed_call(run_call(configure, {}, open, call_ports))) return;
  DpkgCall remove = call_of(DpkgCall::Verb::Remove);
  remove.operands = removals(open, *database);
  if (!remove.operands.empty()) run_call(remove, {}, open, call_ports);
}

}  // namespace aptkeep
