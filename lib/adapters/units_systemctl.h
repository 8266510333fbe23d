// Units through systemctl(1) and journalctl(1): for programs that must start while libsystemd is
// being replaced, and for all that acts on units. To ask costs some 5 ms a unit.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "adapters/service_manager.h"
#include "engine/ports.h"
#include "state/store.h"

namespace aptkeep {

class SystemctlUnits : public Units {
 public:
  Result<std::vector<UnitFacts>> loaded() override;
  Result<std::map<std::string, UnitFacts>> ask(const std::vector<std::string>& names) override;
  // Ends after five minutes, whatever a unit's own limits are.
  Status act(const std::string& verb, const std::vector<std::string>& names) override;
  bool may(const std::string& verb, const std::string& name) override;
  bool shuts_down() override;
  void pause(int milliseconds) override;
  std::string journal(const std::string& unit) override;
};

// What policy-rc.d and the shims have noted in a process's run (policy/notes.h).
std::vector<PutOff> read_put_off(const Frontend& frontend);
// Of these units what is to be restarted, not what does not start.
void forget_restarts_of(const Frontend& frontend, const std::vector<std::string>& units);
// Adds to them. False: not written, or not whole.
bool add_put_off(const Frontend& frontend, const std::vector<PutOff>& more);
void forget_put_off(const Frontend& frontend);

// The units that packages' files bring, as dpkg has them.
Result<std::map<std::string, std::vector<std::string>>> units_of_packages(
    const std::vector<std::string>& packages);

}  // namespace aptkeep
