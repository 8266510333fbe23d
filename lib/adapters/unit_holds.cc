#include "adapters/unit_holds.h"

#include <cstdio>

#include "adapters/units_systemctl.h"
#include "core/config.h"
#include "policy/holds.h"

namespace aptkeep {
namespace {

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

void RunHolds::forget_restarts(const std::vector<std::string>& units) {
  forget_restarts_of(frontend_, units);
}

}  // namespace aptkeep
