#include "test_units.h"

#include <algorithm>

#include "adapters/islands.h"
#include "core/island.h"

namespace aptkeep::cli {
namespace {

// A machine that has the test's units, and no others.
class TestUnits final : public Units {
 public:
  explicit TestUnits(const RuleTest& test) {
    for (const auto& [name, active] : test.units) {
      UnitFacts& unit = facts_[name];
      unit.name = name;
      unit.load_state = "loaded";
      unit.active_state = active ? "active" : "inactive";
      unit.sub_state = !active ? "dead" : is_trigger(name) ? "listening" : "running";
    }
    // By their names, as systemd does where a unit says nothing else; streams are what most listen
    // on.
    for (auto& [name, unit] : facts_) {
      const auto service = facts_.find(name.substr(0, name.rfind('.')) + ".service");
      if (!is_trigger(name) || service == facts_.end()) continue;
      unit.triggers = {service->first};
      service->second.triggered_by.push_back(name);
      if (name.ends_with(".socket")) unit.listens = {"Stream /run/" + name};
    }
  }

  Result<std::vector<UnitFacts>> loaded() override {
    std::vector<UnitFacts> units;
    for (const auto& [name, unit] : facts_) units.push_back(unit);
    return units;
  }
  Result<std::map<std::string, UnitFacts>> ask(const std::vector<std::string>& names) override {
    std::map<std::string, UnitFacts> found;
    for (const std::string& name : names) {
      const auto known = facts_.find(name);
      UnitFacts none;
      none.name = name;
      none.load_state = "not-found";
      found.emplace(name, known == facts_.end() ? none : known->second);
    }
    return found;
  }
  Status act(const std::string&, const std::vector<std::string>&) override {
    return Error{"unable to change units"};
  }
  bool shuts_down() override { return false; }
  void pause(int) override {}
  std::string journal(const std::string&) override { return {}; }

 private:
  std::map<std::string, UnitFacts> facts_;
};

// What has a class by a rule that names no services: all of the package's.
std::vector<std::string> its_units(const RuleTest& test, const StepDecisions& decided) {
  std::vector<std::string> units;
  for (const auto& [name, active] : test.units) {
    const bool others = std::ranges::any_of(
        decided.together.entries,
        [&name = name](const auto& entry) { return is_unit_of(name, entry.value); });
    if (!others) units.push_back(name);
  }
  return units;
}

}  // namespace

std::vector<std::string> stopped_units(const RuleTest& test, const StepDecisions& decided) {
  TestUnits machine(test);
  IslandsPorts ports{machine, {}, compare_versions, {}};
  // Of a package without a class the scripts would be read, which here there are none of.
  if (decided.service_class) ports.files[test.step.package] = its_units(test, decided);
  std::vector<Step> steps{test.step};
  std::vector<std::string> complaints;  // of this machine's, of which the test knows nothing
  return mark_islands({decided}, ports, steps, complaints).front().down;
}

}  // namespace aptkeep::cli
