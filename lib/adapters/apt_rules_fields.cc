// The fields of a rule's stanza.
#include <algorithm>
#include <array>
#include <set>

#include "adapters/apt_rules_impl.h"
#include "core/rule_match.h"
#include "core/rule_text.h"
#include "core/rule_window.h"

namespace aptkeep::apt_rules_impl {
namespace {

struct FieldReader {
  std::string_view name;
  void (*read)(const Field& field, Rule& rule, Faults& faults);
};

std::string with_or(const char* const* words, std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) {
    if (i > 0) text += i + 1 == count ? " or " : ", ";
    text += words[i];
  }
  return text;
}

void tell_choice(const Field& field, const std::string& words, Faults& faults) {
  faults.push_back({field.line, field.name + ": " + as_shown(folded(field)) + " is not " + words});
}

template <typename E>
void read_choice(const Field& field, std::optional<E>& value, Faults& faults) {
  value = rule_value<E>(folded(field));
  const auto& words = RuleWords<E>::kWords;
  if (!value) tell_choice(field, with_or(words.data(), words.size()), faults);
}

bool read_bool(const Field& field, const char* yes, const char* no, Faults& faults) {
  const auto value = folded(field);
  const std::array words = {yes, no};
  if (!same_word(value, yes) && !same_word(value, no)) {
    tell_choice(field, with_or(words.data(), words.size()), faults);
  }
  return same_word(value, yes);
}

void read_text(const Field& field, std::string& value, Faults& faults) {
  value = folded(field);
  if (value.empty()) faults.push_back({field.line, field.name + " is empty"});
}

void read_source(const Field& field, Rule& rule, Faults& faults) {
  rule.source = folded(field);
  if (rule.source.find("://") == std::string::npos && rule.source.find(": ") == std::string::npos) {
    faults.push_back({field.line, "Source is neither a link nor \"PACKAGE SCRIPT: what it does\""});
  }
}

constexpr std::array<FieldReader, 17> kSaying{{
    {"Services", [](const Field& f, Rule& r, Faults& e) { read_units(f, r.services, e); }},
    {"Reload", [](const Field& f, Rule& r, Faults& e) { read_units(f, r.reload, e); }},
    {"Class", [](const Field& f, Rule& r, Faults& e) { read_choice(f, r.service_class, e); }},
    {"Sockets", [](const Field& f, Rule& r, Faults& e) { read_choice(f, r.sockets, e); }},
    {"Together", [](const Field& f, Rule& r, Faults& e) { read_units(f, r.together, e); }},
    {"Guard", [](const Field& f, Rule& r, Faults& e) { read_guards(f, r.guards, e); }},
    {"If-Unmet", [](const Field& f, Rule& r, Faults& e) { read_choice(f, r.if_unmet, e); }},
    {"Check-Config",
     [](const Field& f, Rule& r, Faults& e) { read_commands(f, r.check_config, e); }},
    {"Probe", [](const Field& f, Rule& r, Faults& e) { read_commands(f, r.probe, e); }},
    {"Idle", [](const Field& f, Rule& r, Faults& e) { read_commands(f, r.idle, e); }},
    {"Before", [](const Field& f, Rule& r, Faults& e) { read_commands(f, r.before, e); }},
    {"After", [](const Field& f, Rule& r, Faults& e) { read_commands(f, r.after, e); }},
    {"Backup", [](const Field& f, Rule& r, Faults& e) { read_commands(f, r.backup, e); }},
    {"Save", [](const Field& f, Rule& r, Faults& e) { read_paths(f, r.save, e); }},
    {"On-Failure", [](const Field& f, Rule& r, Faults& e) { read_choice(f, r.on_failure, e); }},
    {"Rollback", [](const Field& f, Rule& r,
                    Faults& e) { r.never_back = read_bool(f, "never", "allowed", e); }},
    {"Repair", [](const Field& f, Rule& r, Faults& e) { read_text(f, r.repair.emplace(), e); }},
}};

constexpr std::array<FieldReader, 9> kOther{{
    {"Package", [](const Field& f, Rule& r, Faults& e) { read_packages(f, r.packages, e); }},
    {"When-Installed", read_conditions},
    {"Architecture", read_architectures},
    {"Upgrade-From",
     [](const Field& f, Rule& r, Faults& e) { read_relations(f, r.upgrade_from, e); }},
    {"Upgrade-To", [](const Field& f, Rule& r, Faults& e) { read_relations(f, r.upgrade_to, e); }},
    {"Both-Ways",
     [](const Field& f, Rule& r, Faults& e) { r.both_ways = read_bool(f, "yes", "no", e); }},
    {"Reason", [](const Field& f, Rule& r, Faults& e) { read_text(f, r.reason, e); }},
    {"Source", read_source},
    {"Historic",
     [](const Field& f, Rule& r, Faults& e) { r.historic = read_bool(f, "yes", "no", e); }},
}};

template <std::size_t N>
const FieldReader* find(const std::array<FieldReader, N>& readers, std::string_view name) {
  const auto* found = std::find_if(readers.begin(), readers.end(), [name](const auto& reader) {
    return same_word(reader.name, name);
  });
  return found == readers.end() ? nullptr : found;
}

// All but the names are told as they are known, so that a message is not in somebody's capitals.
void read_with(const FieldReader& reader, const Field& field, Rule& rule, Faults& faults) {
  reader.read({std::string(reader.name), field.line, field.lines}, rule, faults);
}

std::size_t line_in(const Stanza& stanza, std::string_view name) {
  const auto* field = stanza.find(name);
  return field == nullptr ? stanza.line : field->line;
}

// What is right in each field, and can come to nothing.
void check_sense(const Stanza& stanza, const Rule& rule, Faults& faults) {
  const bool waits = !rule.service_class || *rule.service_class == ServiceClass::Never;
  if (!rule.idle.entries.empty() && !waits)
    faults.push_back({line_in(stanza, "Idle"), "Idle with another Class than never"});
  const bool stops = !rule.service_class || *rule.service_class == ServiceClass::Stop;
  if (!rule.together.entries.empty() && !stops)
    faults.push_back({line_in(stanza, "Together"), "Together with another Class than stop"});
  for (const auto& unit : rule.reload.entries) {
    if (is_unit(unit) && !unit.ends_with(".service"))
      faults.push_back({line_in(stanza, "Reload"), "Reload: " + as_shown(unit) + " is no service"});
  }
  const auto& own = rule.services.entries;
  for (const auto& unit : rule.together.entries) {
    if (std::find(own.begin(), own.end(), unit) != own.end()) {
      faults.push_back(
          {line_in(stanza, "Together"), "Together: " + as_shown(unit) + " is in Services, too"});
    }
  }
}

void check_window(const Stanza& stanza, const Rule& rule, Faults& faults) {
  const auto line_of = [&stanza](std::string_view name) { return line_in(stanza, name); };
  const bool has_window =
      stanza.find("Upgrade-From") != nullptr || stanza.find("Upgrade-To") != nullptr;
  if (rule.both_ways && !has_window) {
    faults.push_back({line_of("Both-Ways"), "Both-Ways without Upgrade-From or Upgrade-To"});
  }
  if (auto why = window_fault(rule, compare_versions); !why.empty()) {
    const auto line = line_of(std::string_view(why).substr(0, why.find(':')));
    faults.push_back({line, std::move(why)});
  }
  if (auto why = condition_fault(rule, compare_versions); !why.empty())
    faults.push_back({line_of("When-Installed"), std::move(why)});
}

}  // namespace

