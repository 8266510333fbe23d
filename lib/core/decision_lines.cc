#include "core/decision_lines.h"

#include <optional>

#include "core/if_unmet.h"
#include "core/rule_text.h"

namespace aptkeep {
namespace {

template <typename T>
void add(std::vector<DecisionLine>& lines, const char* field,
         const std::optional<Decided<T>>& decided) {
  if (decided) lines.push_back({field, value_text(decided->value), decided->by, decided->beaten});
}

// What was dropped is told with the first entry where that is the same rule's. `if_unmet`: of an
// entry, where the field has that.
template <typename T, typename IfUnmetOf>
void add(std::vector<DecisionLine>& lines, const char* field, const DecidedList<T>& decided,
         const IfUnmetOf& if_unmet) {
  bool told = decided.dropped.empty();
  if (!told && (decided.entries.empty() || decided.entries.front().by != decided.dropped_by)) {
    lines.push_back({field, "none", decided.dropped_by, decided.dropped});
    told = true;
  }
  for (const auto& entry : decided.entries) {
    lines.push_back({field, value_text(entry.value), entry.by,
                     told ? std::vector<const Rule*>() : decided.dropped, if_unmet(entry.value)});
    told = true;
  }
}

template <typename T>
void add(std::vector<DecisionLine>& lines, const char* field, const DecidedList<T>& decided) {
  add(lines, field, decided, [](const T&) { return std::optional<Decided<IfUnmet>>(); });
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

// `for_all`: If-Unmet's own line.
std::vector<DecisionLine> all_lines(const StepDecisions& decisions,
                                    const std::optional<Decided<IfUnmet>>& for_all) {
  const auto of_guard = [&](const GuardCall& guard) {
    return std::optional(if_unmet_decided(decisions, guard));
  };
  const auto of_backups = [&](const RuleCommand&) {
    return std::optional(if_unmet_decided_of_backups(decisions));
  };
  std::vector<DecisionLine> lines;
  add(lines, "Services", decisions.services);
  add(lines, "Reload", decisions.reload);
  add(lines, "Class", decisions.service_class);
  add(lines, "Sockets", decisions.sockets);
  add(lines, "Together", decisions.together);
  add(lines, "Guard", decisions.guards, of_guard);
  add(lines, "If-Unmet", for_all);
  add(lines, "Check-Config", decisions.check_config);
  add(lines, "Probe", decisions.probe);
  add(lines, "Idle", decisions.idle);
  add(lines, "Before", decisions.before);
  add(lines, "After", decisions.after);
  add(lines, "Backup", decisions.backup, of_backups);
  add(lines, "Save", decisions.save);
  add(lines, "On-Failure", decisions.on_failure);
  add(lines, "Rollback", decisions.never_back);
  add(lines, "Repair", decisions.repair);
  return lines;
}

}  // namespace

std::vector<DecisionLine> decision_lines(const StepDecisions& decisions) {
  const bool none = decisions.guards.entries.empty() && decisions.backup.entries.empty();
  return all_lines(decisions, none ? decisions.if_unmet : std::nullopt);
}

std::vector<DecisionLine> lines_of(const Rule& rule) {
  const std::vector<Rule> always{without_conditions(rule)};
  std::optional<Decided<IfUnmet>> said;
  if (rule.if_unmet) said = Decided<IfUnmet>{*rule.if_unmet, &rule, {}};
  auto lines = all_lines(decide(always, step_x(), kNoFacts), said);
  for (auto& line : lines) {
    line.by = nullptr;
    line.if_unmet.reset();
  }
  return lines;
}

std::string said_in(const Rule& rule, std::string_view field) {
  const std::vector<Rule> always{without_conditions(rule)};
  return decided_text(decide(always, step_x(), kNoFacts), field).value_or("none");
}

}  // namespace aptkeep
