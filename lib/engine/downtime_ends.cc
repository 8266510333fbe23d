// What is held lets go where nobody knows any more how it went down: a later call of the driver,
// the end of a run, the guardian. And what goes down where there is no driver.
#include <algorithm>

#include "engine/downtime.h"
#include "engine/services.h"

namespace aptkeep {

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
    if (const auto refusal = Downtime(session, {step}).down()) {
      ports.say(session.shown(open.plan.steps[refusal->step].package) +
                " is replaced nevertheless: " + refusal->why);
    }
  }
}

void let_go_and_start(const std::vector<HeldUnit>& held, Units& units, Holds& holds) {
  std::vector<std::string> names;
  std::vector<std::string> ran;
  for (const HeldUnit& one : held) {
    names.push_back(one.unit);
    if (one.ran) ran.push_back(one.unit);
  }
  if (names.empty()) return;
  holds.let_go(names);
  if (ran.empty()) return;
  auto now = units.ask(ran);
  if (!now) return;
  const bool stale =
      std::ranges::any_of(*now, [](const auto& entry) { return entry.second.needs_reload; });
  if (stale) {
    (void)units.act("daemon-reload", {""});
    now = units.ask(ran);
    if (!now) return;
  }
  std::vector<const UnitFacts*> all;
  for (const auto& [name, facts] : *now) all.push_back(&facts);
  for (const bool triggers : {true, false}) {
    std::vector<std::string> down;
    for (const auto& [name, facts] : *now) {
      const bool is_down = !facts.is_up() && facts.load_state == "loaded";
      if (is_trigger(name) == triggers && is_down && !is_displaced(facts, all))
        down.push_back(name);
    }
    if (down.empty()) continue;
    (void)units.act("reset-failed", down);
    (void)units.act("start", down);
  }
}

void let_whole_go(const std::function<Standing(const std::string&)>& standing, Units& units,
                  Holds& holds) {
  std::vector<HeldUnit> whole = holds.all();
  std::erase_if(whole,
                [&](const HeldUnit& one) { return standing(one.package) == Standing::Unfinished; });
  let_go_and_start(whole, units, holds);
}

void let_configured_go(CallPorts& ports) {
  if (ports.units == nullptr || ports.holds == nullptr || ports.holds->all().empty()) return;
  const auto db = ports.db.read();
  if (!db) return;
  let_whole_go([&](const std::string& package) { return standing_in(*db, package); }, *ports.units,
               *ports.holds);
}

}  // namespace aptkeep
