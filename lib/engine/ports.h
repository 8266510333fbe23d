// What the engine needs from the world. Each port has one adapter for the real thing and a fake in
// the tests.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/plan.h"
#include "core/result.h"
#include "core/unit.h"

namespace aptkeep {

struct DpkgResult {
  int exit_code = -1;  // -1: ended by `signal`
  int signal = 0;
  std::string status_log;  // what dpkg wrote to our --status-fd
  std::string tail;        // the last lines that it and its scripts printed
  bool hung = false;       // a script did nothing any more and was ended
  std::string hang;        // what was told of that: its processes, what they waited for
  bool oom_kill = false;   // the kernel ended some process for want of memory meanwhile
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
  // The version that was last configured, where it is not `version` (dpkg's Config-Version).
  std::string config_version = {};
  bool never_configured = false;  // no version of it ever was

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
  // `left_out`: how many more there are that nobody else may take on, since they are saved before
  // they are replaced; then the call is to end with a failure.
  virtual void calling(const std::vector<std::string>& in_call,
                       const std::vector<std::string>& after, std::size_t left_out) = 0;
  void calling(const std::vector<std::string>& in_call, const std::vector<std::string>& after) {
    calling(in_call, after, 0);
  }
  virtual void finished() = 0;  // the driver ends on its own will: no fallback
  // Whoever ends this call in the driver's place is to end it with a failure even if dpkg has none:
  // it is the run's last, and something was kept.
  virtual void owe_failure() {}
};

// Where no launcher is there who would go on.
class NoProgress final : public Progress {
 public:
  using Progress::calling;
  void calling(const std::vector<std::string>&, const std::vector<std::string>&,
               std::size_t) override {}
  void finished() override {}
};

// What packages were before this plan touched them, and the way back. All calls but take() are for
// packages that have a snapshot. Packages are named "name:arch".
class Snapshots {
 public:
  virtual ~Snapshots() = default;

  // Records the system (also without packages, for undo_new) and takes those that have none yet;
  // on return they are on disk for good. Says of each package why
  // it cannot be gone back to, where that is so: its upgrade goes on nevertheless.
  virtual std::map<std::string, std::string> take(const std::vector<std::string>& packages) = 0;
  // Takes those anew whose configuration was touched since they were taken: by a person, or by
  // another package's script. Says the same.
  virtual std::map<std::string, std::string> renew(const std::vector<std::string>& packages) = 0;
  virtual bool has(const std::string& package) = 0;

  // Makes the archive that dpkg puts the old version back from; its path. An Error leaves nothing
  // behind.
  virtual Result<std::string> archive(const std::string& package) = 0;

  // Where dpkg has left a package between its versions: it may have been killed amid the undoing of
  // a failed unpack, and have forgotten then what only the new version ships. That is removed, as
  // far as `archive` (the new version's) still tells of it.
  virtual Status remove_strays(const std::string& package, const std::string& archive) = 0;

  // Before dpkg unpacks those archives: moves away what would be in their way or be written through
  // (a path that is of another type now). Undone by settle() where the unpacking did not happen.
  virtual Status clear_way(const std::vector<std::string>& packages) = 0;

  // After dpkg has unpacked the old versions, before it configures them: contents of conffiles,
  // diversions and statoverrides that the failed scripts added.
  virtual Status settle(const std::vector<std::string>& packages) = 0;
  // Of a package whose old archive dpkg could not unpack: as settle(), which cannot tell that by
  // itself where both builds of a reinstallation bear one version.
  virtual Status unsettle(const std::string& package) = 0;

  // After that: whether files of the package are not there, since dpkg left them to another one
  // (Replaces), which was unpacked after it and has given them up. False where that cannot be read.
  virtual bool lacks_files(const std::string& package) = 0;

  // After dpkg has configured them: what dpkg knows of their conffiles, ucf's files, alternatives,
  // owners, modes and attributes. Compares every path with its record and returns what is still
  // not as it was, one sentence each ("/etc/x: mode 0600, was 0640").
  virtual Result<std::vector<std::string>> complete(const std::vector<std::string>& packages) = 0;

