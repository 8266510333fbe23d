// What apt would do, said by apt-get itself in a simulation: its own resolver, settings, pins and
// holds. Nothing is locked, and any user may ask.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/result.h"
#include "core/rule_match.h"
#include "core/simulation.h"

namespace aptkeep {

// apt's configuration as it is with the arguments' own -o settings.
struct AptSettings {
  std::vector<std::pair<std::string, std::string>> entries;  // in apt's order and spelling

  // The last value of a key, which is compared without case as apt does.
  std::string find(const std::string& key, const std::string& fallback = {}) const;
  bool find_bool(const std::string& key, bool fallback) const;
  // Of a list: "Aptkeep::Force" gives what "Aptkeep::Force" and "Aptkeep::Force::" have.
  std::vector<std::string> list(const std::string& key) const;
};

Result<AptSettings> read_apt_settings(const AptArguments& arguments);

// Fails with apt-get's own words where apt-get does.
Result<Simulation> simulate(const AptArguments& arguments, const std::string& native_arch,
                            const CompareVersions& compare);

}  // namespace aptkeep
