#include "adapters/unit_holds.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>

#include "adapters/snapshot_tool.h"
#include "adapters/units_systemctl.h"
#include "core/config.h"
#include "core/drop_ins.h"
#include "policy/holds.h"
#include "policy/parked.h"

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
  auto& units = *static_cast<std::vector<HeldUnit>*>(data);
  const auto same = [&](const HeldUnit& one) { return one.unit == unit; };
  if (std::ranges::none_of(units, same))
    units.push_back({unit, hold.package, hold.ran, hold.waits, hold.parked});
  return true;
}

policy::Hold hold_for(const HeldUnit& one) {
  policy::Hold hold;
  hold.ran = one.ran;
  hold.waits = one.waits;
  std::snprintf(hold.package, sizeof hold.package, "%s", one.package.c_str());
  return hold;
}

}  // namespace

Status RunHolds::put(const std::vector<HeldUnit>& units) {
  for (const HeldUnit& one : units) {
    if (!policy::hold(paths::kRunDir, one.unit.c_str(), hold_for(one)))
      return Error{"unable to hold " + one.unit + ": nothing can be written below /run"};
  }
  return success();
}

std::vector<HeldUnit> RunHolds::all() {
  std::vector<HeldUnit> units;
  policy::each_hold(paths::kRunDir, add, &units);
  // Whoever let them go may have been killed before that was done.
  policy::each_parked(paths::kRunDir, add, &units);
  return units;
}

void RunHolds::let_go(const std::vector<std::string>& units) {
  for (const std::string& unit : units) policy::let_go(paths::kRunDir, unit.c_str());
}

Status RunHolds::park(const HeldUnit& service, const std::vector<std::string>& sockets) {
  auto names = std::make_unique<policy::Units>();
  for (const std::string& socket : sockets) names->add(socket.c_str());
  if (policy::park(paths::kRunDir, service.unit.c_str(), hold_for(service), *names))
    return success();
  return Error{"unable to park " + service.unit + ": nothing comes up in its place"};
}

void RunHolds::unpark(const std::string& service, bool close) {
  policy::unpark(paths::kRunDir, service.c_str(),
                 close ? policy::Then::Close : policy::Then::AsBefore);
}

Status RunHolds::enforce(const std::vector<std::string>& units) {
  for (const std::string& unit : units) {
    const std::string folder = "/run/systemd/system/" + unit + ".d";
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    std::ofstream file(folder + "/" + kOwnDropIn, std::ios::binary | std::ios::trunc);
    file << "[Unit]\nConditionPathExists=" << kHoldCondition << "\n";
    if (!file.flush())
      return Error{"unable to keep " + unit + " from being started: " + folder +
                   " cannot be written to"};
  }
  return success();
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
