#include "core/decision_lines.h"

#include <optional>

#include "core/rule_text.h"

namespace aptkeep {
namespace {

template <typename T>
void add(std::vector<DecisionLine>& lines, const char* field,
         const std::optional<Decided<T>>& decided) {
  if (decided) lines.push_back({field, value_text(decided->value), decided->by, decided->beaten});
}

// What was dropped is told with the first entry where that is the same rule's.
template <typename T>
void add(std::vector<DecisionLine>& lines, const char* field, const DecidedList<T>& decided) {
  bool told = decided.dropped.empty();
  if (!told && (decided.entries.empty() || decided.entries.front().by != decided.dropped_by)) {
    lines.push_back({field, "none", decided.dropped_by, decided.dropped});
    told = true;
  }
  for (const auto& entry : decided.entries) {
    lines.push_back({field, value_text(entry.value), entry.by,
                     told ? std::vector<const Rule*>() : decided.dropped});
    told = true;
  }
}

const RuleFacts kNoFacts{[](auto, auto) { return 0; }, [](auto) { return std::string(); }};

Rule without_conditions(const Rule& rule) {
  Rule always = rule;
  always.packages = {"x"};
  always.when_installed.clear();
  always.architectures.clear();
  always.upgrade_from.clear();
  always.upgrade_to.clear();
  return always;
}

}  // namespace

std::vector<DecisionLine> decision_lines(const StepDecisions& decisions) {
  std::vector<DecisionLine> lines;
  add(lines, "Services", decisions.services);
  add(lines, "Reload", decisions.reload);
  add(lines, "Class", decisions.service_class);
  add(lines, "Sockets", decisions.sockets);
  add(lines, "Together", decisions.together);
  add(lines, "Guard", decisions.guards);
  add(lines, "If-Unmet", decisions.if_unmet);
  add(lines, "Check-Config", decisions.check_config);
  add(lines, "Probe", decisions.probe);
  add(lines, "Idle", decisions.idle);
  add(lines, "Before", decisions.before);
  add(lines, "After", decisions.after);
  add(lines, "Backup", decisions.backup);
  add(lines, "Save", decisions.save);
  add(lines, "On-Failure", decisions.on_failure);
  add(lines, "Rollback", decisions.never_back);
  add(lines, "Repair", decisions.repair);
  return lines;
}

std::vector<DecisionLine> lines_of(const Rule& rule) {
  const std::vector<Rule> always{without_conditions(rule)};
  auto lines = decision_lines(decide(always, step_x(), kNoFacts));
  for (auto& line : lines) line.by = nullptr;
  return lines;
}

std::string said_in(const Rule& rule, std::string_view field) {
  const std::vector<Rule> always{without_conditions(rule)};
  return decided_text(decide(always, step_x(), kNoFacts), field).value_or("none");
}

}  // namespace aptkeep
