// How what a rule says is written: the words of aptkeep.rules(5), for the reader and for a person.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/rule.h"
#include "core/rule_match.h"

namespace aptkeep {

// The words of a field that has a choice, in the order of the enumerators.
template <typename E>
struct RuleWords;
template <>
struct RuleWords<RelationOp> {
  static constexpr std::array<const char*, 5> kWords{"<<", "<=", "=", ">=", ">>"};
};
template <>
struct RuleWords<ServiceClass> {
  static constexpr std::array<const char*, 5> kWords{"stop", "early", "end", "never", "stock"};
};
template <>
struct RuleWords<SocketMode> {
  static constexpr std::array<const char*, 3> kWords{"quiesce", "park", "leave"};
};
template <>
struct RuleWords<IfUnmet> {
  static constexpr std::array<const char*, 4> kWords{"keep", "stop", "warn", "ask"};
};
template <>
struct RuleWords<OnFailure> {
  static constexpr std::array<const char*, 4> kWords{"roll-back", "leave-unconfigured", "stop-run",
                                                     "retry"};
};

template <typename E>
const char* rule_word(E value) {
  return RuleWords<E>::kWords.at(static_cast<std::size_t>(value));
}

// The value that the word stands for; capitals don't count.
template <typename E>
std::optional<E> rule_value(std::string_view word);

bool same_word(std::string_view a, std::string_view b);  // capitals don't count

std::string to_string(const Relation& relation);    // ">= 3.6"
std::string to_string(const RuleCommand& command);  // as a rule has it: "timeout=5 /bin/x 'a b'"

// One value, for a person; as a rule has it but for the end of a line (decided_text()).
inline std::string value_text(const std::string& text) {
  return text;
}
std::string value_text(const GuardCall& call);
std::string value_text(const RuleCommand& command);
inline std::string value_text(bool never_back) {
  return never_back ? "never" : "allowed";
}
template <typename E>
std::string value_text(E value) {
  return rule_word(value);
}

// What all rules together say, by the names of a rule's fields ("Class", "Guard", ...), written as
// the field's value: the entries of Services, Together and Save with blanks between, those of the
// others one a line; of If-Unmet the strictest of all guards and backups. "none": nothing. nullopt:
// no such field.
std::optional<std::string> decided_text(const StepDecisions& decisions, std::string_view field);

// The names of all fields that say something, as decided_text() knows them.
const std::vector<const char*>& decision_fields();

}  // namespace aptkeep
