// Test: stanzas: a step, what is installed, what guards would find, and what the rules must make
// of that.
#include <algorithm>
#include <array>
#include <set>

#include "adapters/apt_rules_impl.h"
#include "core/guard.h"
#include "core/guard_policy.h"
#include "core/if_unmet.h"
#include "core/names.h"
#include "core/rule_text.h"

namespace aptkeep::apt_rules_impl {
namespace {

constexpr std::array<const char*, 5> kOutcomes{"go", "keep", "stop", "warn", "ask"};
constexpr std::array<const char*, 3> kStates{"met", "unmet", "unknown"};

template <std::size_t N>
bool is_one_of(const std::array<const char*, N>& words, std::string_view text) {
  return std::any_of(words.begin(), words.end(),
                     [text](const char* word) { return same_word(word, text); });
}

void tell(Faults& faults, const Field& field, const std::string& text, const std::string& what) {
  faults.push_back({field.line, field.name + ": " + as_shown(text) + " " + what});
}

void read_version(const Field& field, std::string& version, Faults& faults) {
  version = folded(field);
  if (!is_full_version(version)) tell(faults, field, version, "is no version");
}

void read_installed(const Field& field, RuleTest& test, Faults& faults) {
  for (const auto& piece : commas_of(field)) {
    const auto blank = std::min(piece.text.find_first_of(" \t"), piece.text.size());
    auto name = piece.text.substr(0, blank);
    auto version =
        piece.text.substr(std::min(piece.text.find_first_not_of(" \t", blank), piece.text.size()));
    if (!is_package_name(name) || !is_full_version(version)) {
      tell(faults, field, piece.text, "is no NAME VERSION");
    }
    test.installed.emplace_back(std::move(name), std::move(version));
  }
}

// What stands behind the =, if there is one.
std::string behind(const std::string& line, std::size_t equals) {
  auto text = equals == std::string::npos ? "" : line.substr(equals + 1);
  return text.erase(0, text.find_first_not_of(" \t"));
}

void read_states(const Field& field, RuleTest& test, Faults& faults) {
  for (const auto& line : field.lines) {
    const auto equals = line.text.rfind('=');
    auto call = read_guard(line.text.substr(0, equals));
    auto state = behind(line.text, equals);
    if (call.name.empty() || !is_one_of(kStates, state)) {
      tell(faults, field, line.text, "is no GUARD = met, unmet or unknown");
    }
    test.guards.emplace_back(std::move(call), std::move(state));
  }
}

// The units that a field names, one or several in each line; patterns are no names.
std::vector<std::string> unit_names(const Field& field, Faults& faults) {
  RuleList<std::string> units;
  read_units(field, units, faults);
  for (const auto& name : units.entries) {
    if (name.find('*') != std::string::npos) tell(faults, field, name, "is a pattern, and no unit");
  }
  return std::move(units.entries);
}

void read_unit_states(const Field& field, RuleTest& test, Faults& faults) {
  for (const auto& line : field.lines) {
    const auto equals = line.text.find('=');
    const auto state = behind(line.text, equals);
    const bool active = same_word(state, "active");
    const auto names =
        unit_names({field.name, line.line, {{line.text.substr(0, equals), line.line}}}, faults);
    if (names.size() != 1 || (!active && !same_word(state, "inactive"))) {
      tell(faults, field, line.text, "is no UNIT = active or inactive");
    } else {
      test.units.emplace_back(names.front(), active);
    }
  }
}

// In the order of their names.
std::string joined(std::vector<std::string> names) {
  if (names.empty()) return "none";
  std::sort(names.begin(), names.end());
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : " ") + name;
  return text;
}

// The value as the rules' own reader understands it, so that only what it means is compared.
void read_expected(const Field& field, RuleTest& test, Faults& faults) {
  const auto value = folded(field);
  if (same_word(field.name, "Outcome")) {
    if (!is_one_of(kOutcomes, value)) tell(faults, field, value, "is no outcome");
    test.expect.emplace_back("Outcome", value);
    return;
  }
  if (same_word(field.name, "Stops")) {
    test.expect.emplace_back("Stops", joined(unit_names(field, faults)));
    return;
  }
  Rule rule;
  const bool nothing = same_word(value, "none");
  Faults found;
  if (!read_saying_field(field, rule, found)) {
    faults.push_back({field.line, "unknown field " + as_shown(field.name)});
    return;
  }
  if (!nothing) faults.insert(faults.end(), found.begin(), found.end());
  rule.packages = {"x"};
  const auto decided = decide({rule}, step_x(), {compare_versions, [](auto) { return ""; }});
  test.expect.emplace_back(field.name,
                           nothing ? "none" : decided_text(decided, field.name).value_or(""));
}

bool read_field(const Field& field, RuleTest& test, std::string& architecture, Faults& faults) {
  if (same_word(field.name, "Test")) {
    test.name = folded(field);
    if (test.name.empty()) faults.push_back({field.line, "Test is empty"});
  } else if (same_word(field.name, "Package")) {
    test.step.package = folded(field);
    if (!is_package_name(test.step.package)) {
      tell(faults, field, test.step.package, "is no package name");
    }
  } else if (same_word(field.name, "Architecture")) {
    architecture = folded(field);
    if (!is_architecture(architecture)) tell(faults, field, architecture, "is no architecture");
  } else if (same_word(field.name, "From")) {
    read_version(field, test.step.old_version, faults);
  } else if (same_word(field.name, "Config-Version")) {
    read_version(field, test.step.config_version, faults);
  } else if (same_word(field.name, "To")) {
    read_version(field, test.step.new_version, faults);
  } else if (same_word(field.name, "Installed")) {
    read_installed(field, test, faults);
  } else if (same_word(field.name, "Guards")) {
    read_states(field, test, faults);
  } else if (same_word(field.name, "Units")) {
    read_unit_states(field, test, faults);
  } else {
    return false;
  }
  return true;
}

Action action_of(const Step& step) {
  if (step.old_version.empty()) return Action::Install;
  if (step.new_version.empty()) return Action::Remove;
  const int order = compare_versions(step.old_version, step.new_version);
  return order < 0 ? Action::Upgrade : order > 0 ? Action::Downgrade : Action::Reinstall;
}

}  // namespace

