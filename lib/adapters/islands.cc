#include "adapters/islands.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>

#include "adapters/derived_services.h"
#include "core/denied_units.h"
#include "core/drop_ins.h"
#include "core/island.h"
#include "core/parking.h"
#include "core/rule_text.h"
#include "core/unit.h"

namespace aptkeep {
namespace {

template <typename T>
std::vector<std::string> texts_of(const DecidedList<T>& list) {
  std::vector<std::string> texts;
  for (const auto& entry : list.entries) {
    if constexpr (std::is_same_v<T, std::string>) {
      texts.push_back(entry.value);
    } else {
      texts.push_back(to_string(entry.value));
    }
  }
  return texts;
}

bool has_commands(const Island& island) {
  return !(island.backup.empty() && island.before.empty() && island.after.empty());
}

// The first reason of these lists that is one, where there is none yet.
template <typename... Lists>
void explain_by(Island& island, const Lists&... lists) {
  const auto reason_of = [&](const auto& list) {
    if (island.why.empty() && !list.entries.empty()) island.why = list.entries.front().by->reason;
  };
  (reason_of(lists), ...);
}

Island commands_by_rules(const StepDecisions& said) {
  Island island;
  island.backup = texts_of(said.backup);
  island.before = texts_of(said.before);
  island.after = texts_of(said.after);
  return island;
}

// By rules; no `why`: they say nothing that would make it one.
Island island_by_rules(const StepDecisions& said, const std::vector<std::string>& its_units) {
  Island island = commands_by_rules(said);
  island.together = texts_of(said.together);
  const bool stops = said.service_class && said.service_class->value == ServiceClass::Stop;
  if (stops) {
    island.units = texts_of(said.services);
    if (island.units.empty()) island.units = its_units;
    island.checks = texts_of(said.check_config);
    island.why = said.service_class->by->reason;
  }
  explain_by(island, said.together, said.backup, said.before, said.after);
  return island;
}

// Whether anything of it is up, or would come up by itself.
class Running {
 public:
  Running(Units& units, std::set<std::string> left_down)
      : units_(units), loaded_(left_down), left_down_(std::move(left_down)) {}

  Status look(const std::vector<Island>& islands) {
    const auto loaded = units_.loaded();
    if (!loaded) return loaded.error();
    for (const UnitFacts& unit : *loaded) loaded_.insert(unit.name);
    std::set<std::string> names;
    for (const Island& island : islands) names.merge(names_of(island));
    auto found = units_.ask({names.begin(), names.end()});
    if (!found) return found.error();
    facts_ = std::move(*found);
    std::set<std::string> triggers;
    for (const auto& [name, facts] : facts_)
      triggers.insert(facts.triggered_by.begin(), facts.triggered_by.end());
    auto theirs = units_.ask({triggers.begin(), triggers.end()});
    if (!theirs) return theirs.error();
    facts_.merge(*theirs);
    for (auto& [name, facts] : facts_) {
      if (left_down_.contains(name)) facts.active_state = "active";
    }
    return success();
  }

  bool any(const Island& island) const {
    return std::ranges::any_of(with_triggers(names_of(island)),
                               [&](const std::string& name) { return is_up(name); }) ||
           std::ranges::any_of(names_of(island), [&](const std::string& name) {
             const auto found = facts_.find(name);
             return found != facts_.end() && is_wanted(found->second);
           });
  }

  // With what starts it: sockets, paths, timers.
  StoppedUnits stopped(const Island& island, bool asks_policy) const {
    StoppedUnits its;
    std::set<std::string> names = names_of(island);
    const auto may = [this](const std::string& verb, const std::string& name) {
      return units_.may(verb, name);
    };
    if (asks_policy) its.goes_on = take_out_denied(names, facts_, may);
    const std::set<std::string> all = with_triggers(names);
    std::ranges::copy_if(island.parked, std::back_inserter(its.parked),
                         [&](const std::string& name) { return all.contains(name); });
    std::ranges::copy_if(all, std::back_inserter(its.down), [&](const std::string& name) {
      return is_up(name) && std::ranges::count(island.parked, name) == 0;
    });
    return its;
  }

  // Sockets that listen on while the island's services are down. `meant`: patterns of services that
  // the rule is about; none: all. What is not parked is told, and why.
  void park(Island& island, const std::vector<std::string>& meant, const std::string& package,
            std::vector<std::string>& complaints) const {
    const auto is_meant = [&](const std::string& name) {
      return meant.empty() || std::ranges::any_of(meant, [&](const std::string& pattern) {
               return is_unit_of(name, pattern);
             });
    };
    for (const std::string& name : units_meant(island.units, loaded_)) {
      const auto found = facts_.find(name);
      if (!name.ends_with(".service") || found == facts_.end() || !is_meant(name)) continue;
      const auto sockets = sockets_of(found->second, facts_);
      if (sockets.empty()) continue;
      const std::string why = why_not_parked(found->second, facts_);
      if (why.empty()) {
        island.parked.insert(island.parked.end(), sockets.begin(), sockets.end());
      } else {
        complaints.push_back(name + " of " + package +
                             " is stopped with its sockets, and not parked: " + why);
      }
    }
  }

