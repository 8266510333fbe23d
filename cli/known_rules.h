// The rules as the commands use them.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "adapters/apt_rules.h"
#include "core/decision_lines.h"

namespace aptkeep::cli {

// `folders` empty: the system's. Of folders that were given, what the user has counts as well.
Result<Rules> try_known_rules(const std::vector<std::string>& folders);
// The same; ends the command where a folder cannot be read.
Rules read_known_rules(const std::vector<std::string>& folders);

// A line for each file that cannot be used.
std::string notes_of(const Rules& rules);
std::string no_rule_names_it(const Rules& rules);

// "50-site.rules:12": no two files that count have one name.
std::string short_name(const Rule& rule);

// "Class: stop [50-site.rules:12]"
std::string in_short(const DecisionLine& line);
// "If-Unmet: keep [50-site.rules:12]"
std::string in_short(const Decided<IfUnmet>& if_unmet);

// Where they stand, whole, with their reasons and sources; `indent` before each line.
std::string with_sources(const std::set<const Rule*>& rules, const std::string& indent);

// In what a rule says, which may have line ends.
std::string in_one_line(std::string text);

}  // namespace aptkeep::cli