bool is_test(const Stanza& stanza) {
  return stanza.find("Test") != nullptr;
}

RuleTest test_of(const Stanza& stanza, const std::string& path, Faults& faults) {
  const auto before = faults.size();
  RuleTest test;
  test.where = place(path, stanza.line);
  std::string architecture = "amd64";
  for (const auto& field : stanza.fields) {
    if (stanza.find(field.name) != &field) {
      faults.push_back({field.line, "field " + as_shown(field.name) + " is there twice"});
    } else if (!read_field(field, test, architecture, faults)) {
      read_expected(field, test, faults);
    }
  }
  if (test.step.package.empty()) faults.push_back({stanza.line, "no field Package"});
  if (test.step.old_version.empty() && test.step.new_version.empty()) {
    faults.push_back({stanza.line, "neither From nor To"});
  }
  if (test.expect.empty() && faults.size() == before)
    faults.push_back({stanza.line, "no field says what is expected"});
  const bool unpacked = !test.step.config_version.empty();
  if (unpacked && test.step.old_version.empty())
    faults.push_back({stanza.line, "Config-Version without From"});
  if (unpacked && test.step.config_version == test.step.old_version)
    faults.push_back({stanza.line, "Config-Version is From, which is configured then"});
  const bool stops = stanza.find("Stops") != nullptr;
  const bool units = stanza.find("Units") != nullptr;
  if (stops && !units) faults.push_back({stanza.line, "Stops without Units"});
  if (units && !stops && stanza.find("Outcome") == nullptr)
    faults.push_back({stanza.line, "Units decide Stops and Outcome, and neither is there"});
  test.step.package += ":" + architecture;
  test.step.action = action_of(test.step);
  return test;
}

}  // namespace aptkeep::apt_rules_impl

