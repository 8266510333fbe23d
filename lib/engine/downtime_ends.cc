// Downtimes that end in a later call of the driver, and those where there is no driver.
#include <algorithm>
#include <map>
#include <set>

#include "core/island.h"
#include "engine/downtime.h"
#include "engine/services.h"
#include "state/left_down.h"

namespace aptkeep {
namespace {

// Services of the island's own package; what is in Together goes up with it, later.
bool is_missed(const HeldUnit& one, const Island& island) {
  const auto is_of = [&](const std::string& pattern) { return is_unit_of(one.unit, pattern); };
  return one.waits && !one.parked && std::ranges::none_of(island.together, is_of);
}

bool all_end_well(const std::vector<std::string>& checks, const CallPorts& ports) {
  return std::ranges::all_of(
      checks, [&](const std::string& command) { return ports.failure_of(command).empty(); });
}

}  // namespace

bool let_missed_go(Session& session, const std::string& package) {
  const CallPorts& ports = session.ports();
  if (ports.units == nullptr || ports.holds == nullptr) return false;
  const auto db = ports.db.read();
  if (!db) return false;
  std::vector<HeldUnit> own;
  std::vector<HeldUnit> others;
  std::map<std::int32_t, bool> well;  // by step: its checks, which are run once
  for (const HeldUnit& one : ports.holds->all()) {
    const std::int32_t step = session.step_of_package(one.package);
    if (step < 0) continue;
    const auto& island = session.plan().steps[static_cast<std::size_t>(step)].island;
    const bool is_own = one.package == package;
    if (!is_own && standing_in(*db, one.package) == Standing::Unfinished) continue;
    if (!island || !is_missed(one, *island)) continue;
    const auto [checked, first] = well.try_emplace(step);
    if (first) checked->second = all_end_well(island->checks, ports);
    if (checked->second) (is_own ? own : others).push_back(one);
  }
  if (own.empty() && others.empty()) return false;
  let_go_and_start(others, *ports.units, *ports.holds);
  std::vector<std::string> names;
  for (HeldUnit& one : own) {
    names.push_back(one.unit);
    one.waits = false;
  }
  ports.holds->let_go(names);
  if (const Status put = ports.holds->put(own); !put) ports.say(put.error().message);
  return true;
}

std::optional<CallEnd> end_left_downtimes(Session& session, const std::vector<std::string>& later) {
  const CallPorts& ports = session.ports();
  if (session.left_down().empty() || ports.units == nullptr || ports.holds == nullptr)
    return std::nullopt;
  const auto db = ports.db.read();
  if (!db) {
    ports.say(db.error().message);
    return std::nullopt;
  }
  std::vector<std::uint32_t> whole;
  for (const std::uint32_t step : session.left_down()) {
    const std::string& package = session.plan().steps[step].package;
    if (standing_in(*db, package) != Standing::Unfinished) whole.push_back(step);
  }
  if (whole.empty()) return std::nullopt;
  for (const std::uint32_t step : whole) session.left_down().erase(step);
  return Downtime(session, whole).up_later(later);
}

// What an earlier run has left down because one of these was not configured is to run again with
// them, as if it had run when this began.
void Downtime::add_left_down() {
  CallPorts& ports = session_.ports();
  std::set<std::string> packages;
  for (const std::uint32_t step : group_) packages.insert(session_.plan().steps[step].package);
  const auto left = left_down_with(ports.store, session_.open().run, packages);
  if (!left) return ports.say(left.error().message);
  std::vector<std::string> names;
  for (const UnitRecord& unit : *left) names.push_back(unit.name);
  const auto now = ports.units->ask(names);
  if (!now) return ports.say(now.error().message);
  for (const UnitRecord& unit : *left) {
    const bool known =
        std::ranges::any_of(left_, [&](const HeldUnit& one) { return one.unit == unit.name; });
    if (!known && !is_wanted_down(unit, now->at(unit.name)))
      left_.push_back({unit.name, unit.package, true, false, false});
  }
}

bool Downtime::is_fresh(std::uint32_t step, const DbSnapshot& db) const {
  const Step& its = session_.plan().steps[step];
  return its.island && at_new_side(its, db) && !goes_back_;
}

// Before anything starts: one may start what is another's.
void Downtime::check_all(const DbSnapshot& db) {
  for (auto step = group_.rbegin(); step != group_.rend(); ++step) {
    if (!is_whole(*step, db) || !is_fresh(*step, db)) continue;
    const Step& its = session_.plan().steps[*step];
    Staying why = staying_for(its, session_.shown(its.package), session_.ports().failure_of,
                              its.island->checks, true);
    if (!why.trouble.empty()) refused_[*step] = std::move(why);
  }
}

// A unit, or one that it triggers, of a package whose check fails, or in its Together.
const Staying* Downtime::refused_for(const std::string& unit) const {
  std::vector<std::string> names{unit};
  if (const auto known = before_.find(unit); known != before_.end())
    names.insert(names.end(), known->second.triggers.begin(), known->second.triggers.end());
  for (const auto& [step, why] : refused_) {
    const Island& island = *session_.plan().steps[step].island;
    for (const auto* patterns : {&island.units, &island.together}) {
      for (const std::string& name : names) {
        const auto fits = [&](const auto& pattern) { return is_unit_of(name, pattern); };
        if (std::ranges::any_of(*patterns, fits)) return &why;
      }
    }
  }
  return nullptr;
}

void Downtime::down_to_go_back() {
  goes_back_ = true;
  if (const Status looked = look(); !looked) return session_.ports().say(looked.error().message);
  say_what_goes_down();
  for (const bool own : {false, true}) {
    for (Part& part : parts_) {
      if (part.own != own) continue;
      const auto refusal = stop(part);
      if (refusal) session_.ports().say("going on nevertheless: " + refusal->why);
    }
  }
}

CallEnd go_back_on_request(OpenPlan& open, CallPorts& ports) {
  DpkgCall configure;
  configure.verb = DpkgCall::Verb::Configure;
  configure.pending = true;
  std::vector<std::uint32_t> steps;
  for (std::uint32_t i = 0; i < open.plan.steps.size(); ++i) {
    if (open.plan.steps[i].island) steps.push_back(i);
  }
  if (steps.empty() || ports.units == nullptr || ports.holds == nullptr)
    return run_call(configure, {}, open, ports);
  const DpkgCall none;
  Session session(none, open, ports);
  Downtime downtime(session, steps);
  downtime.down_to_go_back();
  const CallEnd end = run_call(configure, {}, open, ports);
  return downtime.up({}).value_or(end);
}

void take_down_all(OpenPlan& open, CallPorts& ports) {
  if (ports.units == nullptr || ports.holds == nullptr) return;
  std::vector<std::uint32_t> steps;
  for (std::uint32_t i = 0; i < open.plan.steps.size(); ++i) {
    if (open.plan.steps[i].island && open.states[i] == StepState::Waiting) steps.push_back(i);
  }
  if (steps.empty()) return;
  const DpkgCall none;
  Session session(none, open, ports);
  for (const std::uint32_t step : steps) {
    const auto refuse = [&](const Downtime::Refusal& refusal) {
      ports.say(session.shown(open.plan.steps[refusal.step].package) +
                " is replaced nevertheless: " + refusal.why);
      return false;
    };
    Downtime downtime(session, {step});
    if (downtime.down(refuse)) (void)downtime.prepare(refuse);
  }
}

}  // namespace aptkeep
