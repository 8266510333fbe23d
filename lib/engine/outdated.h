// What needrestart(1) finds that uses files which the run has replaced, and what becomes of it.
// Pure.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "core/rule.h"
#include "core/unit.h"

namespace aptkeep {

// As hooks/needrestart/outdated tells it.
struct Outdated {
  // Of restarts, by needrestart's own configuration: it lists them, makes them, or asks somebody.
  enum class Mode { List, Restart, Ask };
  struct Special {
    std::string name;     // a unit, or "systemd-manager"
    std::string program;  // an absolute path
  };
  Mode mode = Mode::List;
  std::vector<std::string> units;  // its configuration has them restarted
  std::vector<std::string> left;   // and these not, or systemd refuses that
  std::vector<Special> special;    // as units; what it has a program of its own for
  std::vector<std::string> other;  // a few words each: kernel, sessions, containers
};

// Lines "mode a|l|i", "restart UNIT", "left UNIT", "special NAME PROGRAM", "other WORDS", and "end"
// as the last. An Error where that is missing: it did not come to its end.
Result<Outdated> parse_outdated(std::string_view text);

struct OutdatedPlan {
  // For the run's record, if it does not know them: all of them run, and are to run at its end.
  std::vector<UnitRecord> records;
  std::vector<PutOff> put_off;
  std::vector<std::string> programs;  // to be run before all else
};

// `now`: facts of all units in `found`. `rules`: only those about any version count, since these
// units' own packages need not be in the run. `release_upgrade`: its end is a reboot.
OutdatedPlan plan_outdated(const Outdated& found, const std::map<std::string, UnitFacts>& now,
                           const std::vector<Rule>& rules, bool release_upgrade);

}  // namespace aptkeep
