// What a field's value must look like. Nothing here is ever given to a shell, and what could be
// taken for an option or for two words is refused.
#include <algorithm>
#include <array>

#include "adapters/apt_rules_impl.h"
#include "core/guard.h"
#include "core/guard_arguments.h"
#include "core/names.h"
#include "core/package_pattern.h"
#include "core/rule_text.h"

namespace aptkeep::apt_rules_impl {
namespace {

constexpr std::size_t kLongestUnit = 255;  // systemd.unit(5)

void tell(Faults& faults, const Field& field, const Piece& piece, const std::string& what) {
  faults.push_back({piece.line, field.name + ": " + as_shown(piece.text) + " " + what});
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

template <typename T>
bool takes_none(const std::string& text, RuleList<T>& list) {
  const bool none = same_word(text, "none");
  list.none = list.none || none;
  return none;
}

void need_something(const Field& field, Faults& faults) {
  if (field.lines.empty()) faults.push_back({field.line, field.name + " is empty"});
}

// "<< 3.6"
std::optional<Relation> relation_of(std::string_view text) {
  const auto end = text.find_first_not_of("<=>");
  if (end == std::string_view::npos) return std::nullopt;
  const auto op = rule_value<RelationOp>(text.substr(0, end));
  text.remove_prefix(end);
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  if (!op || !is_full_version(text)) return std::nullopt;
  return Relation{*op, std::string(text)};
}

// "dovecot-core (>= 1:2.3)"
std::optional<InstalledCondition> condition_of(std::string_view text) {
  const auto end = std::min(text.find_first_of(" \t("), text.size());
  InstalledCondition condition{std::string(text.substr(0, end)), std::nullopt};
  if (!is_package_name(condition.package)) return std::nullopt;
  text.remove_prefix(end);
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  if (text.empty()) return condition;
  if (text.size() < 2 || text.front() != '(' || text.back() != ')') return std::nullopt;
  text = text.substr(1, text.size() - 2);
  text = text.substr(0, text.find_last_not_of(" \t") + 1);
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  condition.version = relation_of(text);
  return condition.version ? std::optional(condition) : std::nullopt;
}

bool has_unit_suffix(std::string_view text) {
  static constexpr std::array kSuffixes = {".service", ".socket",    ".timer", ".path",  ".target",
                                           ".mount",   ".automount", ".swap",  ".slice", ".scope"};
  return std::any_of(kSuffixes.begin(), kSuffixes.end(),
                     [text](const char* suffix) { return text.ends_with(suffix); });
}

// What is wrong with it as an absolute path; empty: nothing.
std::string path_fault(std::string_view path) {
  if (!path.starts_with('/')) return "is no absolute path";
  for (std::string_view rest = path; !rest.empty();) {
    rest.remove_prefix(1);
    const auto part = rest.substr(0, rest.find('/'));
    if (part == "." || part == "..") return "goes over . or ..";
    if (part.empty()) return "has an empty part";
    rest.remove_prefix(part.size());
  }
  return {};
}

}  // namespace

// Policy 5.6.12, as dpkg's parseversion() has it.
bool is_full_version(std::string_view text) {
  if (!is_version(text) || text.ends_with('-')) return false;
  if (const auto colon = text.find(':'); colon != std::string_view::npos) {
    const auto epoch = text.substr(0, colon);
    if (epoch.size() > 9 || !std::all_of(epoch.begin(), epoch.end(), is_digit)) return false;
    text.remove_prefix(colon + 1);
  }
  return !text.empty() && is_digit(text.front());
}

// systemd.unit(5); not one that begins like an option, and a pattern only for instances.
bool is_unit(std::string_view text) {
  if (text.size() > kLongestUnit || !has_unit_suffix(text)) return false;
  text = text.substr(0, text.rfind('.'));
  const auto at = text.find('@');
  if (at != std::string_view::npos && at + 1 == text.size()) return false;
  if (text.empty() || !(is_letter(text.front()) || is_digit(text.front()))) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool pattern = c == '*' && at != std::string_view::npos && i > at;
    const bool known = std::string_view(":-_.\\@").find(c) != std::string_view::npos;
    if (!is_letter(c) && !is_digit(c) && !known && !pattern) return false;
  }
  return true;
}

void read_packages(const Field& field, std::vector<std::string>& packages, Faults& faults) {
  for (const auto& word : words_of(field)) {
    const auto why =
        is_package_pattern(word.text) ? pattern_fault(word.text) : "is no package name";
    if (!why.empty()) tell(faults, field, word, why);
    packages.push_back(word.text);
  }
  if (packages.empty()) faults.push_back({field.line, field.name + " names none"});
}

void read_architectures(const Field& field, Rule& rule, Faults& faults) {
  for (const auto& word : words_of(field)) {
    const bool one = word.text != "all" && word.text != "any" && is_architecture(word.text);
    if (!one) tell(faults, field, word, "is no machine's architecture");
    rule.architectures.push_back(word.text);
  }
  need_something(field, faults);
}

void read_conditions(const Field& field, Rule& rule, Faults& faults) {
  for (const auto& piece : commas_of(field)) {
    auto condition = condition_of(piece.text);
    if (!condition) tell(faults, field, piece, "is no NAME and no NAME (>= VERSION)");
    if (!condition) continue;
    if (const auto why = pattern_fault(condition->package); !why.empty())
      tell(faults, field, piece, why);
    rule.when_installed.push_back(std::move(*condition));
  }
  need_something(field, faults);
}

void read_relations(const Field& field, std::vector<Relation>& relations, Faults& faults) {
  for (const auto& piece : commas_of(field)) {
    auto relation = relation_of(piece.text);
    if (!relation) tell(faults, field, piece, "is no version behind <<, <=, =, >= or >>");
    if (relation) relations.push_back(std::move(*relation));
  }
  need_something(field, faults);
}

void read_units(const Field& field, RuleList<std::string>& units, Faults& faults) {
  for (const auto& word : words_of(field)) {
    if (takes_none(word.text, units)) continue;
    if (!is_unit(word.text)) tell(faults, field, word, "is no unit, such as x.service");
    units.entries.push_back(word.text);
  }
  need_something(field, faults);
}

void read_paths(const Field& field, RuleList<std::string>& paths, Faults& faults) {
  for (const auto& line : field.lines) {
    if (takes_none(line.text, paths)) continue;
    std::vector<std::string> words;
    if (!split_words(line.text, words)) tell(faults, field, line, "has a quote that is not closed");
    for (auto& word : words) {
      auto why = path_fault(word);
      if (why.empty() && word.find_first_of("*?[") != std::string::npos) why = "is a pattern";
      if (why.empty() && word.ends_with(',')) why = "ends with a comma; blanks are between paths";
      if (!why.empty()) tell(faults, field, {word, line.line}, why);
      paths.entries.push_back(std::move(word));
    }
  }
  need_something(field, faults);
}

void read_guards(const Field& field, RuleList<GuardCall>& guards, Faults& faults) {
  for (const auto& line : field.lines) {
    if (takes_none(line.text, guards)) continue;
    std::vector<std::string> words;
    if (!split_words(line.text, words) || words.empty()) {
      tell(faults, field, line, "has a quote that is not closed");
      continue;
    }
    GuardCall call{words.front(), {words.begin() + 1, words.end()}};
    if (const auto why = guard_fault(call); !why.empty()) {
      tell(faults, field, line, "is no guard: " + why);
    }
    guards.entries.push_back(std::move(call));
  }
  need_something(field, faults);
}

void read_commands(const Field& field, RuleList<RuleCommand>& commands, Faults& faults) {
  for (const auto& line : field.lines) {
    if (takes_none(line.text, commands)) continue;
    RuleCommand command;
    if (const auto why = read_rule_command(line.text, command); !why.empty()) {
      tell(faults, field, line, why);
    }
    commands.entries.push_back(std::move(command));
  }
  need_something(field, faults);
}

}  // namespace aptkeep::apt_rules_impl
