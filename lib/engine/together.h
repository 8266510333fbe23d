// Services of other packages that go down and up with a package (rules' Together), and what hangs
// on them: what becomes of them where that package is not whole when the plan ends, and later.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/plan.h"
#include "core/unit.h"
#include "engine/services.h"

namespace aptkeep {

// The names in Together of these steps, and those of `loaded` that fit its patterns.
std::set<std::string> units_in_together(const std::vector<Step>& steps,
                                        const std::vector<UnitFacts>& loaded);

// Of a run, by the islands of its plans.
class Together {
 public:
  Together(std::int64_t run, ServicePorts& ports);

  // Nobody starts what goes with a package that is not configured, and what would start something
  // that stays down: that hangs on it. They are told, with why.
  void leave_out(std::vector<UnitDecision>& decisions, const std::map<std::string, UnitFacts>& now,
                 const std::function<Standing(const std::string&)>& standing) const;
  // The first package that is not configured and that this unit, or what it triggers, goes with,
  // by its name without architecture; empty: there is none.
  std::string unfinished_with(const std::string& unit, const UnitFacts& facts,
                              const std::function<Standing(const std::string&)>& standing) const;

 private:
  std::vector<std::pair<std::string, std::vector<std::string>>> islands_;  // package, patterns
};

// What earlier runs have left down since a package was not configured, and which nothing keeps down
// any more, is recorded in `run` as what ran before it, and added to `records`, which are the run's
// own. Not what is disabled or masked by now: somebody wants it to be down.
Status take_over_left_down(std::int64_t run, std::vector<UnitRecord>& records,
                           const std::function<Standing(const std::string&)>& standing,
                           ServicePorts& ports);

}  // namespace aptkeep
