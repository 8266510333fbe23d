#include "adapters/unit_holds.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>

#include "adapters/snapshot_tool.h"
#include "adapters/units_systemctl.h"
#include "core/config.h"
#include "policy/holds.h"

namespace aptkeep {
namespace {

// What the bus starts through systemd (dbus-daemon(1)): name -> what it asks systemd for, which may
// be an alias of a unit.
std::map<std::string, std::string> names_on_bus() {
  std::map<std::string, std::string> services;
  for (const char* folder :
       {"/usr/share/dbus-1/system-services", "/usr/local/share/dbus-1/system-services"}) {
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
      std::ifstream file(entry.path());
      std::string name;
      std::string unit;
      for (std::string line; std::getline(file, line);) {
        if (line.starts_with("Name=")) name = line.substr(5);
        if (line.starts_with("SystemdService=")) unit = line.substr(15);
      }
      if (!name.empty() && !unit.empty()) services.emplace(name, unit);
    }
  }
  return services;
}

bool add(const char* unit, const policy::Hold& hold, void* data) {
  static_cast<std::vector<HeldUnit>*>(data)->push_back({unit, hold.package, hold.ran, hold.waits});
  return true;
}

}  // namespace

Status RunHolds::put(const std::vector<HeldUnit>& units) {
  for (const HeldUnit& one : units) {
    policy::Hold hold;
    hold.ran = one.ran;
    hold.waits = one.waits;
    std::snprintf(hold.package, sizeof hold.package, "%s", one.package.c_str());
    if (!policy::hold(paths::kRunDir, one.unit.c_str(), hold))
      return Error{"unable to hold " + one.unit + ": nothing can be written below /run"};
  }
  return success();
}

std::vector<HeldUnit> RunHolds::all() {
  std::vector<HeldUnit> units;
  policy::each_hold(paths::kRunDir, add, &units);
  return units;
}

void RunHolds::let_go(const std::vector<std::string>& units) {
  for (const std::string& unit : units) policy::let_go(paths::kRunDir, unit.c_str());
}

void RunHolds::answer_on_bus(const std::vector<std::string>& units) {
  const auto services = names_on_bus();
  std::vector<std::string> asked;
  for (const auto& [name, unit] : services) asked.push_back(unit);
  const auto facts = SystemctlUnits().ask(asked);
  std::vector<std::string> args{paths::kBusNames};
  for (const auto& [name, unit] : services) {
    const auto its = facts ? facts->find(unit) : std::map<std::string, UnitFacts>::const_iterator();
    const std::string id = facts && its != facts->end() ? its->second.name : unit;
    if (std::ranges::count(units, id) > 0) args.push_back(id + "=" + name);
  }
  if (args.size() > 1) (void)snapshot::run_tool(args);
}

void RunHolds::forget_restarts(const std::vector<std::string>& units) {
  forget_restarts_of(frontend_, units);
}

}  // namespace aptkeep
