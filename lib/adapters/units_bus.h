// Units through sd-bus, on systemd's private socket: some 0.3 ms for one that is loaded. Only for
// programs that libsystemd is there for anyway.
#pragma once

#include "adapters/units_systemctl.h"

namespace aptkeep {

class BusUnits final : public SystemctlUnits {
 public:
  // Where systemd's socket does not answer, systemctl(1) is asked.
  Result<std::vector<UnitFacts>> loaded() override;
  Result<std::map<std::string, UnitFacts>> ask(const std::vector<std::string>& names) override;
};

}  // namespace aptkeep
