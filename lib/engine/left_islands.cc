#include "engine/left_islands.h"

#include <algorithm>
#include <map>

#include "core/island.h"
#include "engine/downtime.h"
#include "engine/session.h"
#include "engine/stay_down.h"
#include "engine/together.h"
#include "state/left_down.h"

namespace aptkeep {
namespace {

struct Held {
  std::vector<HeldUnit> own;
  std::vector<HeldUnit> others;  // what is in Together, with its triggers
};

bool is_whole(const Step& step, const DbSnapshot& db) {
  return at_new_side(step, db) && standing_in(db, step.package) != Standing::Unfinished;
}

bool is_left_unconfigured(const Step& step, const DbSnapshot& db) {
  return has_untried_end(step) && at_new_side(step, db) && !is_whole(step, db);
}

Held held_for(const Step& step, const LeftPorts& ports) {
  Held held;
  if (ports.units == nullptr || ports.holds == nullptr) return held;
  std::vector<std::string> triggers;  // of what is in Together
  const auto all = ports.holds->all();
  const auto goes_with = [&](const HeldUnit& one) {
    return std::ranges::any_of(step.island->together, [&](const std::string& pattern) {
      return one.unit == pattern || is_unit_of(one.unit, pattern);
    });
  };
  std::vector<std::string> names;
  for (const HeldUnit& one : all) {
    if (one.package == step.package && goes_with(one)) names.push_back(one.unit);
  }
  if (const auto facts = ports.units->ask(names); facts) {
    for (const auto& [name, unit] : *facts)
      triggers.insert(triggers.end(), unit.triggered_by.begin(), unit.triggered_by.end());
  }
  for (const HeldUnit& one : all) {
    if (one.package != step.package) continue;
    const bool other = goes_with(one) || std::ranges::count(triggers, one.unit) > 0;
    (other ? held.others : held.own).push_back(one);
  }
  return held;
}

// Of a step's island what its run has left down since the package was not configured, and nobody
// wants to be down.
std::vector<std::string> left_down_of(const LeftIsland& left, const LeftPorts& ports) {
  const auto known = ports.store.units(left.run);
  if (!known) {
    ports.say(known.error().message);
    return {};
  }
  std::map<std::string, UnitRecord> records;
  std::vector<std::string> names;
  for (const UnitRecord& unit : *known) {
    if (!unit.wanted || !is_down_because_of(unit, left.step.package)) continue;
    names.push_back(unit.name);
    records.emplace(unit.name, unit);
  }
  const auto now = ports.units->ask(names);
  if (!now) {
    ports.say(now.error().message);
    return {};
  }
  std::erase_if(names, [&](const std::string& name) {
    const UnitFacts& unit = now->at(name);
    return unit.is_up() || is_wanted_down(records.at(name), unit);
  });
  return names;
}

// Lets them go, and starts them only where nothing is in the way.
void let_go(std::vector<HeldUnit> held, const LeftIsland& left, bool own, const Staying& why,
            const LeftPorts& ports) {
  if (held.empty()) return;
  if (why.trouble.empty()) return let_go_and_start(held, *ports.units, *ports.holds);
  std::vector<std::string> ran;
  for (HeldUnit& one : held) {
    if (one.ran && one.unit.find("@.") == std::string::npos) ran.push_back(one.unit);
    one.ran = false;
  }
  let_go_and_start(held, *ports.units, *ports.holds);
  const auto now = ports.units->ask(ran);
  if (!now) return ports.say(now.error().message);
  std::vector<UnitFacts> facts;
  for (const auto& [name, unit] : *now) facts.push_back(unit);
  const Status noted =
      record_staying(ports.store, left.run, own ? left.step.package : "", facts, why);
  if (!noted) ports.say(noted.error().message);
}

// What goes with another package of that run, too, which is not configured, waits for that one.
void wait_for_others(std::vector<HeldUnit>& held, const LeftIsland& left, const DbSnapshot& db,
                     const LeftPorts& ports) {
  if (held.empty()) return;
  std::vector<std::string> names;
  for (const HeldUnit& one : held) names.push_back(one.unit);
  const auto now = ports.units->ask(names);
  if (!now) return ports.say(now.error().message);
  ServicePorts services{*ports.units, ports.store, ports.say, {}};
  const Together together(left.run, services);
  std::map<std::string, std::vector<HeldUnit>> waiting;  // by package
  std::erase_if(held, [&](const HeldUnit& one) {
    const auto standing = [&](const std::string& package) { return standing_in(db, package); };
    const std::string with = together.unfinished_with(one.unit, now->at(one.unit), standing);
    if (!with.empty()) waiting[with].push_back(one);
    return !with.empty();
  });
  for (auto& [with, units] : waiting) {
    const Staying why{std::string(kGoesWith) + with + ", which is not configured", {}};
    let_go(std::move(units), left, false, why, ports);
  }
}

void end_island(const LeftIsland& left, const DbSnapshot& db, const LeftPorts& ports) {
  const Island& island = *left.step.island;
  const std::string name = left.step.package.substr(0, left.step.package.find(':'));
  const Staying cut_off = not_ended(name, "that was cut off");
  const auto first = ports.store.claim_afterwards(left.plan, left.index, afterwards_of(cut_off));
  if (!first) ports.say(first.error().message);
  if (first && !*first) return;  // the guardian of a run that has just ended, say
  Held held = held_for(left.step, ports);
  wait_for_others(held.others, left, db, ports);
  Staying why = staying_for(left.step, name, ports.failure_of, island.checks, true);
  let_go(held.own, left, true, why, ports);
  if (why.trouble.empty())
    why = staying_for(left.step, name, ports.failure_of, island.after, false);
  let_go(held.others, left, false, why, ports);
  const std::string ended = afterwards_of(why);
  if (!why.trouble.empty()) ports.say(ended);
  const Status noted = ports.store.set_afterwards(left.plan, left.index, ended);
  if (!noted) ports.say(noted.error().message);
}

}  // namespace

void hold_left_islands(DpkgDatabase& database, const LeftPorts& ports,
                       const std::function<bool(const std::string&)>& configured) {
  if (!ports.failure_of || ports.units == nullptr || ports.holds == nullptr) return;
  const auto left = ports.store.left_islands();
  if (!left) return ports.say(left.error().message);
  if (left->empty()) return;
  const auto db = database.read();
  if (!db) return ports.say(db.error().message);
  std::vector<HeldUnit> held;
  for (const LeftIsland& one : *left) {
    if (!is_left_unconfigured(one.step, *db) || !configured(one.step.package)) continue;
    for (std::string& name : left_down_of(one, ports))
      held.push_back({std::move(name), one.step.package, true, true, false});
  }
  if (held.empty()) return;
  if (const Status put = ports.holds->put(held); !put) ports.say(put.error().message);
}

void end_left_islands(DpkgDatabase& database, const LeftPorts& ports) {
  if (!ports.failure_of) return;
  const auto left = ports.store.left_islands();
  if (!left) return ports.say(left.error().message);
  if (left->empty()) return;
  const auto db = database.read();
  if (!db) return ports.say(db.error().message);
  for (const LeftIsland& one : *left) {
    if (has_untried_end(one.step) && is_whole(one.step, *db)) end_island(one, *db, ports);
  }
}

Result<std::set<std::string>> left_unconfigured(Store& store, const DbSnapshot& db) {
  const auto left = store.left_islands();
  if (!left) return left.error();
  std::set<std::string> packages;
  for (const LeftIsland& one : *left) {
    if (has_untried_end(one.step) && at_new_side(one.step, db)) packages.insert(one.step.package);
  }
  return packages;
}

Result<std::vector<LeftIsland>> not_done_after(Store& store, const DbSnapshot& db) {
  auto left = store.left_islands();
  if (!left) return left;
  std::erase_if(*left, [&](const LeftIsland& one) {
    return trouble_after(one.step).empty() || !is_whole(one.step, db);
  });
  return left;
}

}  // namespace aptkeep
