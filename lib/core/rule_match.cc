#include "core/rule_match.h"

#include <algorithm>
#include <utility>

#include "core/if_unmet.h"
#include "core/package_pattern.h"
#include "core/rule_window.h"

namespace aptkeep {
namespace {

std::string_view name_of(std::string_view package) {
  return package.substr(0, package.find(':'));
}

std::string_view architecture_of(std::string_view package) {
  const auto colon = package.find(':');
  return colon == std::string_view::npos ? std::string_view() : package.substr(colon + 1);
}

bool names_package(const Rule& rule, std::string_view name) {
  return std::any_of(rule.packages.begin(), rule.packages.end(),
                     [name](const std::string& pattern) { return glob_matches(pattern, name); });
}

bool is_for_architecture(const Rule& rule, std::string_view architecture) {
  return rule.architectures.empty() ||
         std::find(rule.architectures.begin(), rule.architectures.end(), architecture) !=
             rule.architectures.end();
}

bool is_met(const InstalledCondition& condition, const RuleFacts& facts) {
  const auto version = facts.installed(condition.package);
  return !version.empty() &&
         (!condition.version || holds(*condition.version, version, facts.compare));
}

template <typename T>
void decide_one(std::optional<Decided<T>>& decided, const std::optional<T>& said,
                const Rule& rule) {
  if (!said) return;
  if (!decided) {
    decided = Decided<T>{*said, &rule, {}};
    return;
  }
  decided->beaten.push_back(decided->by);
  decided->value = *said;
  decided->by = &rule;
}

// Only while they are gathered, `beaten` has all earlier rules, the first one first.
template <typename T, typename Said>
void sort_beaten(std::optional<Decided<T>>& decided, const Said& said) {
  if (!decided) return;
  std::erase_if(decided->beaten,
                [&](const Rule* rule) { return std::invoke(said, *rule) == decided->value; });
  std::reverse(decided->beaten.begin(), decided->beaten.end());
}

template <typename T>
void decide_list(DecidedList<T>& decided, const RuleList<T>& said, const Rule& rule) {
  if (said.none) {
    for (const auto& entry : decided.entries) {
      const auto& dropped = decided.dropped;
      if (std::find(dropped.begin(), dropped.end(), entry.by) == dropped.end()) {
        decided.dropped.push_back(entry.by);
      }
    }
    if (!decided.entries.empty()) decided.dropped_by = &rule;
    decided.entries.clear();
  }
  for (const auto& value : said.entries) {
    const bool there = std::any_of(decided.entries.begin(), decided.entries.end(),
                                   [&value](const auto& entry) { return entry.value == value; });
    if (!there) decided.entries.push_back({value, &rule});
  }
}

// What comes before the package is unpacked.
void add_what_is_before(StepDecisions& decisions, const Rule& rule) {
  decide_list(decisions.guards, rule.guards, rule);
  if (is_about_all(rule)) decide_one(decisions.if_unmet, rule.if_unmet, rule);
  decide_list(decisions.before, rule.before, rule);
  decide_list(decisions.backup, rule.backup, rule);
}

void add(StepDecisions& decisions, const Rule& rule) {
  decisions.applying.push_back(&rule);
  decide_list(decisions.services, rule.services, rule);
  decide_list(decisions.reload, rule.reload, rule);
  decide_one(decisions.service_class, rule.service_class, rule);
  decide_one(decisions.sockets, rule.sockets, rule);
  decide_list(decisions.together, rule.together, rule);
  decide_list(decisions.check_config, rule.check_config, rule);
  decide_list(decisions.probe, rule.probe, rule);
  decide_list(decisions.idle, rule.idle, rule);
  decide_list(decisions.after, rule.after, rule);
  decide_list(decisions.save, rule.save, rule);
  decide_one(decisions.on_failure, rule.on_failure, rule);
  decide_one(decisions.never_back, rule.never_back, rule);
  decide_one(decisions.repair, rule.repair, rule);
}

// There are no services to stop and no data to save of a new package, nor of one that goes.
void leave_out_what_is_for_replacing(StepDecisions& decisions) {
  decisions.together = {};
  decisions.backup = {};
  decisions.before = {};
  decisions.after = {};
}

void finish(StepDecisions& decisions, const Step& step) {
  if (!is_replaced(step)) leave_out_what_is_for_replacing(decisions);
  if (step.action == Action::Configure) {  // they were asked before it was unpacked
    decisions.guards = {};
    decisions.if_unmet = {};
  }
  sort_beaten(decisions.service_class, &Rule::service_class);
  sort_beaten(decisions.sockets, &Rule::sockets);
  sort_beaten(decisions.if_unmet, &Rule::if_unmet);
  sort_beaten(decisions.on_failure, &Rule::on_failure);
  sort_beaten(decisions.never_back, &Rule::never_back);
  sort_beaten(decisions.repair, &Rule::repair);
}

enum class Crossing {
  No,
  SinceConfigured,  // only from the version that was last configured
  Whole,
};

Crossing crossing(const Rule& rule, const Step& step, const CompareVersions& compare) {
  if (crosses_window(rule, step.old_version, step.new_version, compare)) return Crossing::Whole;
  const bool since = !step.config_version.empty() && !step.new_version.empty() &&
                     crosses_window(rule, step.config_version, step.new_version, compare);
  return since ? Crossing::SinceConfigured : Crossing::No;
}

Crossing applying(const Rule& rule, const Step& step, const RuleFacts& facts) {
  const bool fits = names_package(rule, name_of(step.package)) &&
                    is_for_architecture(rule, architecture_of(step.package)) &&
                    std::all_of(rule.when_installed.begin(), rule.when_installed.end(),
                                [&facts](const auto& one) { return is_met(one, facts); });
  return fits ? crossing(rule, step, facts.compare) : Crossing::No;
}

void add_if_it_applies(StepDecisions& decisions, const Rule& rule, const Step& step,
                       const RuleFacts& facts) {
  const Crossing how = applying(rule, step, facts);
  if (how == Crossing::No) return;
  if (how == Crossing::Whole) add_what_is_before(decisions, rule);
  add(decisions, rule);
}

bool is_pattern(std::string_view name) {
  return name.find_first_of("*?[") != std::string_view::npos;
}

}  // namespace

Step step_x() {
  Step step;
  step.package = "x";
  step.action = Action::Upgrade;
  step.old_version = "1";
  step.new_version = "2";
  return step;
}

bool applies(const Rule& rule, const Step& step, const RuleFacts& facts) {
  return applying(rule, step, facts) != Crossing::No;
}

StepDecisions decide(const std::vector<Rule>& rules, const Step& step, const RuleFacts& facts) {
  StepDecisions decisions;
  for (const auto& rule : rules) add_if_it_applies(decisions, rule, step, facts);
  finish(decisions, step);
  return decisions;
}

RuleIndex::RuleIndex(const std::vector<Rule>& rules) : rules_(&rules) {
  for (std::uint32_t i = 0; i < rules.size(); ++i) {
    bool listed = false;
    for (const auto& name : rules[i].packages) {
      if (!is_pattern(name)) {
        by_name_.emplace_back(name, i);
      } else if (!std::exchange(listed, true)) {
        patterns_.push_back(i);
      }
    }
  }
  std::sort(by_name_.begin(), by_name_.end());
}

StepDecisions RuleIndex::decide(const Step& step, const RuleFacts& facts) const {
  const auto name = name_of(step.package);
  auto candidates = patterns_;
  auto named =
      std::lower_bound(by_name_.begin(), by_name_.end(), name,
                       [](const auto& entry, auto wanted) { return entry.first < wanted; });
  for (; named != by_name_.end() && named->first == name; ++named) {
    candidates.push_back(named->second);
  }
  std::sort(candidates.begin(), candidates.end());
  candidates.erase(std::unique(candidates.begin(), candidates.end()), candidates.end());
  StepDecisions decisions;
  for (const auto i : candidates) add_if_it_applies(decisions, (*rules_)[i], step, facts);
  finish(decisions, step);
  return decisions;
}

}  // namespace aptkeep
