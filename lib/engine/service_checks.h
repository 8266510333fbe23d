// What rules have run to learn whether a service may be restarted, and whether it is well.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/unit.h"
#include "engine/services.h"

namespace aptkeep {

// Of one end of a plan: each command is run once, however many units of its package it is for.
class RunningChecks {
 public:
  explicit RunningChecks(ServicePorts& ports) : ports_(ports) {}

  // Why the package refuses the service's configuration: "/usr/sbin/sshd -t: exit status 255: ...";
  // empty: it does not, or no rule says how to ask.
  std::string refusal_of(const UnitRecord& record);

  // Nothing hangs on it now, by what its rules say of that; false where they say nothing.
  bool is_idle(const UnitRecord& record);

  // Tells, as their trouble, which services of packages that were upgraded run and are not well.
  // What has just been started may need a second more.
  void probe(std::vector<UnitRecord>& records, const std::map<std::string, UnitFacts>& now,
             const std::function<Standing(const std::string&)>& standing);

 private:
  std::string first_complaint(const std::vector<std::string>& commands);

  ServicePorts& ports_;
  std::map<std::string, std::string> complaints_;  // by command
};

}  // namespace aptkeep
