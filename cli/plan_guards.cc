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
  std::vector<std::vector<GuardFinding>> found(steps.size());
  for (StepGuards& one : probe_steps(steps, decisions, remembered(state, complaints))) {
    found[one.step] = std::move(one.findings);
  }
  return found;
}

}  // namespace aptkeep::cli
