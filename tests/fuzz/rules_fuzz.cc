// One function for libFuzzer and for rules_fuzz_test.cc: hands a text to the reader of rule files,
// and checks what must hold of whatever comes out. A violation aborts.
#include "rules_fuzz.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "adapters/apt_rules_impl.h"
#include "core/guard.h"
#include "core/guard_arguments.h"
#include "core/package_pattern.h"
#include "core/rule_text.h"
#include "require.h"

namespace aptkeep {
namespace {

// Nothing that a terminal, a log or another program would take for more than text.
bool is_text(const std::string& text) {
  auto plain = text;
  std::replace(plain.begin(), plain.end(), '\t', ' ');
  return shown(plain, plain.size()) == plain;
}

bool is_one_word(std::string_view text) {
  return !text.empty() && text.find_first_of(" \t\n'\"$`;|&<>()/#") == std::string_view::npos &&
         text.front() != '-';
}

bool is_absolute(const std::string& path) {
  return path.starts_with("/") && path.find("/../") == std::string::npos && !path.ends_with("/..");
}

void check_command(const RuleCommand& command) {
  require(!command.argv.empty(), "a command has a program");
  require(std::all_of(command.argv.begin(), command.argv.end(), is_text), "arguments are text");
  require(command.shell || is_absolute(command.argv[0]), "a program's path is absolute");
  require(!command.shell || command.argv.size() == 1, "a shell gets one text");
  require(command.timeout > 0 && command.timeout <= 86400, "a command's time has an end");
  require(command.user.empty() || is_account_name(command.user), "a user is one");
}

void check_relation(const Relation& relation) {
  require(is_one_word(relation.version), "a version is one word");
  require(compare_versions(relation.version, relation.version) == 0, "a version is itself");
}

void check_rule(const Rule& rule) {
  require(!rule.packages.empty(), "a rule is about packages");
  for (const auto& name : rule.packages) require(is_package_pattern(name), "names are names");
  for (const auto& condition : rule.when_installed) {
    require(is_one_word(condition.package), "a condition's package is one word");
    if (condition.version) check_relation(*condition.version);
  }
  for (const auto& name : rule.architectures) require(is_one_word(name), "so are architectures");
  std::for_each(rule.upgrade_from.begin(), rule.upgrade_from.end(), check_relation);
  std::for_each(rule.upgrade_to.begin(), rule.upgrade_to.end(), check_relation);
  require(window_fault(rule, compare_versions).empty(), "a window can be crossed");
  for (const auto* units : {&rule.services, &rule.reload, &rule.together}) {
    for (const auto& unit : units->entries) require(is_one_word(unit), "a unit is one word");
  }
  for (const auto* list :
       {&rule.check_config, &rule.probe, &rule.idle, &rule.before, &rule.after, &rule.backup}) {
    std::for_each(list->entries.begin(), list->entries.end(), check_command);
  }
  for (const auto& call : rule.guards.entries)
    require(guard_fault(call).empty(), "guards are known");
  for (const auto& path : rule.save.entries) require(is_absolute(path), "saved paths are absolute");
  for (const auto* text : {&rule.reason, &rule.source}) {
    require(!text->empty() && is_text(*text), "reason and source are text");
  }
}

// What the rule says, as it would stand in a file.
std::string saying(const Rule& rule) {
  Rule everywhere = rule;
  everywhere.packages = {"x"};
  everywhere.when_installed.clear();
  everywhere.architectures.clear();
  everywhere.upgrade_from.clear();
  everywhere.upgrade_to.clear();
  Step step;
  step.package = "x";
  const std::vector<Rule> rules = {everywhere};
  const auto decided = decide(rules, step, {compare_versions, [](auto) { return ""; }});
  std::string text;
  for (const auto* field : decision_fields()) {
    auto value = decided_text(decided, field).value_or("");
    for (std::size_t at = 0; (at = value.find('\n', at)) != std::string::npos; at += 2) {
      value.replace(at, 1, "\n ");
    }
    if (value != "none") text += std::string(field) + ":\n " + value + "\n";
  }
  return text;
}

// Written down again it is the same: nothing has become two words, or another field's.
void check_written_again(const Rule& rule) {
  const auto text = saying(rule);
  if (text.empty()) return;
  apt_rules_impl::Faults faults;
  const auto again =
      apt_rules_impl::parse("Package: x\nReason: r\nSource: s: t\n" + text, "again", faults);
  require(faults.empty(), "what was written down again has no mistake");
  require(again.rules.size() == 1 && saying(again.rules[0]) == text, "it says the same");
}

std::vector<std::string> all_units(const RuleTest& test, const StepDecisions&) {
  std::vector<std::string> names;
  for (const auto& unit : test.units) names.push_back(unit.first);
  return names;
}

}  // namespace

bool check_rule_reader(const std::string& text) {
  apt_rules_impl::Faults faults;
  const auto file = apt_rules_impl::parse(text, "x", faults);
  for (const auto& fault : faults) {
    require(is_text(fault.why) && !fault.why.empty(), "a mistake is told in clean text");
    require(fault.line > 0, "and has a line");
  }
  if (!faults.empty()) return false;
  std::for_each(file.rules.begin(), file.rules.end(), check_rule);
  std::for_each(file.rules.begin(), file.rules.end(), check_written_again);
  for (const auto& test : file.tests) {
    require(!test.name.empty() && !test.expect.empty(), "a test expects something");
    require(is_one_word(test.step.package), "a test is about a package");
    const auto told = run_rule_test(file.rules, test, all_units);
    for (const auto& line : told) require(is_text(line), "clean text");
  }
  return true;
}

}  // namespace aptkeep

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size);
extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  aptkeep::check_rule_reader({data, data + size});
  return 0;
}