namespace aptkeep {
namespace {

bool is_meant(const GuardCall& named, const GuardCall& call) {
  return named == call || (named.arguments.empty() && named.name == call.name);
}

// What the test says that a guard finds; one that it says nothing of is met. What it says of one
// guard counts more than what it says of all of the name.
GuardState state_of(const RuleTest& test, const GuardCall& call) {
  const bool alone = std::any_of(test.guards.begin(), test.guards.end(),
                                 [&call](const auto& one) { return one.first == call; });
  for (const auto& [named, state] : test.guards) {
    if (alone ? named != call : !is_meant(named, call)) continue;
    if (same_word(state, "unmet")) return GuardState::Unmet;
    if (same_word(state, "unknown")) return GuardState::Unknown;
    return GuardState::Met;
  }
  for (const auto& [name, active] : test.units) {
    const bool is_it = call == GuardCall{"service-active", {name}};
    if (is_it) return active ? GuardState::Met : GuardState::Unmet;
  }
  // The others are not there.
  const bool missing = call.name == "service-active" && !test.units.empty();
  return missing ? GuardState::Unmet : GuardState::Met;
}

std::string outcome_of(const RuleTest& test, const StepDecisions& decisions) {
  std::vector<GuardFinding> findings;
  for (const auto& entry : decisions.guards.entries) {
    findings.push_back({entry.value,
                        {state_of(test, entry.value), "the test says so"},
                        if_unmet_of(decisions, entry.value)});
  }
  GuardSetting setting;
  setting.person = true;
  return to_string(judge_guards(findings, setting).verdict);
}

// As the outcome has it: of the guards that do not hold in the test the strictest; where all hold,
// what would be the strictest of all guards and backups. Where no rule says anything that is keep,
// and none, too.
std::string if_unmet_of_test(const RuleTest& test, const StepDecisions& decisions,
                             const std::string& wanted) {
  std::vector<Decided<IfUnmet>> unmet;
  for (const auto& entry : decisions.guards.entries) {
    if (state_of(test, entry.value) == GuardState::Met) continue;
    unmet.push_back(if_unmet_decided(decisions, entry.value));
  }
  if (unmet.empty()) {
    const bool asks = !(decisions.guards.entries.empty() && decisions.backup.entries.empty());
    const auto of_all = if_unmet_decided_of_all(decisions);
    if (!of_all && !asks) return "none";
    unmet.push_back(of_all.value_or(Decided<IfUnmet>{}));
  }
  const auto decided = strictest_of(unmet);
  const bool said = decided.by != nullptr || !decided.beaten.empty();
  return !said && same_word(wanted, "none") ? wanted : rule_word(decided.value);
}

// A guard that no rule asks about is a slip of the test.
void check_guards(const RuleTest& test, const StepDecisions& decisions,
                  std::vector<std::string>& faults) {
  for (const auto& guard : test.guards) {
    const auto& call = guard.first;
    const auto& asked = decisions.guards.entries;
    const bool known = std::any_of(asked.begin(), asked.end(), [&call](const auto& entry) {
      return is_meant(call, entry.value);
    });
    if (!known) faults.push_back("Guards: no rule that applies asks for " + to_string(call));
  }
}

std::string in_one_line(std::string text) {
  for (std::size_t at = 0; (at = text.find('\n', at)) != std::string::npos; at += 3) {
    text.replace(at, 1, " | ");
  }
  return text;
}

}  // namespace

std::vector<std::string> run_rule_test(const std::vector<Rule>& rules, const RuleTest& test,
                                       const StopsOfTest& stops) {
  std::vector<std::string> faults;
  const auto installed = [&test](std::string_view name) {
    const auto found = std::find_if(test.installed.begin(), test.installed.end(),
                                    [name](const auto& entry) { return entry.first == name; });
    return found == test.installed.end() ? std::string() : found->second;
  };
  const auto decisions = decide(rules, test.step, {compare_versions, installed});
  check_guards(test, decisions, faults);
  for (const auto& [field, wanted] : test.expect) {
    const auto found = field == "Outcome" ? outcome_of(test, decisions)
                       : field == "Stops" ? apt_rules_impl::joined(stops(test, decisions))
                       : same_word(field, "If-Unmet")
                           ? if_unmet_of_test(test, decisions, wanted)
                           : decided_text(decisions, field).value_or("none");
    const bool choice = wanted.find_first_of(" /\n") == std::string::npos;
    if (found == wanted || (choice && same_word(found, wanted))) continue;
    faults.push_back(field + ": expected " + in_one_line(wanted) + ", found " + in_one_line(found));
  }
  return faults;
}

}  // namespace aptkeep
