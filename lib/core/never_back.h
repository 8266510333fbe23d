// Which packages are never put back to their old version, as the rule files say it.
//
// Precedence: the rules come in the order in which they were read (files by name, from top to
// bottom), and the last one that names the package decides. So 50-site.rules can lift what
// 10-never-roll-back.rules forbids, or the other way round.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/plan.h"

namespace aptkeep {

// One stanza.
struct NeverBack {
  std::vector<std::string> names;  // package names and patterns, all without an architecture
  bool never = true;               // false: `Rollback: allowed`, lifts what earlier rules say
  std::string reason;              // one line
  std::string source;              // one line: a link, or which script and what it does
  std::string where;               // "FILE:LINE"
};

// The rule that decides on `package` ("name:arch" or "name"); nullptr: none names it.
const NeverBack* deciding_rule(const std::vector<NeverBack>& rules, std::string_view package);

// Why `package` may never be put back; empty: it may.
std::string never_back_reason(const std::vector<NeverBack>& rules, std::string_view package);

// Fills never_back of each step that has an old side, and of a new install that takes over from a
// package which the same rule names and the run removes: mariadb-server, when it comes in the place
// of mariadb-server-10.5, has the latter's data, and removing it again would not bring them back.
void mark_never_back(const std::vector<NeverBack>& rules, std::vector<Step>& steps);

// Whether all of `name` fits `pattern` as in glob(7): * any text, ? one character, [a-z] and [!a-z]
// one of a set. A bracket that is never closed stands for itself.
bool glob_matches(std::string_view pattern, std::string_view name);

// A package name in which * ? [...] may stand too, and with something in it.
bool is_package_pattern(std::string_view text);

}  // namespace aptkeep