bool read_saying_field(const Field& field, Rule& rule, Faults& faults) {
  const auto* reader = find(kSaying, field.name);
  if (reader != nullptr) read_with(*reader, field, rule, faults);
  return reader != nullptr;
}

Rule rule_of(const Stanza& stanza, const std::string& path, Faults& faults) {
  Rule rule;
  rule.where = place(path, stanza.line);
  std::set<std::string_view> seen;
  bool says_something = false;
  bool whole = !stanza.has_lost;
  for (const auto& field : stanza.fields) {
    const auto* saying = find(kSaying, field.name);
    const auto* reader = saying != nullptr ? saying : find(kOther, field.name);
    if (reader == nullptr) {
      faults.push_back({field.line, "unknown field " + as_shown(field.name)});
      whole = false;  // it may be the one that is missed
    } else if (!seen.insert(reader->name).second) {
      faults.push_back({field.line, "field " + std::string(reader->name) + " is there twice"});
    } else {
      read_with(*reader, field, rule, faults);
      says_something = says_something || saying != nullptr;
    }
  }
  for (const char* name : {"Package", "Reason", "Source"}) {
    if (whole && !seen.contains(name))
      faults.push_back({stanza.line, std::string("no field ") + name});
  }
  if (whole && !says_something) {
    faults.push_back({stanza.line, "no field says what to do: Class, Guard, Rollback or another"});
  }
  check_window(stanza, rule, faults);
  check_sense(stanza, rule, faults);
  return rule;
}

}  // namespace aptkeep::apt_rules_impl
