// Which class the services of a plan's packages have, and who says so.
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <set>
#include <sstream>

#include "adapters/admins_policy.h"
#include "adapters/apt_cache.h"
#include "adapters/derived_services.h"
#include "adapters/dpkg_files.h"
#include "adapters/drop_ins.h"
#include "adapters/islands.h"
#include "adapters/service_manager.h"
#include "core/package_pattern.h"
#include "core/parking.h"
#include "now.h"
#include "plan.h"

namespace aptkeep::cli {
namespace {

// Only asks; what acts is not for a plan.
class AskedUnits final : public Units {
 public:
  Result<std::vector<UnitFacts>> loaded() override;
  Result<std::map<std::string, UnitFacts>> ask(const std::vector<std::string>& names) override;
  Status act(const std::string&, const std::vector<std::string>&) override {
    return Error{"unable to change units"};
  }
  bool may(const std::string& verb, const std::string& name) override;
  bool shuts_down() override { return false; }
  void pause(int) override {}
  std::string journal(const std::string&) override { return {}; }
  // Whether root may get another answer than may() has given.
  bool is_unsure() const { return unsure_; }

 private:
  bool unsure_ = false;
};

// As the run asks. What this user cannot learn is taken for allowed, and told.
bool AskedUnits::may(const std::string& verb, const std::string& name) {
  const PolicyAnswer answer = ask_policy(verb, name);
  unsure_ = unsure_ || (answer == PolicyAnswer::Unsure && ::geteuid() != 0);
  return answer != PolicyAnswer::Denies;
}

Result<std::map<std::string, UnitFacts>> AskedUnits::ask(const std::vector<std::string>& names) {
  std::map<std::string, UnitFacts> facts;
  if (names.empty()) return facts;
  std::vector<UnitFacts> found = units_shown(names);
  if (found.empty()) return Error{"unable to ask systemd for units"};
  for (std::size_t i = 0; i < found.size(); ++i) facts.emplace(names[i], std::move(found[i]));
  judge_drop_ins(facts);
  return facts;
}

Result<std::vector<UnitFacts>> AskedUnits::loaded() {
  std::vector<UnitFacts> units;
  for (const std::string& line : lines_of(
           {kSystemctl, "list-units", "--all", "--full", "--plain", "--no-legend", "--no-pager"})) {
    UnitFacts& unit = units.emplace_back();
    std::istringstream words(line);
    words >> unit.name >> unit.load_state >> unit.active_state >> unit.sub_state;
  }
  if (units.empty()) return Error{"unable to ask systemd which units it has"};
  return units;
}

// Of the packages' files, "foo@.service" among them.
UnitsOfPackages units_of_files(const std::vector<Step>& steps,
                               std::vector<std::string>& complaints) {
  UnitsOfPackages units;
  const auto packages = replaced_packages(steps);
  if (packages.empty()) return units;
  const auto files = read_dpkg_files(packages);
  if (!files) {
    complaints.push_back("unable to tell of services: " + files.error().message);
    return units;
  }
  for (const PackageFiles& package : files->packages) {
    auto names = units_of_paths(package.paths);
    if (!names.empty()) units.emplace(package.package, std::move(names));
  }
  return units;
}

// The same for each step, templates replaced by their instances.
std::vector<StepUnits> units_of(const std::vector<Step>& steps, const UnitsOfPackages& files,
                                Units& systemd) {
  std::vector<StepUnits> all;
  std::optional<std::vector<UnitFacts>> loaded;
  for (const Step& step : steps) {
    StepUnits& one = all.emplace_back(StepUnits{&step, {}});
    const auto its = files.find(step.package);
    if (its == files.end()) continue;
    for (const std::string& unit : its->second) {
      if (unit.find("@.") == std::string::npos) {
        one.units.push_back(unit);
        continue;
      }
      if (!loaded) {
        auto found = systemd.loaded();
        loaded = found ? std::move(*found) : std::vector<UnitFacts>{};
      }
      for (const UnitFacts& instance : *loaded) {
        if (is_instance_or_same(instance.name, unit)) one.units.push_back(instance.name);
      }
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

// What the end of the run would restart is not waited for where others of the run depend on it
// (policy/consider.cc).
void mark_needed(const std::string& package, PlannedServices& planned) {
  for (PlannedService& one : planned.units) {
    if (one.service_class != ServiceClass::End) continue;
    one = {one.unit, ServiceClass::Early, nullptr,
           "other packages of this upgrade depend on " + package};
  }
}

}  // namespace

bool PlannedServices::is_denied(const PlannedService& one) const {
  return one.service_class == ServiceClass::Stop &&
         std::find(goes_on.begin(), goes_on.end(), one.unit) != goes_on.end();
}

std::vector<std::string> unparkable_here(const std::vector<std::string>& services) {
  std::vector<std::string> names;
  std::copy_if(
      services.begin(), services.end(), std::back_inserter(names), [](const std::string& name) {
        return name.find_first_of("*?[@") == std::string::npos && name.ends_with(".service");
      });
  std::vector<std::string> faults;
  AskedUnits systemd;
  auto facts = has_service_manager() ? systemd.ask(names) : Result<FactsOfUnits>(FactsOfUnits{});
  if (!facts) return faults;
  std::vector<std::string> triggers;
  for (const auto& [name, its] : *facts)
    triggers.insert(triggers.end(), its.triggered_by.begin(), its.triggered_by.end());
  auto theirs = systemd.ask(triggers);
  if (theirs) facts->merge(*theirs);
  for (const std::string& name : names) {
    const auto found = facts->find(name);
    if (found == facts->end() || sockets_of(found->second, *facts).empty()) continue;
    const std::string why = why_not_parked(found->second, *facts);
    if (!why.empty())
      faults.push_back(name + " is stopped with its sockets, and not parked: " + why);
  }
  return faults;
}

std::vector<PlannedServices> services_now(std::vector<Step>& steps,
                                          const std::vector<StepDecisions>& decisions,
                                          const AptCache* cache,
                                          std::vector<std::string>& complaints) {
  std::vector<PlannedServices> planned(steps.size());
  std::vector<Step> with_archives = steps;
  for (Step& step : with_archives) {
    if (cache != nullptr) step.archive = cache->archive_of(step);
  }
  AskedUnits systemd;
  const UnitsOfPackages files = units_of_files(with_archives, complaints);
  const std::vector<StepUnits> units = units_of(with_archives, files, systemd);
  // Where there is no systemd to ask, scripts alone say something.
  const auto facts = facts_around(units, systemd);
  const auto derived =
      derive_services(units, facts ? *facts : FactsOfUnits{}, compare_versions, complaints);
  const auto needed =
      cache != nullptr ? cache->needed_within(with_archives) : std::set<std::string>{};
  for (std::size_t i = 0; i < steps.size(); ++i) {
    add_units(units[i], decisions[i], derived[i], planned[i]);
    if (needed.contains(steps[i].package)) mark_needed(steps[i].package, planned[i]);
    const bool read = std::any_of(planned[i].units.begin(), planned[i].units.end(),
                                  [](const PlannedService& one) { return one.by == nullptr; });
    planned[i].installed_scripts = read && with_archives[i].archive.empty();
  }
  std::vector<std::string> again;  // what scripts say is told above
  std::vector<StoppedUnits> stopped(steps.size());
  if (has_service_manager()) {
    stopped = mark_islands(decisions, {systemd, files, compare_versions, own_unit(), true},
                           with_archives, again);
  } else {
    mark_commands(decisions, with_archives);
  }
  for (std::size_t i = 0; i < steps.size(); ++i) {
    steps[i].island = with_archives[i].island;
    planned[i].down = std::move(stopped[i].down);
    planned[i].parked = std::move(stopped[i].parked);
    planned[i].goes_on = std::move(stopped[i].goes_on);
  }
  if (systemd.is_unsure()) {
    again.emplace_back(
        "unable to tell which services /usr/sbin/policy-rc.d lets be stopped and started: only "
        "root may know");
  }
  for (std::string& complaint : again) {
    const bool told =
        std::find(complaints.begin(), complaints.end(), complaint) != complaints.end();
    if (!told) complaints.push_back(std::move(complaint));
  }
  return planned;
}

}  // namespace aptkeep::cli
