#include "engine/services.h"

#include <limits>

#include "adapters/apt_rules.h"
#include "adapters/islands.h"
#include "adapters/units_bus.h"
#include "adapters/units_scripts.h"
#include "hook.h"
#include "services.h"
#include "state/left_down.h"

namespace aptkeep::hook {

std::unique_ptr<Units> units_by_bus() {
  if (has_service_manager()) return std::make_unique<BusUnits>();
  return units_here();
}

std::vector<UnitRecord> note_services(Store& store, const Frontend& frontend,
                                      const std::vector<Step>& steps,
                                      const ChecksOfPackages& checks) {
  const auto units = units_by_bus();
  if (units == nullptr) return {};
  const auto run = store.run_of_process(frontend);
  ServicePorts ports{*units, store, complain, units_of_packages};
  const Status noted = run ? note_units(*run, steps, ports, checks) : Status(run.error());
  auto all = noted ? store.units(*run) : Result<std::vector<UnitRecord>>(noted.error());
  if (all) return std::move(*all);
  complain_once(frontend, all.error().message);
  return {};
}

void mark_islands(const std::vector<StepDecisions>& decisions, Units& units, Store& store,
                  std::vector<Step>& steps) {
  const auto packages = replaced_packages(steps);
  auto files = units_of_packages(packages);
  if (!files) return complain(files.error().message);
  IslandsPorts ports{units, std::move(*files), compare_versions, own_unit()};
  const auto left = left_down_with(store, std::numeric_limits<std::int64_t>::max(),
                                   {packages.begin(), packages.end()});
  if (!left) complain(left.error().message);
  for (const UnitRecord& unit : left ? *left : std::vector<UnitRecord>{})
    ports.left_down.insert(unit.name);
  std::vector<std::string> complaints;
  aptkeep::mark_islands(decisions, ports, steps, complaints);
  for (const std::string& complaint : complaints) complain(complaint);
}

}  // namespace aptkeep::hook
