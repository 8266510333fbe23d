// What the rules decided for a step, value by value, with the rule that said it and those that it
// beat: for a person who wants to know why.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/rule.h"
#include "core/rule_match.h"

namespace aptkeep {

struct DecisionLine {
  const char* field = "";  // "Class"; a list field has one line for each entry
  std::string value;       // as a rule has it; "none" where entries of `beaten` were dropped
  const Rule* by = nullptr;
  std::vector<const Rule*> beaten;
  // Of a guard and a backup: what follows if it does not hold, and who says so (core/if_unmet.h).
  std::optional<Decided<IfUnmet>> if_unmet = {};
};

// In the order of the fields in aptkeep.rules(5); fields of which no rule says anything are left
// out. If-Unmet has a line of its own only where there is no guard and no backup that it could
// stand with.
std::vector<DecisionLine> decision_lines(const StepDecisions& decisions);

// What the rule itself says, whenever it applies; `by` is nullptr. If-Unmet is a line of its own.
std::vector<DecisionLine> lines_of(const Rule& rule);

// The same for one field; "none" where it says nothing.
std::string said_in(const Rule& rule, std::string_view field);

}  // namespace aptkeep
