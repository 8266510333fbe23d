// Rules and steps for tests. Versions are plain numbers here: what orders real ones is libapt-pkg.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/rule_match.h"

namespace aptkeep::test {

inline int compare_numbers(std::string_view a, std::string_view b) {
  return std::stoi(std::string(a)) - std::stoi(std::string(b));
}

inline RuleFacts facts_with(std::vector<std::pair<std::string, std::string>> installed = {}) {
  return {compare_numbers, [installed = std::move(installed)](std::string_view name) {
            for (const auto& [package, version] : installed) {
              if (package == name) return version;
            }
            return std::string();
          }};
}

inline Rule rule_for(std::vector<std::string> packages, std::string where = "test:1") {
  Rule rule;
  rule.packages = std::move(packages);
  rule.where = std::move(where);
  return rule;
}

inline Step step_of(std::string package, std::string from, std::string to) {
  Step step;
  step.package = std::move(package);
  step.old_version = std::move(from);
  step.new_version = std::move(to);
  return step;
}

}  // namespace aptkeep::test
