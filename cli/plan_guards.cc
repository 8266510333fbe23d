#include "adapters/guards.h"
#include "plan.h"

namespace aptkeep::cli {

std::vector<std::vector<GuardFinding>> guards_now(const std::vector<StepDecisions>& decisions) {
  std::vector<GuardQuestion> questions;
  for (const StepDecisions& one : decisions) {
    for (const auto& entry : one.guards.entries) {
      questions.push_back({entry.value});
    }
  }
  const auto reports = questions.empty() ? std::vector<GuardReport>() : probe_all(questions);
  std::vector<std::vector<GuardFinding>> found;
  std::size_t next = 0;
  for (const StepDecisions& one : decisions) {
    found.emplace_back();
    for (const auto& entry : one.guards.entries) {
      found.back().push_back({entry.value, reports.at(next++).result});
    }
  }
  return found;
}

}  // namespace aptkeep::cli
