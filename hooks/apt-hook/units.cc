#include "engine/services.h"

#include "adapters/units_bus.h"
#include "hook.h"
#include "services.h"

namespace aptkeep::hook {

void note_services(Store& store, const Frontend& frontend, const std::vector<Step>& steps) {
  if (!has_service_manager()) return;
  const auto run = store.run_of_process(frontend);
  if (!run) return complain_once(frontend, run.error().message);
  BusUnits units;
  ServicePorts ports{units, store, complain, units_of_packages};
  const Status noted = note_units(*run, steps, ports);
  if (!noted) complain_once(frontend, noted.error().message);
}

}  // namespace aptkeep::hook
