// The names of packages that a rule is about: names, and patterns of them.
#pragma once

#include <string_view>

namespace aptkeep {

// Whether all of `name` fits `pattern` as in glob(7): * any text, ? one character, [a-z] and [!a-z]
// one of a set. A bracket that is never closed stands for itself.
bool glob_matches(std::string_view pattern, std::string_view name);

// A package name in which * ? [...] may stand too, and with something in it.
bool is_package_pattern(std::string_view text);

}  // namespace aptkeep
