#include "engine/services.h"

#include "adapters/units_bus.h"
#include "hook.h"
#include "services.h"

namespace aptkeep::hook {

std::vector<UnitRecord> note_services(Store& store, const Frontend& frontend,
                                      const std::vector<Step>& steps,
                                      const ChecksOfPackages& checks) {
  if (!has_service_manager()) return {};
  const auto run = store.run_of_process(frontend);
  BusUnits units;
  ServicePorts ports{units, store, complain, units_of_packages};
  const Status noted = run ? note_units(*run, steps, ports, checks) : Status(run.error());
  auto all = noted ? store.units(*run) : Result<std::vector<UnitRecord>>(noted.error());
  if (all) return std::move(*all);
  complain_once(frontend, all.error().message);
  return {};
}

}  // namespace aptkeep::hook
