#include "core/guard_policy.h"

#include <algorithm>

#include "core/failure_class.h"
#include "core/guard_arguments.h"
#include "core/if_unmet.h"
#include "core/names.h"
#include "core/rule_text.h"

namespace aptkeep {
namespace {

bool contains(const std::vector<std::string>& all, std::string_view one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

std::string told(const GuardFinding& finding) {
  const char* how =
      finding.result.state == GuardState::Unknown ? " cannot be evaluated" : " is unmet";
  std::string text = "guard " + shown(to_string(finding.call)) + how;
  if (!finding.result.why.empty()) text += ": " + shown(finding.result.why);
  return text;
}

std::string joined(const std::vector<std::string>& texts) {
  std::string all;
  for (const auto& text : texts) all += (all.empty() ? "" : "; ") + text;
  return all;
}

GuardVerdict verdict_of(IfUnmet if_unmet, const GuardSetting& setting) {
  switch (if_unmet) {
    case IfUnmet::Keep:
      return GuardVerdict::Keep;
    case IfUnmet::Stop:
      return GuardVerdict::Stop;
    case IfUnmet::Warn:
    case IfUnmet::Force:
      return GuardVerdict::Warn;
    case IfUnmet::Ask:
      return setting.person && !setting.asked ? GuardVerdict::Ask : GuardVerdict::Keep;
  }
  return GuardVerdict::Keep;
}

}  // namespace

GuardDecision judge_guards(const std::vector<GuardFinding>& findings, const GuardSetting& setting) {
  GuardDecision decision;
  std::vector<std::string> stands;
  std::vector<std::string> passes;
  IfUnmet strictest = IfUnmet::Force;
  for (const auto& finding : findings) {
    if (finding.result.met()) continue;
    const std::string call = to_string(finding.call);
    const bool passed = setting.forced || contains(setting.accepted, call);
    if (!passed) strictest = stricter(strictest, finding.if_unmet.value_or(setting.if_unmet));
    (passed ? decision.passed : decision.unmet).push_back(call);
    (passed ? passes : stands).push_back(told(finding));
  }
  const std::string past = setting.forced ? "forced past: " : "accepted: ";
  if (stands.empty()) {
    decision.reason = passes.empty() ? "" : past + joined(passes);
    return decision;
  }
  decision.verdict = verdict_of(strictest, setting);
  decision.reason = joined(stands);
  if (strictest == IfUnmet::Ask && (setting.asked || !setting.person)) {
    decision.reason += setting.asked ? " (who was asked has not said yes)"
                                     : " (nobody is at a terminal to be asked)";
  }
  if (!passes.empty()) decision.reason += "; " + past + joined(passes);
  return decision;
}

std::string passed_past(const GuardDecision& decision) {
  if (decision.verdict == GuardVerdict::Warn) return "warned of: " + decision.reason;
  return decision.verdict == GuardVerdict::Go ? decision.reason : "";
}

Failure guard_failure(const Step& step, std::uint32_t index, const std::string& reason) {
  Failure failure;
  failure.package = step.package;
  failure.step = static_cast<std::int32_t>(index);
  failure.version = step.new_version.empty() ? step.old_version : step.new_version;
  failure.old_version = step.old_version;
  failure.phase = step.new_version.empty() ? Phase::Remove : Phase::Unpack;
  failure.message = reason;
  failure.failure_class = FailureClass::Guard;
  return failure;
}

std::vector<GuardCall> guards_after_stop(const std::vector<GuardCall>& calls) {
  std::vector<GuardCall> again;
  for (const auto& call : calls) {
    const auto* kind = find_guard_kind(call.name);
    GuardCommand command;
    const bool asked = call.name == "command" &&
                       read_guard_command(call.arguments, command).empty() && command.again;
    if (asked || (kind != nullptr && kind->data)) again.push_back(call);
  }
  return again;
}

std::vector<std::string> guards_to_repeat(const std::vector<GuardFinding>& findings,
                                          const GuardDecision& decision) {
  std::vector<std::string> texts;
  for (const auto& finding : findings) {
    if (guards_after_stop({finding.call}).empty()) continue;
    const std::string text = to_string(finding.call);
    const bool told = contains(decision.passed, text) || contains(decision.unmet, text);
    const std::string own = finding.if_unmet ? std::string(rule_word(*finding.if_unmet)) + " " : "";
    if (!told) texts.push_back(own + text);
  }
  return texts;
}

std::optional<IfUnmet> recorded_if_unmet(std::string_view text) {
  return rule_value<IfUnmet>(text.substr(0, text.find(' ')));
}

GuardCall read_guard(std::string_view text) {
  std::vector<std::string> words;
  if (!split_words(text, words)) return {};
  if (!words.empty() && rule_value<IfUnmet>(words.front())) words.erase(words.begin());
  if (words.empty()) return {};
  return {words.front(), {words.begin() + 1, words.end()}};
}

Force read_force(std::string_view text) {
  constexpr std::string_view kBetween = ", \t\n\r";
  Force force;
  while (true) {
    text.remove_prefix(std::min(text.find_first_not_of(kBetween), text.size()));
    if (text.empty()) return force;
    const auto word = text.substr(0, text.find_first_of(kBetween));
    text.remove_prefix(word.size());
    if (is_package_reference(word)) {
      force.packages.emplace_back(word);
    } else {
      force.refused.push_back(shown(word, 60));
    }
  }
}

bool is_forced(const std::vector<std::string>& packages, std::string_view package) {
  return contains(packages, package) || contains(packages, package.substr(0, package.find(':')));
}

const char* to_string(GuardVerdict verdict) {
  switch (verdict) {
    case GuardVerdict::Go:
      return "go";
    case GuardVerdict::Warn:
      return "warn";
    case GuardVerdict::Ask:
      return "ask";
    case GuardVerdict::Keep:
      return "keep";
    case GuardVerdict::Stop:
      return "stop";
  }
  return "keep";
}

}  // namespace aptkeep
