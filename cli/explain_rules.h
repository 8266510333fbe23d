// The part of `aptkeep explain` that tells which rules decide.
#pragma once

#include <string>
#include <vector>

namespace aptkeep::cli {

struct Considered {
  std::string package;  // "name:arch"
  std::string old_version, new_version;
};

// Which rules decide about a package, or name a unit, and which they beat. `tried`: what was kept
// back of it; empty: the upgrade that apt has for it now is looked at. `folders`: of rules; empty:
// the system's. `recorded`: the package's story was told already. False: there is nothing to tell.
bool tell_rules(const std::string& about, const std::vector<Considered>& tried,
                const std::vector<std::string>& folders, bool recorded);

}  // namespace aptkeep::cli
