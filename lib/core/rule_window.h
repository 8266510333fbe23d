// A rule's window of versions: whether a step crosses it, and whether any could.
#pragma once

#include <string>
#include <string_view>

#include "core/rule_match.h"

namespace aptkeep {

// An empty version: the package is not there on that side.
bool crosses_window(const Rule& rule, std::string_view from, std::string_view to,
                    const CompareVersions& compare);

// What is wrong with all that When-Installed says of one package: "When-Installed: no version of a
// is << 1, >> 2"; empty: nothing.
std::string condition_fault(const Rule& rule, const CompareVersions& compare);

}  // namespace aptkeep
