#include "adapters/derived_services.h"

#include <set>
#include <utility>

#include "adapters/maintainer_scripts.h"

namespace aptkeep {
namespace {

bool is_template(const std::string& unit) {
  return unit.find("@.") != std::string::npos;
}

// Kinds that an upgrade stops.
bool counts(const std::string& unit) {
  return !is_template(unit) && is_service_or_trigger(unit);
}

Result<DerivedClasses> derive_one(const StepUnits& one, const FactsOfUnits& now,
                                  const CompareVersions& compare) {
  DerivedClasses derived;
  const Step& step = *one.step;
  if (step.old_version.empty() || step.new_version.empty() || one.units.empty()) return derived;
  auto scripts = scripts_of(step.archive, step.package);
  if (!scripts) return scripts.error();
  scripts->old_version = step.old_version;
  scripts->new_version = step.new_version;
  scripts->compare = compare;
  const auto actions = read_scripts(*scripts);
  for (const std::string& unit : one.units) {
    const auto found = now.find(unit);
    const UnitFacts facts = found == now.end() ? UnitFacts{} : found->second;
    if (auto its = derive_class(unit, facts, now, actions)) derived.emplace(unit, std::move(*its));
  }
  return derived;
}

}  // namespace

Result<FactsOfUnits> facts_around(const std::vector<StepUnits>& steps, Units& units) {
  std::set<std::string> names;
  for (const StepUnits& one : steps) {
    for (const std::string& unit : one.units) {
      if (!is_template(unit)) names.insert(unit);
    }
  }
  auto facts = units.ask({names.begin(), names.end()});
  if (!facts) return facts.error();
  std::set<std::string> around;
  for (const auto& [name, unit] : *facts) {
    for (const auto* others : {&unit.triggered_by, &unit.triggers, &unit.goes_with}) {
      for (const std::string& other : *others) {
        if (counts(other) && !facts->contains(other)) around.insert(other);
      }
    }
  }
  auto others = units.ask({around.begin(), around.end()});
  if (!others) return others.error();
  facts->merge(*others);
  return facts;
}

std::vector<DerivedClasses> derive_services(const std::vector<StepUnits>& steps,
                                            const FactsOfUnits& now, const CompareVersions& compare,
                                            std::vector<std::string>& complaints) {
  std::vector<DerivedClasses> all;
  for (const StepUnits& one : steps) {
    auto derived = derive_one(one, now, compare);
    if (!derived) complaints.push_back(derived.error().message);
    all.push_back(derived ? std::move(*derived) : DerivedClasses{});
  }
  return all;
}

Result<DerivedClasses> derive_services(const Step& step, const std::vector<std::string>& its_units,
                                       Units& units, const CompareVersions& compare) {
  const StepUnits one{&step, its_units};
  const auto now = facts_around({one}, units);
  if (!now) return now.error();
  return derive_one(one, *now, compare);
}

}  // namespace aptkeep
