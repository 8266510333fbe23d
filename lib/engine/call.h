// The driver's work: one dpkg call of the frontend, carried out so that a failing package does not
// stop the others.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/dpkg_call.h"
#include "core/guard.h"
#include "engine/ports.h"
#include "state/store.h"

namespace aptkeep {

struct CallPorts {
  DpkgRunner& dpkg;
  DpkgDatabase& db;
  Progress& progress;
  Store& store;
  // One line for the terminal, for instance why archives are left out.
  std::function<void(const std::string&)> say;
  // True where the file systems that dpkg writes to are full: then going on would only blame one
  // innocent package after another. `file`: for which dpkg found no room, if not empty; true also
  // where it is on one of these, though dpkg has made room again when it took back what it wrote.
  std::function<bool(const std::string& file)> disk_full;
  // Whether the plan's calls to come will find aptkeep and this plan's record. Unset: they will.
  std::function<bool()> record_holds = {};
  // The way back of this plan; nullptr: there is none.
  Snapshots* snapshots = nullptr;
  // Packages that a person takes back, as they are before that: for what has to be new again
  // because another one cannot go back. nullptr: it is unpacked from its archive, as the plan has
  // it.
  Snapshots* forward = nullptr;
  // Evaluates guards of a package ("name:arch"), in their order. Unset: none is looked at again.
  std::function<std::vector<GuardResult>(const std::string&, const std::vector<GuardCall>&)>
      look_at_guards = {};
  // Makes the service manager read its units again, for a script that missed one.
  std::function<void()> reload_units = {};
  // For packages whose services are down while they are replaced, and for what is to be done for
  // their data meanwhile; nullptr: neither is.
  Units* units = nullptr;
  Holds* holds = nullptr;
  // The service that this very process runs in; empty: none. It is never stopped.
  std::string own_unit = {};
  // Runs a command as rules write it; why it could not be run or did not end well, in one line, and
  // behind that, where it printed more, all of it in lines; empty: it did.
  std::function<std::string(const std::string& command)> failure_of = {};
  // The same of one that a person's Ctrl-C ends. Unset: failure_of.
  std::function<std::string(const std::string& command)> failure_or_stop_of = {};
  // Whether a person wants the run to stop: Ctrl-C, while no dpkg ran. Unset: nobody does.
  std::function<bool()> interrupted = {};
  // Makes a backup of a package, as a person names it, by such commands; where it is.
  std::function<Result<std::vector<std::string>>(const std::string& package,
                                                 const std::vector<std::string>& commands)>
      back_up = {};
  // The machine was started anew since the plan began: its services are not up yet.
  bool rebooted = false;
};

// How the driver is to end. `handled` false: nothing was done, and the real dpkg has to be run with
// the arguments as they came (an archive that the plan does not know, for instance).
struct CallEnd {
  bool handled = true;
  int exit_code = 0;
  int signal = 0;
};

// `archives`: the call's operands with folders expanded, for Unpack (absolute paths as the plan has
// them, in apt's order). `open` is brought up to date as things happen, and so is the store.
//
// Exit code, as promised to apt (docs/design.md, promise 2): 0, but 1 at the run's last call where
// something was kept that was asked for; dpkg's own where dpkg itself failed.
CallEnd run_call(const DpkgCall& call, const std::vector<std::string>& archives, OpenPlan& open,
                 CallPorts& ports);

}  // namespace aptkeep
