#pragma once

#include <string>

namespace aptkeep {

// Aborts if the reader of rule files does with `text` what it must not. True: it has no mistake.
bool check_rule_reader(const std::string& text);

}  // namespace aptkeep
