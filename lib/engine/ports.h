// What the engine needs from the world. Each port has one adapter for the real thing and a fake in
// the tests.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/plan.h"
#include "core/result.h"

namespace aptkeep {

struct DpkgResult {
  int exit_code = -1;  // -1: ended by `signal`
  int signal = 0;
  std::string status_log;  // what dpkg wrote to our --status-fd
  std::string tail;        // the last lines that it and its scripts printed
};

// Runs the real dpkg. `args` without the program's name and without our own --status-fd.
class DpkgRunner {
 public:
  virtual ~DpkgRunner() = default;
  virtual Result<DpkgResult> run(const std::vector<std::string>& args) = 0;
};

// dpkg's own record of one package. Absent packages are not in the map.
struct DbPackage {
  std::string version;
  std::string arch;  // as in its control data; "all" possible
  // dpkg -l's letters: "ii", "iF", "iU", "iHR", "rc", "it", "iW" ...
  std::string state;
  bool held = false;  // want=hold

  bool configured() const {  // fit to satisfy a dependency, as dpkg sees it
    return state.size() == 2 && (state[1] == 'i' || state[1] == 't' || state[1] == 'W');
  }
};
using DbSnapshot = std::map<std::string, DbPackage>;  // "name:arch", arch never "all"

// Reads dpkg's database, updates/ replayed, without changing it.
class DpkgDatabase {
 public:
  virtual ~DpkgDatabase() = default;
  virtual Result<DbSnapshot> read() = 0;
};

// Where the driver says, before each dpkg call, what would be left to do if it died now; the
// launcher reads it. Every method leaves the record whole at any instant.
class Progress {
 public:
  virtual ~Progress() = default;
  // `in_call`: operands that the dpkg about to start was given; `after`: those of the calls to
  // come. Operands are archives for Unpack, else package names.
  virtual void calling(const std::vector<std::string>& in_call,
                       const std::vector<std::string>& after) = 0;
  virtual void finished() = 0;  // the driver ends on its own will: no fallback
  // Whoever ends this call in the driver's place is to end it with a failure even if dpkg has none:
  // it is the run's last, and something was kept.
  virtual void owe_failure() {}
};

}  // namespace aptkeep
