// The names of packages that a rule is about: names, and patterns of them.
#pragma once

#include <string>
#include <string_view>

namespace aptkeep {

// Whether all of `name` fits `pattern` as in glob(7): * any text, ? one character, [a-z] and [!a-z]
// one of a set. A bracket that is never closed stands for itself.
bool glob_matches(std::string_view pattern, std::string_view name);

// A package name in which * ? [...] may stand too, and with something in it.
bool is_package_pattern(std::string_view text);

// Why one that is a pattern is no package's nevertheless, as the end of a sentence; empty: it may
// be. "has capitals, which no package's name has"
std::string pattern_fault(std::string_view text);

}  // namespace aptkeep
