#include "rules.h"

#include "hook.h"

namespace aptkeep::hook {

std::optional<Rules> usable_rules(const Frontend& frontend, std::vector<Step>& steps) {
  auto rules = read_rules(rule_folders());
  const auto fault = rules ? fault_of_never_list(*rules) : rules.error().message;
  if (rules) {
    for (const auto& complaint : rules->complaints) complain_once(frontend, complaint);
  }
  if (fault.empty()) return std::move(*rules);
  complain_once(frontend, fault);
  for (auto& step : steps) step.never_back = fault;
  return std::nullopt;
}

}  // namespace aptkeep::hook
