#include "engine/together.h"

#include <algorithm>

#include "core/island.h"

namespace aptkeep {
namespace {

using FactsByName = std::map<std::string, UnitFacts>;
using StandingOf = std::function<Standing(const std::string&)>;

// What stays down because a package is not configured. A mask, say, keeps down nothing else.
bool keeps_down(std::string_view trouble) {
  return trouble.starts_with(kStaysDown) || trouble == kNotConfigured;
}

// What of `down` a start of it would start as well, or what it was stopped with; empty: nothing.
std::string hangs_on(const UnitFacts& unit, const std::set<std::string>& down) {
  for (const auto* names : {&unit.goes_with, &unit.triggers}) {
    const auto found =
        std::ranges::find_if(*names, [&](const std::string& name) { return down.contains(name); });
    if (found != names->end()) return *found;
  }
  return {};
}

bool is_down(const FactsByName& now, const std::string& unit) {
  const auto found = now.find(unit);
  return found != now.end() && !found->second.is_up();
}

// Of a run's units that were left down, those that nothing keeps down any more.
Result<std::vector<UnitRecord>> free_by_now(std::int64_t run, const std::vector<UnitRecord>& left,
                                            const StandingOf& standing, ServicePorts& ports) {
  std::vector<std::string> names;
  for (const UnitRecord& unit : left) names.push_back(unit.name);
  const auto now = ports.units.ask(names);
  if (!now) return now.error();
  const Together together(run, ports);
  std::set<std::string> down;
  std::vector<UnitRecord> hanging;
  std::vector<UnitRecord> free;
  for (const UnitRecord& unit : left) {
    const bool goes_with = unit.trouble.starts_with(kGoesWith);
    if (unit.trouble.starts_with(kHangsOn)) {
      hanging.push_back(unit);
    } else if ((goes_with &&
                together.unfinished_with(unit.name, now->at(unit.name), standing).empty()) ||
               (unit.trouble == kNotConfigured && standing(unit.package) != Standing::Unfinished)) {
      free.push_back(unit);
    } else if (is_down(*now, unit.name)) {
      down.insert(unit.name);
    }
  }
  // However long the chain is: what is left hangs on something that stays down.
  for (std::size_t before = 0; before != down.size();) {
    before = down.size();
    for (const UnitRecord& unit : hanging) {
      if (!hangs_on(now->at(unit.name), down).empty()) down.insert(unit.name);
    }
  }
  for (const UnitRecord& unit : hanging) {
    if (!down.contains(unit.name)) free.push_back(unit);
  }
  std::erase_if(free,
                [&](const UnitRecord& unit) { return is_wanted_down(unit, now->at(unit.name)); });
  return free;
}

}  // namespace

std::set<std::string> units_in_together(const std::vector<Step>& steps,
                                        const std::vector<UnitFacts>& loaded) {
  std::set<std::string> names;
  for (const UnitFacts& unit : loaded) names.insert(unit.name);
  std::set<std::string> meant;
  for (const Step& step : steps) {
    if (step.island) meant.merge(units_meant(step.island->together, names));
  }
  return meant;
}

Together::Together(std::int64_t run, ServicePorts& ports) {
  const auto plans = ports.store.plans(run);
  if (!plans) ports.say(plans.error().message);
  if (!plans) return;
  for (const std::int64_t id : *plans) {
    const auto plan = ports.store.plan(id);
    if (!plan) ports.say(plan.error().message);
    if (!plan || !*plan) continue;
    for (const Step& step : (*plan)->plan.steps) {
      if (step.island && !step.island->together.empty())
        islands_.emplace_back(step.package, step.island->together);
    }
  }
}

std::string Together::unfinished_with(const std::string& unit, const UnitFacts& facts,
                                      const StandingOf& standing) const {
  const auto fits = [&](const std::string& pattern) {
    return is_unit_of(unit, pattern) ||
           std::ranges::any_of(facts.triggers, [&](const std::string& triggered) {
             return is_unit_of(triggered, pattern);
           });
  };
  for (const auto& [package, patterns] : islands_) {
    if (std::ranges::any_of(patterns, fits) && standing(package) == Standing::Unfinished)
      return package.substr(0, package.find(':'));
  }
  return {};
}

void Together::leave_out(std::vector<UnitDecision>& decisions, const FactsByName& now,
                         const StandingOf& standing) const {
  std::set<std::string> down;
  for (UnitDecision& decision : decisions) {
    if (decision.wish == UnitWish::Start) {
      const std::string with = unfinished_with(decision.unit, now.at(decision.unit), standing);
      if (!with.empty()) {
        decision.wish = UnitWish::Tell;
        decision.reason = std::string(kGoesWith) + with + ", which is not configured";
      }
    }
    if (decision.wish == UnitWish::Tell && keeps_down(decision.reason)) down.insert(decision.unit);
  }
  for (std::size_t before = 0; before != down.size();) {
    before = down.size();
    for (UnitDecision& decision : decisions) {
      if (decision.wish != UnitWish::Start) continue;
      const std::string on = hangs_on(now.at(decision.unit), down);
      if (on.empty()) continue;
      decision.wish = UnitWish::Tell;
      decision.reason = std::string(kHangsOn) + on + ", which stays down";
      down.insert(decision.unit);
    }
  }
}

Status take_over_left_down(std::int64_t run, std::vector<UnitRecord>& records,
                           const StandingOf& standing, ServicePorts& ports) {
  const auto earlier = ports.store.units_left_down(run);
  if (!earlier) return earlier.error();
  std::vector<UnitRecord> taken;
  for (const auto& [of, left] : *earlier) {
    const auto free = free_by_now(of, left, standing, ports);
    if (!free) return free.error();
    for (UnitRecord unit : *free) {
      unit.trouble = unit.journal = "";
      auto known = std::ranges::find(records, unit.name, &UnitRecord::name);
      if (known == records.end()) known = records.insert(known, unit);
      UnitRecord& record = *known;
      record.wanted = true;
      record.state = unit.state;
      taken.push_back(record);
    }
  }
  if (taken.empty()) return success();
  if (const Status noted = ports.store.note_units(run, taken); !noted) return noted;
  return ports.store.set_units(run, taken);
}

}  // namespace aptkeep
