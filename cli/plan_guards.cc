#include <filesystem>
#include <map>
#include <system_error>

#include "adapters/guards.h"
#include "core/config.h"
#include "plan.h"
#include "state/store.h"

namespace aptkeep::cli {
namespace {

using Answers = std::map<std::string, Remembered>;

// Before the first run there is no record, and nothing to compare with.
Answers remembered(const std::string& state, std::vector<std::string>& complaints) {
  const std::string path = state.empty() ? paths::kStateDb : state;
  std::error_code error;
  if (!std::filesystem::exists(path, error) && !error) {
    return {};
  }
  auto store = Store::open(path, Store::Mode::ReadOnly);
  auto answers = store ? store->remembered() : Result<Answers>(store.error());
  if (!answers) {
    complaints.push_back("unable to tell what guards saw before: " + answers.error().message);
    return {};
  }
  return std::move(*answers);
}

}  // namespace

std::vector<std::vector<GuardFinding>> guards_now(const std::vector<Step>& steps,
                                                  const std::vector<StepDecisions>& decisions,
                                                  const std::string& state,
                                                  std::vector<std::string>& complaints) {
  const Answers before = remembered(state, complaints);
  std::vector<GuardQuestion> questions;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const auto of_package = before.find(steps[i].package);
    const Remembered* answers = of_package == before.end() ? nullptr : &of_package->second;
    for (const auto& entry : decisions[i].guards.entries) {
      questions.push_back({entry.value, answers});
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
