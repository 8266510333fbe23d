// What is recorded of units when a run begins.
#include <fnmatch.h>

#include <algorithm>
#include <set>

#include "engine/services.h"
#include "engine/together.h"

namespace aptkeep {
namespace {

using FactsByName = std::map<std::string, UnitFacts>;

std::vector<std::string> packages_of(const std::vector<Step>& steps) {
  std::vector<std::string> packages;
  for (const Step& step : steps) {
    if (!step.old_version.empty()) packages.push_back(step.package);
  }
  return packages;
}

// "foo.service" -> the package that has it, for all units that systemd has loaded.
std::map<std::string, std::string> owners_of(const std::vector<UnitFacts>& loaded,
                                             const UnitsOfPackages& files) {
  std::map<std::string, std::string> exact;
  std::vector<std::pair<std::string, std::string>> templates;
  for (const auto& [package, units] : files) {
    for (const std::string& unit : units) {
      if (unit.find("@.") == std::string::npos) {
        exact.emplace(unit, package);
      } else {
        templates.emplace_back(unit, package);
      }
    }
  }
  std::map<std::string, std::string> owners;
  for (const UnitFacts& unit : loaded) {
    if (const auto found = exact.find(unit.name); found != exact.end()) {
      owners.emplace(unit.name, found->second);
      continue;
    }
    for (const auto& [file, package] : templates) {
      if (is_instance_or_same(unit.name, file)) owners.emplace(unit.name, package);
    }
  }
  return owners;
}

// A target that half of the system is a part of is not followed.
void add_name(const std::string& name, const FactsByName& known, std::set<std::string>& names) {
  if (known.contains(name) || !is_service_or_trigger(name)) return;
  names.insert(name);
}

// What triggers them and what goes down with them, or takes them down.
std::set<std::string> neighbours_of(const FactsByName& asked) {
  std::set<std::string> names;
  for (const auto& [name, facts] : asked) {
    for (const auto* related : {&facts.triggered_by, &facts.triggers, &facts.related}) {
      for (const std::string& other : *related) add_name(other, asked, names);
    }
  }
  return names;
}

// What goes down with one: of what is related, that which it does not hang on itself. A name may be
// in both, and is there twice then.
std::vector<std::string> goes_down_with(const UnitFacts& unit) {
  std::vector<std::string> names = unit.related;
  for (const std::string& above : unit.goes_with) {
    const auto found = std::ranges::find(names, above);
    if (found != names.end()) names.erase(found);
  }
  return names;
}

// The neighbours, and what goes down with what goes down, however far that reaches.
Result<FactsByName> ask_around(const FactsByName& own, Units& units) {
  FactsByName all = own;
  std::set<std::string> next = neighbours_of(own);
  while (!next.empty()) {
    const auto found = units.ask({next.begin(), next.end()});
    if (!found) return found.error();
    all.insert(found->begin(), found->end());
    next.clear();
    for (const auto& [name, facts] : *found) {
      if (!facts.is_up()) continue;
      for (const std::string& other : goes_down_with(facts)) add_name(other, all, next);
    }
  }
  for (const auto& [name, facts] : own) all.erase(name);
  return all;
}

bool matches(const std::vector<std::string>& patterns, const std::string& unit) {
  return std::ranges::any_of(patterns, [&](const std::string& pattern) {
    return ::fnmatch(pattern.c_str(), unit.c_str(), FNM_NOESCAPE) == 0;
  });
}

void add_rules(const ServiceChecks& rules, const UnitFacts& unit, UnitRecord& record) {
  if (matches(rules.never, unit.name) && unit.is_up()) {
    record.never_since = unit.start_mark;
    record.idle = rules.idle;
  }
  if (!unit.name.ends_with(".service")) return;
  record.checks = rules.config;
  record.probes = rules.probes;
  record.reload = matches(rules.reload, unit.name);
}

}  // namespace

Status note_units(std::int64_t run, const std::vector<Step>& steps, ServicePorts& ports,
                  const ChecksOfPackages& checks) {
  const auto files = ports.units_of(packages_of(steps));
  if (!files) return files.error();
  const auto named = [](const Step& step) { return step.island && !step.island->together.empty(); };
  if (files->empty() && std::ranges::none_of(steps, named)) return success();
  const auto loaded = ports.units.loaded();
  if (!loaded) return loaded.error();
  const auto owners = owners_of(*loaded, *files);
  const auto together = units_in_together(steps, *loaded);
  if (owners.empty() && together.empty()) return success();
  std::set<std::string> names = together;
  for (const auto& [name, package] : owners) names.insert(name);
  const auto own = ports.units.ask({names.begin(), names.end()});
  if (!own) return own.error();
  const auto others = ask_around(*own, ports.units);
  if (!others) return others.error();
  std::vector<UnitRecord> records;
  for (const auto* facts : {&*own, &*others}) {
    for (const auto& [name, unit] : *facts) {
      const auto owner = owners.find(name);
      const bool is_to_run = together.contains(name) ? is_wanted(unit) : unit.is_up();
      if (owner == owners.end() && !is_to_run) continue;
      records.push_back({name, owner == owners.end() ? "" : owner->second, state_text(unit),
                         is_wanted(unit), "", ""});
      records.back().file_state = unit.file_state;
      const auto its = checks.find(records.back().package);
      if (its != checks.end()) add_rules(its->second, unit, records.back());
    }
  }
  return ports.store.note_units(run, records);
}

}  // namespace aptkeep
