// What becomes, at a run's end, of what was put off to it. Pure.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/unit.h"

namespace aptkeep {

struct Due {
  std::vector<std::string> restart;                  // in the order in which they were asked for
  std::map<std::string, std::string> not_restarted;  // unit -> why, for the report
  std::set<std::string> failed;                      // a script's start of them has; to be tried
  std::vector<UnitRecord> more;                      // of units that the run's record does not know
};

// `standing`: of a package. `own_unit`: what this very process runs in; empty: none. `is_idle`:
// whether a unit that rules never restart may be restarted now.
Due sort_put_off(const std::vector<PutOff>& put_off, const std::vector<UnitRecord>& records,
                 const std::function<Standing(const std::string&)>& standing,
                 const std::string& own_unit,
                 const std::function<bool(const UnitRecord&)>& is_idle);

}  // namespace aptkeep
