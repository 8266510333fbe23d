#include "core/never_back.h"

#include <algorithm>
#include <cstddef>

namespace aptkeep {

void mark_never_back(const RuleIndex& rules, const RuleFacts& facts, std::vector<Step>& steps) {
  std::vector<const Rule*> forbidding;
  std::vector<const Rule*> removing;
  for (const auto& step : steps) {
    const auto decided = rules.decide(step, facts).never_back;
    forbidding.push_back(decided && decided->value ? decided->by : nullptr);
    if (step.new_version.empty()) removing.push_back(forbidding.back());
  }
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const auto* rule = forbidding[i];
    const bool takes_over = std::find(removing.begin(), removing.end(), rule) != removing.end();
    const bool matters = rule != nullptr && (!steps[i].old_version.empty() || takes_over);
    steps[i].never_back = matters ? rule->reason : std::string();
  }
}

}  // namespace aptkeep
