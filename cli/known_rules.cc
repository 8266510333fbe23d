#include "known_rules.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "command.h"
#include "core/rule_text.h"
#include "text.h"

namespace aptkeep::cli {

Result<Rules> try_known_rules(const std::vector<std::string>& folders) {
  if (folders.empty()) return read_rules(rule_folders());
  // The system's may be missing; those that somebody names may not.
  for (const std::string& folder : folders) {
    std::error_code error;
    if (std::filesystem::exists(folder, error)) continue;
    return Error{"unable to read " + folder + ": " +
                 (error ? error.message() : "No such file or directory")};
  }
  // What a run would make of the system's is not asked; and only root can have commands run.
  return read_rules(folders, RuleOwners::RootOrUser);
}

std::string no_rule_names_it(const Rules& rules) {
  return rules.complaints.empty() ? "no rule names it" : "no rule that can be used names it";
}

std::string notes_of(const Rules& rules) {
  std::string text;
  for (const std::string& complaint : rules.complaints) {
    text += "Note: " + in_one_line(complaint) + "\n";
  }
  return text;
}

Rules read_known_rules(const std::vector<std::string>& folders) {
  auto rules = try_known_rules(folders);
  if (!rules) {
    throw Failed(rules.error().message);
  }
  return std::move(*rules);
}

std::string short_name(const Rule& rule) {
  return harmless(rule.where.substr(rule.where.rfind('/') + 1));
}

std::string in_one_line(std::string text) {
  for (std::size_t at = 0; (at = text.find('\n', at)) != std::string::npos; at += 3) {
    text.replace(at, 1, " | ");
  }
  return harmless(text);
}

std::string in_short(const DecisionLine& line) {
  std::string text = std::string(line.field) + ": " + in_one_line(line.value);
  if (line.by != nullptr) {
    text += " [" + short_name(*line.by) + "]";
  }
  return text;
}

std::string in_short(const Decided<IfUnmet>& if_unmet) {
  const std::string text = std::string("If-Unmet: ") + rule_word(if_unmet.value);
  if (if_unmet.by != nullptr) return text + " [" + short_name(*if_unmet.by) + "]";
  // Of several backups, somebody does of another one.
  return text + (if_unmet.beaten.empty() ? ", since no rule says anything else"
                                         : ", since no rule says anything else of one of them");
}

std::string with_sources(const std::set<const Rule*>& rules, const std::string& indent) {
  // Not by their addresses: what a person reads is to be the same each time.
  std::vector<const Rule*> sorted(rules.begin(), rules.end());
  std::sort(sorted.begin(), sorted.end());
  std::string text;
  for (const Rule* rule : sorted) {
    text += indent + harmless(rule->where) + ": " + in_one_line(rule->reason) +
            (rule->historic ? " (historic)" : "") + "\n" + indent +
            "  Source: " + in_one_line(rule->source) + "\n";
  }
  return text;
}

}  // namespace aptkeep::cli
