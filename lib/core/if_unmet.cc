#include "core/if_unmet.h"

#include <algorithm>
#include <cstddef>

namespace aptkeep {
namespace {

// How strict; what is let pass whatever it says is the least.
int strictness(IfUnmet if_unmet) {
  switch (if_unmet) {
    case IfUnmet::Stop:
      return 4;
    case IfUnmet::Keep:
      return 3;
    case IfUnmet::Ask:
      return 2;
    case IfUnmet::Warn:
      return 1;
    case IfUnmet::Force:
      return 0;
  }
  return 3;
}

// Those that list it still: what stands before a "none" has lost its entries.
template <typename T>
std::vector<const Rule*> listing(const StepDecisions& decisions, const T& entry,
                                 RuleList<T> Rule::*list) {
  std::vector<const Rule*> found;
  for (const Rule* rule : decisions.applying) {
    const RuleList<T>& its = rule->*list;
    if (its.none) found.clear();
    if (std::ranges::find(its.entries, entry) != its.entries.end()) found.push_back(rule);
  }
  return found;
}

template <typename T>
Decided<IfUnmet> said_about(const StepDecisions& decisions, const T& entry,
                            RuleList<T> Rule::*list) {
  const auto listed_by = listing(decisions, entry, list);
  Decided<IfUnmet> decided;
  for (auto rule = decisions.applying.rbegin(); rule != decisions.applying.rend(); ++rule) {
    if (!(*rule)->if_unmet) continue;
    const bool lists = std::ranges::find(listed_by, *rule) != listed_by.end();
    if (!lists && !is_about_all(**rule)) continue;
    const IfUnmet said = *(*rule)->if_unmet;
    if (decided.by == nullptr) {
      decided.value = said;
      decided.by = *rule;
    } else if (said != decided.value) {
      decided.beaten.push_back(*rule);
    }
  }
  return decided;
}

void add_once(std::vector<const Rule*>& rules, const Rule* rule) {
  if (rule != nullptr && std::ranges::find(rules, rule) == rules.end()) rules.push_back(rule);
}

}  // namespace

bool is_about_all(const Rule& rule) {
  return rule.guards.entries.empty() && rule.backup.entries.empty();
}

IfUnmet stricter(IfUnmet a, IfUnmet b) {
  return strictness(a) < strictness(b) ? b : a;
}

Decided<IfUnmet> strictest_of(const std::vector<Decided<IfUnmet>>& all) {
  Decided<IfUnmet> decided;
  const auto first = std::ranges::max_element(
      all, [](const auto& a, const auto& b) { return strictness(a.value) < strictness(b.value); });
  if (first == all.end()) return decided;
  decided.value = first->value;
  decided.by = first->by;
  for (const auto& one : all) {
    if (one.value != decided.value) add_once(decided.beaten, one.by);
    for (const Rule* rule : one.beaten) {
      if (rule->if_unmet != decided.value) add_once(decided.beaten, rule);
    }
  }
  return decided;
}

Decided<IfUnmet> if_unmet_decided(const StepDecisions& decisions, const GuardCall& guard) {
  return listing(decisions, guard, &Rule::guards).empty()
             ? if_unmet_decided_of_backups(decisions)
             : said_about(decisions, guard, &Rule::guards);
}

Decided<IfUnmet> if_unmet_decided_of_backups(const StepDecisions& decisions) {
  std::vector<Decided<IfUnmet>> all;
  for (const auto& entry : decisions.backup.entries) {
    all.push_back(said_about(decisions, entry.value, &Rule::backup));
  }
  return strictest_of(all);
}

std::optional<Decided<IfUnmet>> if_unmet_decided_of_all(const StepDecisions& decisions) {
  std::vector<Decided<IfUnmet>> all;
  for (const auto& entry : decisions.guards.entries) {
    all.push_back(if_unmet_decided(decisions, entry.value));
  }
  if (!decisions.backup.entries.empty()) all.push_back(if_unmet_decided_of_backups(decisions));
  if (all.empty()) return decisions.if_unmet;
  auto decided = strictest_of(all);
  if (decided.by == nullptr && decided.beaten.empty()) return std::nullopt;
  return decided;
}

IfUnmet if_unmet_of(const StepDecisions& decisions, const GuardCall& guard) {
  return if_unmet_decided(decisions, guard).value;
}

IfUnmet if_unmet_of_backups(const StepDecisions& decisions) {
  return if_unmet_decided_of_backups(decisions).value;
}

}  // namespace aptkeep
