// The end of holds: who they are of is whole.
#include <algorithm>

#include "engine/downtime.h"
#include "engine/services.h"

namespace aptkeep {

void let_go_and_start(const std::vector<HeldUnit>& held, Units& units, Holds& holds) {
  std::vector<std::string> names;
  std::vector<std::string> ran;
  for (const HeldUnit& one : held) {
    names.push_back(one.unit);
    if (one.ran) ran.push_back(one.unit);
  }
  if (names.empty()) return;
  for (const HeldUnit& one : held) {
    if (!one.parked || is_trigger(one.unit)) continue;
    // Where its sockets are to be up no more, it is to stay down.
    const bool listens = std::ranges::any_of(held, [&](const HeldUnit& other) {
      return other.parked && is_trigger(other.unit) && other.package == one.package && other.ran;
    });
    holds.unpark(one.unit, !one.ran && !listens);
  }
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
      const bool wanted = is_trigger(name) == triggers && is_down && !is_displaced(facts, all);
      if (wanted && units.may("start", name)) down.push_back(name);
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

void let_whole_parked_go(const std::function<Standing(const std::string&)>& standing, Units& units,
                         Holds& holds) {
  std::vector<HeldUnit> whole = holds.all();
  std::erase_if(whole, [&](const HeldUnit& one) {
    return !one.parked || standing(one.package) == Standing::Unfinished;
  });
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
