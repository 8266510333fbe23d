// Which keeps are over, seen from dpkg's database.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "engine/ports.h"
#include "state/store.h"

namespace aptkeep {

// Packages whose keep, from before this plan, has come to its end: whole at another version, or
// gone; and what waited for such a one. `kept_now`: those of which this plan makes new records.
//
// A new package that its own run removed again stays on record for as long as something installed
// waits for it, and where nothing ever did: it is kept from being tried. One that was left there,
// and that somebody has removed since, is over unless something installed waits for it.
std::vector<std::string> over_now(const std::vector<Keep>& active,
                                  const std::set<std::string>& kept_now, const DbSnapshot& db);

// Those of the other keeps whose package was there when they were recorded, and is not any more:
// nothing of it is unfinished now (Store::note_gone).
std::vector<std::string> gone_since(const std::vector<Keep>& active,
                                    const std::set<std::string>& kept_now,
                                    const std::vector<std::string>& over, const DbSnapshot& db);

}  // namespace aptkeep
