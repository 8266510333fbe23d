#include "known_rules.h"

#include <algorithm>

#include "command.h"
#include "text.h"

namespace aptkeep::cli {

Rules read_known_rules(const std::vector<std::string>& folders) {
  auto rules = read_rules(folders.empty() ? rule_folders() : folders);
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
