// The part of `aptkeep explain` that tells which rules decide.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "adapters/apt_rules.h"

namespace aptkeep::cli {

struct Considered {
  std::string package;  // "name:arch"
  std::string old_version, new_version;
  // By name, the versions from before of what was changed with it, "" of what came new: rules ask
  // for them (When-Installed), and what is there now is another.
  std::map<std::string, std::string> with = {};
};

// `folders` empty: the system's. Where they cannot be read that is their only complaint.
Rules rules_to_tell(const std::vector<std::string>& folders);

// Which rules decide about a package, or name a unit, and which they beat; and which files of rules
// cannot be used, since one of them may be what is looked for. `tried`: what was kept back of it;
// empty: the upgrade that apt has for it now is looked at. `recorded`: the package's story was told
// already. False: no rule is to be told.
bool tell_rules(const std::string& about, const std::vector<Considered>& tried, const Rules& rules,
                bool recorded);

}  // namespace aptkeep::cli
