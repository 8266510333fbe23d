// Which class the services of a plan's packages have, and who says so.
#include <algorithm>
#include <iterator>
#include <optional>

#include "adapters/apt_cache.h"
#include "adapters/derived_services.h"
#include "adapters/dpkg_files.h"
#include "core/package_pattern.h"
#include "now.h"
#include "plan.h"

namespace aptkeep::cli {
namespace {

constexpr const char* kSystemctl = "/usr/bin/systemctl";

// Only asks; what acts is not for a plan.
class AskedUnits final : public Units {
 public:
  Result<std::vector<UnitFacts>> loaded() override { return Error{"unable to list units"}; }
  Result<std::map<std::string, UnitFacts>> ask(const std::vector<std::string>& names) override;
  Status act(const std::string&, const std::vector<std::string>&) override {
    return Error{"unable to change units"};
  }
  bool shuts_down() override { return false; }
  void pause(int) override {}
  std::string journal(const std::string&) override { return {}; }
};

Result<std::map<std::string, UnitFacts>> AskedUnits::ask(const std::vector<std::string>& names) {
  std::map<std::string, UnitFacts> facts;
  if (names.empty()) return facts;
  std::vector<std::string> command{kSystemctl,
                                   "show",
                                   "--no-pager",
                                   "--timestamp=unix",
                                   "--property=" + std::string(kUnitProperties),
                                   "--"};
  command.insert(command.end(), names.begin(), names.end());
  std::string text;
  for (const std::string& line : lines_of(command)) text += line + "\n";
  std::vector<UnitFacts> found = parse_show(text);
  if (found.size() != names.size()) return Error{"unable to ask systemd for units"};
  for (std::size_t i = 0; i < found.size(); ++i) facts.emplace(names[i], std::move(found[i]));
  return facts;
}

// Instances of templates, as systemd has them loaded.
std::vector<std::string> instances() {
  std::vector<std::string> names;
  for (const std::string& line : lines_of({kSystemctl, "list-units", "--all", "--full", "--plain",
                                           "--no-legend", "--no-pager", "*@*"})) {
    names.push_back(line.substr(0, line.find(' ')));
  }
  return names;
}

// Those of the packages' files, templates replaced by their instances.
std::vector<StepUnits> units_of(const std::vector<Step>& steps,
                                std::vector<std::string>& complaints) {
  std::vector<StepUnits> all;
  std::map<std::string, std::size_t> places;
  std::vector<std::string> packages;
  for (const Step& step : steps) {
    places.emplace(step.package, all.size());
    all.push_back({&step, {}});
    const bool both = !step.old_version.empty() && !step.new_version.empty();
    if (both) packages.push_back(step.package);
  }
  if (packages.empty()) return all;
  const auto files = read_dpkg_files(packages);
  if (!files) {
    complaints.push_back("unable to tell of services: " + files.error().message);
    return all;
  }
  std::optional<std::vector<std::string>> loaded;
  for (const PackageFiles& package : files->packages) {
    const auto place = places.find(package.package);
    if (place == places.end()) continue;
    std::vector<std::string>& units = all[place->second].units;
    for (const std::string& unit : units_of_paths(package.paths)) {
      if (unit.find("@.") == std::string::npos) {
        units.push_back(unit);
        continue;
      }
      if (!loaded) loaded = instances();
      std::copy_if(loaded->begin(), loaded->end(), std::back_inserter(units),
                   [&](const std::string& name) { return is_instance_or_same(name, unit); });
    }
  }
  return all;
}

// The rule that gives a unit its class; nullptr: none does.
const Rule* rule_about(const StepDecisions& decided, const std::string& unit) {
  if (!decided.service_class) return nullptr;
  const auto& entries = decided.services.entries;
  const bool meant =
      entries.empty() || std::any_of(entries.begin(), entries.end(), [&](const auto& entry) {
        return glob_matches(entry.value, unit);
      });
  return meant ? decided.service_class->by : nullptr;
}

void add_units(const StepUnits& step, const StepDecisions& decided, const DerivedClasses& derived,
               PlannedServices& planned) {
  for (const std::string& unit : step.units) {
    const auto found = derived.find(unit);
    if (found == derived.end()) continue;  // systemd does not have it
    if (const Rule* rule = rule_about(decided, unit)) {
      planned.units.push_back({unit, decided.service_class->value, rule, rule->reason});
    } else if (!unit.ends_with(".target") || found->second.value != ServiceClass::Stock) {
      planned.units.push_back({unit, found->second.value, nullptr, found->second.why});
    }
  }
}

}  // namespace

std::vector<PlannedServices> services_now(const std::vector<Step>& steps,
                                          const std::vector<StepDecisions>& decisions,
                                          const AptCache* cache,
                                          std::vector<std::string>& complaints) {
  std::vector<PlannedServices> planned(steps.size());
  std::vector<Step> with_archives = steps;
  for (Step& step : with_archives) {
    if (cache != nullptr) step.archive = cache->archive_of(step);
  }
  const std::vector<StepUnits> units = units_of(with_archives, complaints);
  // Where there is no systemd to ask, scripts alone say something.
  AskedUnits systemd;
  const auto facts = facts_around(units, systemd);
  const auto derived =
      derive_services(units, facts ? *facts : FactsOfUnits{}, compare_versions, complaints);
  for (std::size_t i = 0; i < steps.size(); ++i) {
    add_units(units[i], decisions[i], derived[i], planned[i]);
    const bool read = std::any_of(planned[i].units.begin(), planned[i].units.end(),
                                  [](const PlannedService& one) { return one.by == nullptr; });
    planned[i].installed_scripts = read && with_archives[i].archive.empty();
  }
  return planned;
}

}  // namespace aptkeep::cli
