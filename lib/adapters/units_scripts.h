// Units where no systemd runs: scripts in /etc/init.d through service(8), under the names that
// their units would have ("foo.service"), for sysvinit and OpenRC.
#pragma once

#include <memory>

#include "engine/ports.h"

namespace aptkeep {

// Whether an init of this system's own runs that starts such scripts: not in a chroot, nor in a
// container whose first process is some program.
bool has_init_scripts();

// Those of the init that runs here, through its own tools; null: there is none to ask.
std::unique_ptr<Units> units_here();

class ScriptUnits final : public Units {
 public:
  // The scripts that have an action "status"; their states are not asked for.
  Result<std::vector<UnitFacts>> loaded() override;
  // "active" where status ends with 0; it has ten seconds.
  Result<std::map<std::string, UnitFacts>> ask(const std::vector<std::string>& names) override;
  // One after the other, in the order in which the init starts them; five minutes each. What is
  // systemd's alone ("daemon-reload", "reset-failed") does nothing.
  Status act(const std::string& verb, const std::vector<std::string>& names) override;
  bool may(const std::string& verb, const std::string& name) override;
  bool shuts_down() override;
  void pause(int milliseconds) override;
  std::string journal(const std::string& unit) override;
};

}  // namespace aptkeep