  // Packages that came new in this plan have no snapshot: their way back is to be removed. Before
  // that, and after it: takes away the diversions, statoverrides and alternatives that their
  // scripts made and left. A sentence on each that it could not.
  virtual Status note_new(const std::vector<std::string>& packages) = 0;
  virtual std::vector<std::string> undo_new(const std::string& package) = 0;
  // Of what was removed so: its diversions and statoverrides alone, which dpkg-divert and
  // dpkg-statoverride would refuse what is unpacked next. What cannot be undone undo_new() tells.
  virtual void clear_new(const std::string& package) = 0;
  // Of a package that dpkg itself has brought back to where it was, because a script failed: the
  // same of what its scripts did; `archive`: of the version that was to come, "" of a removal.
  // `once`: unless that was done, or it would take away what people have done since.
  virtual std::vector<std::string> undo_scripts(const std::string& package,
                                                const std::string& archive, bool once) = 0;
  // Whether the new package has a file that one of these had at its old version, and that comes
  // back only when the new package is gone. True where that cannot be read.
  virtual bool shares_files(const std::string& newcomer,
                            const std::vector<std::string>& packages) = 0;
};

// The service manager's units.
class Units {
 public:
  virtual ~Units() = default;
  // All that it has loaded, with their names and states only.
  virtual Result<std::vector<UnitFacts>> loaded() = 0;
  // By the names that were asked for; one that it does not know is "not-found".
  virtual Result<std::map<std::string, UnitFacts>> ask(const std::vector<std::string>& names) = 0;
  // "start", "stop", "restart", "reset-failed" of units, all in one call, to their end;
  // "daemon-reload" of none ({""}).
  virtual Status act(const std::string& verb, const std::vector<std::string>& names) = 0;
  // Whether an administrator's own policy-rc.d lets it: "stop", "start". It is not asked by act().
  virtual bool may(const std::string& verb, const std::string& name) {
    (void)verb, (void)name;
    return true;
  }
  // It takes no starts any more (systemd: "Transaction for x is destructive").
  virtual bool shuts_down() = 0;
  // Waits for so many milliseconds.
  virtual void pause(int milliseconds) = 0;
  // Its last lines there; empty: none, or no journal.
  virtual std::string journal(const std::string& unit) = 0;
};

// A unit that nothing may start until its package is configured (policy/holds.h).
struct HeldUnit {
  std::string unit;
  std::string package;  // "name:arch"
  bool ran = false;     // it was up, and is to be up again
  bool waits = false;   // not let go by its package's own script
  // A service that something stands in for, or a socket of it, which is up (policy/parked.h).
  bool parked = false;

  friend bool operator==(const HeldUnit&, const HeldUnit&) = default;
};

class Holds {
 public:
  virtual ~Holds() = default;
  // An Error: not all of them are held. Who is held already stays as it is.
  virtual Status put(const std::vector<HeldUnit>& units) = 0;
  virtual std::vector<HeldUnit> all() = 0;
  // Of what is parked only that: a stand-in stays.
  virtual void let_go(const std::vector<std::string>& units) = 0;
  // Stops a service and holds it and these sockets of it, which stay up: clients wait. An Error: it
  // is not held, and may be down.
  virtual Status park(const HeldUnit& service, const std::vector<std::string>& sockets) = 0;
  // Ends that, and the holds: the service is started where `ran`, else by its next client; with
  // `close` its sockets are closed, and it stays down.
  virtual void unpark(const std::string& service, bool close) = 0;
  // Of units whose conditions somebody has taken away (UnitFacts::unheld_by): brings it back, when
  // systemd has read its units again.
  virtual Status enforce(const std::vector<std::string>& units) = 0;
  // Of held units that are about to be stopped: from then on who calls them on the bus is told at
  // once that they are away.
  virtual void answer_on_bus(const std::vector<std::string>& units) = 0;
  // What scripts have put off to the run's end for these: they have been started anew.
  virtual void forget_restarts(const std::vector<std::string>& units) = 0;
};

}  // namespace aptkeep