  // Units whose holds do nothing, since somebody has taken their condition away.
  void tell_loose(const Island& island, std::vector<std::string>& complaints) const {
    for (const std::string& name : with_triggers(names_of(island))) {
      const auto found = facts_.find(name);
      if (found == facts_.end() || found->second.unheld_by.empty()) continue;
      const bool none = found->second.unheld_by == kNoDropIn;
      complaints.push_back(
          "a hold alone would not keep " + name +
          " from being started while it is replaced, since " +
          (none ? "there is no drop-in of aptkeep's for it"
                : found->second.unheld_by + " empties all conditions, aptkeep's too") +
          ": the run brings it back in /run/systemd/system/" + name + ".d/" + kOwnDropIn);
    }
  }

 private:
  std::set<std::string> names_of(const Island& island) const {
    std::vector<std::string> patterns = island.units;
    patterns.insert(patterns.end(), island.together.begin(), island.together.end());
    return units_meant(patterns, loaded_);
  }

  std::set<std::string> with_triggers(std::set<std::string> names) const {
    names.merge(triggers_of(names, facts_));
    return names;
  }

  bool is_up(const std::string& name) const {
    const auto found = facts_.find(name);
    return found != facts_.end() && found->second.is_up();
  }

  Units& units_;
  std::set<std::string> loaded_;
  std::set<std::string> left_down_;
  std::map<std::string, UnitFacts> facts_;
};

// What no rule gives a class: by the packages' own scripts.
void derive(const std::vector<StepDecisions>& decisions, const IslandsPorts& ports,
            const std::vector<Step>& steps, std::vector<Island>& islands,
            std::vector<std::string>& complaints) {
  std::vector<StepUnits> asked;
  std::vector<std::size_t> of;  // islands
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const auto its = ports.files.find(steps[i].package);
    // Where only its sockets are to be parked, its own scripts say whether it goes down.
    const bool parks = decisions[i].sockets && decisions[i].sockets->value == SocketMode::Park;
    const bool ruled = decisions[i].service_class || (decisions[i].sockets && !parks);
    if (ruled || !is_replaced(steps[i]) || its == ports.files.end()) continue;
    asked.push_back({&steps[i], its->second});
    of.push_back(i);
  }
  if (asked.empty()) return;
  const auto now = facts_around(asked, ports.units);
  if (!now) {
    complaints.push_back(now.error().message);
    return;
  }
  const auto derived = derive_services(asked, *now, ports.compare, complaints);
  for (std::size_t i = 0; i < derived.size(); ++i) {
    Island& island = islands[of[i]];
    for (const auto& [unit, its] : derived[i]) {
      if (its.value != ServiceClass::Stop) continue;
      island.units.push_back(unit);
      if (island.why.empty() || !is_trigger(unit)) island.why = its.why;
    }
  }
}

}  // namespace

std::vector<std::string> replaced_packages(const std::vector<Step>& steps) {
  std::vector<std::string> packages;
  for (const Step& step : steps) {
    if (is_replaced(step)) packages.push_back(step.package);
  }
  return packages;
}

std::vector<StoppedUnits> mark_islands(const std::vector<StepDecisions>& decisions,
                                       const IslandsPorts& ports, std::vector<Step>& steps,
                                       std::vector<std::string>& complaints) {
  std::vector<StoppedUnits> stopped(steps.size());
  std::vector<Island> all(steps.size());
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const auto its = ports.files.find(steps[i].package);
    if (is_replaced(steps[i])) {
      all[i] = island_by_rules(decisions[i],
                               its == ports.files.end() ? std::vector<std::string>{} : its->second);
    }
  }
  derive(decisions, ports, steps, all, complaints);
  std::vector<std::uint32_t> candidates;
  std::vector<Island> islands;
  for (std::uint32_t i = 0; i < steps.size(); ++i) {
    std::erase(all[i].units, ports.own_unit);
    if (all[i].why.empty()) continue;
    candidates.push_back(i);
    islands.push_back(std::move(all[i]));
  }
  if (candidates.empty()) return stopped;
  Running running(ports.units, ports.left_down);
  if (const Status looked = running.look(islands); !looked) {
    complaints.push_back(looked.error().message);
    mark_commands(decisions, steps);
    return stopped;
  }
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    Island& island = islands[i];
    // What is to be done for the data is done though nothing runs.
    if (!has_commands(island) && !running.any(island)) continue;
    const StepDecisions& said = decisions[candidates[i]];
    if (said.sockets && said.sockets->value == SocketMode::Park)
      running.park(island, texts_of(said.services), steps[candidates[i]].package, complaints);
    running.tell_loose(island, complaints);
    stopped[candidates[i]] = running.stopped(island, ports.asks_policy);
    steps[candidates[i]].island = island;
  }
  return stopped;
}

void mark_commands(const std::vector<StepDecisions>& decisions, std::vector<Step>& steps) {
  for (std::size_t i = 0; i < steps.size(); ++i) {
    Island island = commands_by_rules(decisions[i]);
    explain_by(island, decisions[i].backup, decisions[i].before, decisions[i].after);
    if (has_commands(island)) steps[i].island = std::move(island);
  }
}

}  // namespace aptkeep
