// Whether what was started, or restarted by systemd itself, stays.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "engine/services.h"

namespace aptkeep {

class Watching {
 public:
  explicit Watching(ServicePorts& ports) : ports_(ports) {}

  // Looks at them until they stay, or it is clear that they do not: ServicePorts::settle at most.
  void settle(const std::vector<std::string>& units);
  // Those that systemd has started again since they were last started by hand: maybe long ago,
  // maybe again and again since one of the run's scripts did.
  void watch_who_was_restarted(const std::vector<UnitRecord>& records,
                               const std::map<std::string, UnitFacts>& now);

  // unit -> how; of all that was looked at.
  const std::map<std::string, std::string>& restless() const { return restless_; }

 private:
  ServicePorts& ports_;
  std::map<std::string, std::string> restless_;
  std::set<std::string> watched_;
};

// Of services that were to be restarted those that run as they did `before`: systemd has refused it
// (masked by now, RefuseManualStop).
std::vector<std::string> go_on_as_before(Units& manager, const std::vector<std::string>& services,
                                         const std::map<std::string, UnitFacts>& before);

}  // namespace aptkeep
