// Which packages dpkg has as the owners of a conffile. Part of adapters/snapshot_back.h.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace aptkeep::snapshot {

struct Claim {
  std::string package;  // "name:arch", arch as in its control data
  std::string state;    // dpkg -l's letters, "ii", "rc"
  std::string hash;
  bool obsolete = false;  // its version does not have it any more
};

// Of all packages that dpkg has a record of, removed ones too, by conffile. None where it says
// nothing.
using Claims = std::map<std::string, std::vector<Claim>>;
Claims read_claims();

}  // namespace aptkeep::snapshot
