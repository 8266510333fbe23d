#include "core/denied_units.h"

#include <algorithm>

namespace aptkeep {

std::set<std::string> triggers_of(const std::set<std::string>& names,
                                  const std::map<std::string, UnitFacts>& facts) {
  std::set<std::string> triggers;
  for (const std::string& name : names) {
    if (is_trigger(name)) triggers.insert(name);
    const auto found = facts.find(name);
    if (found == facts.end()) continue;
    triggers.insert(found->second.triggered_by.begin(), found->second.triggered_by.end());
  }
  return triggers;
}

std::vector<std::string> take_out_denied(std::set<std::string>& names,
                                         const std::map<std::string, UnitFacts>& facts,
                                         const MayUnit& may) {
  const auto is_denied = [&](const std::string& name) {
    const auto found = facts.find(name);
    const bool up = found != facts.end() && found->second.is_up();
    return up && !(may("stop", name) && may("start", name));
  };
  std::vector<std::string> denied;
  for (const std::string& name : names) {
    if (is_denied(name) || std::ranges::any_of(triggers_of({name}, facts), is_denied)) {
      denied.push_back(name);
    }
  }
  for (const std::string& name : denied) names.erase(name);
  return denied;
}

std::string goes_on_text(const std::string& unit, const std::string& package) {
  return unit + " goes on while " + package + " is replaced: " + std::string(kPolicyDenies);
}

}  // namespace aptkeep
