// The end of a plan: what became of each step, what is kept and why, which keeps are over.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "engine/call.h"
#include "engine/obstacles.h"
#include "engine/ports.h"
#include "engine/services.h"
#include "state/store.h"

namespace aptkeep {

struct Ending {
  std::vector<StepOutcome> outcomes;  // one for each step of the plan
  std::vector<Keep> keeps;            // new ones
  std::vector<std::string> lifted;    // packages whose keep is over
  std::vector<std::string> gone;      // whose keep is not, and that somebody has removed since
  std::vector<UnitRecord> units;      // that ran before and do not now
  std::string note;
  bool on_request = false;  // a person had something put back, and nothing else was to be done
};

// Whether the step was put back, and its package is whole at its old side.
bool is_back(const StepOutcome& outcome);

// Pure: reads the database's answer against the plan and its failures. Where a package's state
// cannot be told from the failures (the driver was bypassed), the database alone decides.
// `active`: the keeps from before. `has_snapshot`: of packages of this plan.
Ending fold(const OpenPlan& open, const DbSnapshot& db, const std::vector<Keep>& active,
            std::int64_t now, const HasSnapshot& has_snapshot = {});

// What dpkg is to want: "unknown" of what is left unconfigured, so that later runs neither try it
// again nor fail because of it; "install" again of what is whole by now (`active`: the keeps from
// before) or not kept any more. A package on hold, or
// one that is to be removed, stays so.
std::map<std::string, std::string> wants_of(const Ending& ending, const std::vector<Keep>& active,
                                            const DbSnapshot& db);
// "install" of all that is kept and unwanted: before aptkeep goes, or before it is tried again.
std::map<std::string, std::string> wants_again(const std::vector<Keep>& keeps,
                                               const DbSnapshot& db);

// A few lines for the terminal at the end of a run that kept something, or after which something
// does not run any more; empty otherwise.
std::string summary_text(const Ending& ending, const std::string& native_arch, bool bypassed);

// Whether it is there, and dpkg wants nothing of it ("unknown").
bool is_unwanted(const std::string& package, const DbSnapshot& db);

struct FinishPorts {
  DpkgDatabase& db;
  Store& store;
  DpkgRunner* dpkg;  // for the repair after a bypassed driver; null: no repair
  std::function<void(const std::string&)> say;
  std::function<bool(const std::string& file)> disk_full;  // see CallPorts
  // What dpkg.log gained since a mark that was taken when the plan began (PlanFlags::log_mark).
  std::function<std::string(const std::string&)> log_since;
  Snapshots* snapshots = nullptr;                        // of the plan that is finished
  std::function<bool(const std::string&)> is_file = {};  // whether an archive is still there
  std::function<void()> reload_units = {};
  // Makes dpkg want "unknown" or "install" of packages, by dpkg's names for them.
  std::function<Status(const std::map<std::string, std::string>&)> set_wants = {};
  // What is to become of the plan's snapshots. `well`: nothing was kept.
  std::function<void(const OpenPlan& open, bool well)> drop_snapshots = {};
  // What is kept is about to change: which versions would remove it has to be found out anew, also
  // if nobody lives to do it.
  std::function<void()> note_pins_due = {};
  // Starts again what ran when the run began; null: there is no service manager to ask.
  Units* units = nullptr;
  std::function<Result<UnitsOfPackages>(const std::vector<std::string>&)> units_of = {};
  // As ServicePorts has them.
  std::function<std::vector<PutOff>()> put_off = {};
  std::function<void()> forget_put_off = {};
  std::string own_unit = {};
  std::function<std::string(const std::string&, std::int64_t run_began)> complaint_of = {};
  // As CallPorts has them, for what is gone on with.
  Snapshots* forward = nullptr;
  Holds* holds = nullptr;
  std::function<std::string(const std::string&)> failure_of = {};
  std::function<Result<std::vector<std::string>>(const std::string&,
                                                 const std::vector<std::string>&)>
      back_up = {};
  // Nothing is held any more: what is not whole by now stays as it is, and down.
  std::function<void()> let_all_go = {};
  std::function<bool(const std::string&)> ends_well = {};
  bool release_upgrade = false;
  int settle = kDefaultSettle;
  // What policy-rc.d has stopped of what triggers services, and nobody has started since, is to be
  // started (true), or has been.
  std::function<void(bool)> end_triggers = {};
  // What the packages of a plain dpkg call need of each other, for it has no plan that says so.
  std::function<Result<std::vector<Clause>>(const std::vector<Step>&)> needs_among = {};
  // What an unpacked package ("name:arch") needs and has not.
  std::function<Result<std::vector<std::string>>(const std::string&)> unmet_needs = {};
  // For what the calls of a repair or a resume do for packages' data where there is no service
  // manager to ask, or the machine was started anew since; nullptr: they do nothing of that.
  Units* no_units = nullptr;
  Holds* no_holds = nullptr;
  bool rebooted = false;
  // Whether the driver is known to have died in this run; asked once.
  std::function<bool()> driver_was_killed = {};
};

// Ends the open plan of this frontend: repairs (bypassed driver only), folds, records, writes the
// pins to `pins_path` and returns what was found. Does nothing and returns an empty Ending when
// there is no open plan. `note` is recorded with the run.
Result<Ending> finish_plan(const Frontend& frontend, FinishPorts& ports,
                           const std::string& pins_path, std::int64_t now,
                           const std::string& note = {});

// Of finish_plan(): runs the checks and what comes after them of islands that are at their new
// version and have not come to that: the driver was killed, or never called. Not after a boot; then
// that is recorded. What did not go well summary_text() tells.
void do_what_comes_after(OpenPlan& open, const DbSnapshot& db, FinishPorts& ports);

// Of finish_plan(): restarts and starts what is to run. What does not run as before; none where
// that cannot be told, which is said: whatever goes wrong here, the plan ends.
std::vector<UnitRecord> restore_services(const OpenPlan& open, const DbSnapshot& db,
                                         FinishPorts& ports);

// After a frontend that bypasses the driver stopped at its first failure: does the rest of its plan
// as the driver would have done it. `attempted`: what dpkg.log says was begun; nothing is repaired
// unless one of these failed, because without a failure a person stopped the frontend.
void repair(OpenPlan& open, const std::vector<Step>& attempted, FinishPorts& ports);

// Where the driver died while packages went back, and dpkg alone configured their old versions:
// what the driver would have done after that.
void end_returns(OpenPlan& open, const DbSnapshot& db, FinishPorts& ports);

// After a frontend that was killed, or a power cut: configures what is unpacked, and unpacks what
// dpkg was amid of, and what these need; where such an archive is gone, what cannot be
// without it goes back. Steps that nothing begun needs are left alone. What was on its way back
// arrives. The plan is not ended: see finish_plan().
Status resume(OpenPlan& open, FinishPorts& ports);

}  // namespace aptkeep
