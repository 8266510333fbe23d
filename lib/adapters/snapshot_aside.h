// What the way back has put aside. Part of adapters/snapshot_back.h.
#pragma once

#include <string>
#include <vector>

#include "adapters/snapshot_back.h"

namespace aptkeep::snapshot {

struct Aside {
  Walk walk;
  Place place;
  std::string path;

  bool is_folder() const;
};

// False: it is not there (any more).
Result<bool> find_aside(const Move& move, Aside& found);

// What is not the failed version's own, as it shipped it, of what was moved: paths relative to a
// folder; "" for anything else.
std::vector<std::string> foreign_in(const Package& package, const Move& move, Aside& aside);

// Never over something.
bool rename_to_nothing(const Place& from, const Place& to);

// Removes the package's folder for what was set aside where nothing is in it.
void tidy_aside(const Package& package);

}  // namespace aptkeep::snapshot
