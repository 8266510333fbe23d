// Rule files (rules/README.md): deb822 stanzas, read with libapt-pkg's own reader. For now they
// say only which packages are never put back.
#pragma once

#include <string>
#include <vector>

#include "core/never_back.h"
#include "core/result.h"

namespace aptkeep {

struct Rules {
  std::vector<NeverBack> never_back;  // in the order of precedence, see core/never_back.h
  // One clear line each, about a file that cannot be read or a stanza that cannot be used; what is
  // said counts for nothing, all others count.
  std::vector<std::string> complaints;
};

// Where rule files are: those of packages, then the administrator's.
std::vector<std::string> rule_folders();

// All files NAME.rules of these folders, by name; of one that several folders have, only the last
// folder's counts. An empty one or a link to /dev/null so takes away the one it overrides. A folder
// that is not there has no files. Fails only where a folder cannot be read.
Result<Rules> read_rules(const std::vector<std::string>& folders);

}  // namespace aptkeep
