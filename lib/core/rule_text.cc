#include "core/rule_text.h"

#include <algorithm>
#include <functional>

#include "core/guard.h"
#include "core/if_unmet.h"

namespace aptkeep {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

template <typename T>
std::string decided(const std::optional<Decided<T>>& value) {
  return value ? value_text(value->value) : "none";
}

// At the end of a line it would mean that the entry goes on in the next one.
std::string without_last_backslash(std::string text) {
  if (text.ends_with(" \\")) text.replace(text.size() - 1, 1, "'\\'");
  return text;
}

template <typename T>
std::string joined(const DecidedList<T>& list, char between) {
  if (list.entries.empty()) return "none";
  std::string text;
  for (const auto& entry : list.entries) {
    if (!text.empty()) text += between;
    text += without_last_backslash(value_text(entry.value));
  }
  return text;
}

// Paths may have blanks.
std::string quoted(const DecidedList<std::string>& paths) {
  DecidedList<GuardCall> words;
  for (const auto& path : paths.entries) words.entries.push_back({{path.value, {}}, path.by});
  return joined(words, ' ');
}

struct FieldText {
  const char* name;
  std::string (*text)(const StepDecisions& d);
};

constexpr std::array<FieldText, 17> kFields{{
    {"Services", [](const StepDecisions& d) { return joined(d.services, ' '); }},
    {"Reload", [](const StepDecisions& d) { return joined(d.reload, ' '); }},
    {"Class", [](const StepDecisions& d) { return decided(d.service_class); }},
    {"Sockets", [](const StepDecisions& d) { return decided(d.sockets); }},
    {"Together", [](const StepDecisions& d) { return joined(d.together, ' '); }},
    {"Guard", [](const StepDecisions& d) { return joined(d.guards, '\n'); }},
    {"If-Unmet", [](const StepDecisions& d) { return decided(if_unmet_decided_of_all(d)); }},
    {"Check-Config", [](const StepDecisions& d) { return joined(d.check_config, '\n'); }},
    {"Probe", [](const StepDecisions& d) { return joined(d.probe, '\n'); }},
    {"Idle", [](const StepDecisions& d) { return joined(d.idle, '\n'); }},
    {"Before", [](const StepDecisions& d) { return joined(d.before, '\n'); }},
    {"After", [](const StepDecisions& d) { return joined(d.after, '\n'); }},
    {"Backup", [](const StepDecisions& d) { return joined(d.backup, '\n'); }},
    {"Save", [](const StepDecisions& d) { return quoted(d.save); }},
    {"On-Failure", [](const StepDecisions& d) { return decided(d.on_failure); }},
    {"Rollback", [](const StepDecisions& d) { return decided(d.never_back); }},
    {"Repair", [](const StepDecisions& d) { return decided(d.repair); }},
}};

}  // namespace

bool same_word(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

template <typename E>
std::optional<E> rule_value(std::string_view word) {
  const auto& words = RuleWords<E>::kWords;
  const auto* found = std::find_if(words.begin(), words.end(),
                                   [word](const char* known) { return same_word(known, word); });
  if (found == words.end()) return std::nullopt;
  return static_cast<E>(found - words.begin());
}
template std::optional<RelationOp> rule_value(std::string_view);
template std::optional<ServiceClass> rule_value(std::string_view);
template std::optional<SocketMode> rule_value(std::string_view);
template std::optional<IfUnmet> rule_value(std::string_view);
template std::optional<OnFailure> rule_value(std::string_view);

std::string to_string(const Relation& relation) {
  return std::string(rule_word(relation.op)) + " " + relation.version;
}

std::string to_string(const RuleCommand& command) {
  std::string text;
  if (command.timeout != RuleCommand().timeout) {
    text += "timeout=" + std::to_string(command.timeout) + " ";
  }
  if (!command.user.empty()) text += "user=" + command.user + " ";
  if (command.shell) return text + "sh: " + (command.argv.empty() ? "" : command.argv.front());
  if (command.argv.empty()) return text;
  return text +
         to_string(GuardCall{command.argv[0], {command.argv.begin() + 1, command.argv.end()}});
}

std::string value_text(const GuardCall& call) {
  return to_string(call);
}

std::string value_text(const RuleCommand& command) {
  return to_string(command);
}

std::optional<std::string> decided_text(const StepDecisions& decisions, std::string_view field) {
  for (const auto& known : kFields) {
    if (same_word(known.name, field)) return known.text(decisions);
  }
  return std::nullopt;
}

const std::vector<const char*>& decision_fields() {
  static const std::vector<const char*> names = [] {
    std::vector<const char*> made;
    for (const auto& field : kFields) made.push_back(field.name);
    return made;
  }();
  return names;
}

}  // namespace aptkeep
