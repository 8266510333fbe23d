#include "adapters/guards.h"
#include "plan.h"

namespace aptkeep::cli {

std::vector<std::vector<GuardFinding>> guards_now(const std::vector<StepDecisions>& decisions) {
  std::vector<std::vector<GuardFinding>> found;
  for (const StepDecisions& one : decisions) {
    std::vector<GuardCall> calls;
    for (const auto& entry : one.guards.entries) {
      calls.push_back(entry.value);
    }
    found.emplace_back();
    const auto reports = calls.empty() ? std::vector<GuardReport>() : probe_guards(calls, {});
    for (std::size_t i = 0; i < reports.size(); ++i) {
      found.back().push_back({calls[i], reports[i].result});
    }
  }
  return found;
}

}  // namespace aptkeep::cli
