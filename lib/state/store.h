// The durable record: runs, plans, outcomes, keeps. SQLite, write-ahead log. The only file that
// includes <sqlite3.h> is store.cc's family under lib/state/.
//
// One *run* is what a frontend process does while it holds dpkg's frontend lock; one *plan* is one
// commit of it (apt has one, unattended-upgrades many). A plain dpkg call is a run with one plan.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/guard.h"
#include "core/pins.h"
#include "core/plan.h"
#include "core/result.h"
#include "core/unit.h"

namespace aptkeep {

// A process, safe against reuse of its number. start_time: clock ticks after boot,
// field 22 of /proc/PID/stat (proc(5)).
struct Frontend {
  std::int64_t pid = 0;
  std::uint64_t start_time = 0;
  std::string command;  // for the report: "apt-get -y dist-upgrade"
  std::string boot;     // boot_id() of adapters/proc.h: start_time counts anew at each boot

  bool same_process(const Frontend& other) const {
    return pid == other.pid && start_time == other.start_time && boot == other.boot;
  }
};

struct PlanFlags {
  bool bypassed = false;  // the frontend names /usr/bin/dpkg itself; the driver is not called
  bool configure_pending = true;  // DPkg::ConfigurePending
  bool no_triggers = true;        // DPkg::NoTriggers
  // Every dpkg call of this plan ends 0 where something is kept: who started the frontend asks for
  // the whole run's result at its end (the unattended-upgrades wrapper).
  bool quiet_exit = false;
  std::string native_arch;
  // Where dpkg.log ended when the plan began (adapters/proc.h: dpkg_log_mark), for a bypassed plan.
  std::string log_mark;
  // Settings of apt's configuration, as they were when the plan began.
  bool rollback = true;         // Aptkeep::Rollback
  std::int64_t copy_limit = 0;  // Aptkeep::Snapshots::Copy-Limit, bytes
  std::int64_t hang_after = 0;  // Aptkeep::Hang-After, seconds; 0: never
  bool unattended = false;      // nobody is there who could answer or end a script
  // Aptkeep::Snapshots::Keep-Runs: of how many runs snapshots are kept though they ended well.
  std::int64_t keep_runs = 0;
  // DPkg::Options, which apt gives to each dpkg call: what finishes the plan gives them too.
  std::vector<std::string> dpkg_options = {};
};

struct OpenPlan {
  std::int64_t run = 0;
  std::int64_t id = 0;
  Frontend frontend;
  PlanFlags flags;
  Plan plan;
  std::vector<StepState> states;  // one for each step
  std::vector<bool> rolled_back;  // one for each step: was put back, or is on its way
  std::map<std::uint32_t, std::vector<std::string>> remains;
  std::vector<Failure> failures;  // in order of recording
};

// Why a package is kept back at the end of a plan. Active until lifted.
struct Keep {
  std::int64_t id = 0;
  std::int64_t run = 0;
  std::string package;
  std::string version;             // the version tried; empty: its removal failed
  std::string old_version;         // what is installed instead; empty: not installed
  bool failed = false;             // failed itself; otherwise kept with `root`
  std::string root;                // the failed package this one waits for (itself, if failed)
  std::vector<std::string> cause;  // cause_chain
  std::string db_state;            // dpkg's words: "ii", "iF", "iU", "iHR" ...
  Phase phase = Phase::Unpack;
  std::string script;
  int exit_code = -1;
  int signal = 0;
  std::string message;
  std::string output;
  bool security = false;
  int attempts = 1;        // how often this version was tried, over runs
  std::int64_t since = 0;  // seconds since the epoch, of the first
  std::int64_t tried = 0;  // the same, of the last
  FailureClass failure_class{};
  // It failed, and so did the old version when it was put back: that one is there, unconfigured.
  // Told by the run's failures, not recorded here.
  bool back_unconfigured = false;
};

struct StepOutcome {
  Step step;
  StepState state = StepState::Waiting;
  std::vector<std::string> cause;  // for Kept and Stranded
  std::string db_state;
  std::string db_version;    // at the plan's end; not recorded
  bool rolled_back = false;  // was on its new side and was put back
  // What a rollback could not put back as it was, a sentence each.
  std::vector<std::string> remains;
  // What was saved before it was replaced, absolute paths; they may have been removed since.
  std::vector<std::string> backups = {};
};

// A step whose island (checks, and what comes after) has not come to its end.
struct LeftIsland {
  std::int64_t run = 0;
  std::int64_t plan = 0;
  std::uint32_t index = 0;
  Step step;
};

struct RunSummary {
  std::int64_t id = 0;
  std::int64_t begun = 0;  // seconds since the epoch
  std::int64_t ended = 0;  // 0: not ended
  std::string command;
  std::string note;         // "cut off", "the driver was bypassed", ... ; empty: nothing to say
  std::string native_arch;  // of its last plan
  Frontend frontend;        // whose run it is
  // Steps of all its plans. What an ended run never reported on counts as not reached.
  int done = 0, failed = 0, kept = 0, stranded = 0, not_reached = 0;
};

struct RunReport {
  RunSummary summary;
  std::vector<StepOutcome> steps;
  std::vector<Failure> failures;
  std::vector<UnitRecord> units;  // as they were when it began
};

class Store {
 public:
  // Clauses are by far the most rows of a plan.
  static constexpr int kPlansWithClauses = 20;

  enum class Mode { ReadOnly, ReadWrite };

  // ReadWrite makes the file (0644, in a folder of 0755: a person may read reports without root)
  // and migrates an older schema. A file of a newer schema, a damaged one, or one that cannot be
  // read is an Error, never an exception and never repaired by deleting it. ReadOnly changes
  // nothing; an older schema is an Error there. The log's index, where the locks are, is root's
  // alone; others read from a private copy.
  //
  // Every row carries a checksum, so that damage which SQLite does not see is an Error as well.
  static Result<Store> open(const std::string& path, Mode mode);

  Store(Store&&) noexcept;
  Store& operator=(Store&&) noexcept;
  ~Store();

  // Begins a plan in the run of this frontend, or in a new run if it has none. Runs of other
  // frontends without an end are ended as "cut off"; so is a plan of this one without an end.
  Result<std::int64_t> begin_plan(const Frontend& frontend, const PlanFlags& flags,
                                  const Plan& plan, std::int64_t now);

  // The plan of this very process that has not ended, whole; nullopt if there is none.
  Result<std::optional<OpenPlan>> open_plan(const Frontend& frontend);

  // Any plan that has not ended, the newest, whoever's it is: for resume.
  Result<std::optional<OpenPlan>> unended_plan();

  // A plan whether it has ended or not; nullopt if there is none. Its clauses are there as long as
  // it is among the last that ended (kPlansWithClauses).
  Result<std::optional<OpenPlan>> plan(std::int64_t id);
  Result<std::vector<std::int64_t>> plans(std::int64_t run);  // newest first; run 0: of all runs

  Status set_states(std::int64_t plan, const std::map<std::uint32_t, StepState>& states);
  // `states`: of steps, in the same transaction. A failure whose step does not say so is nobody's
  // to put back after a kill -9 in between.
  Result<std::int64_t> add_failure(std::int64_t plan, const Failure& failure,
                                   const std::map<std::uint32_t, StepState>& states = {});
  Status heal_failures(std::int64_t plan, const std::string& package);
  // That a step is put back to its old side, and what could not be restored; or not any more.
  Status set_rolled_back(std::int64_t plan, std::uint32_t step,
                         const std::vector<std::string>& remains, bool back = true);
  // Step::never_back of a step, as it turned out during the run.
  Status set_never_back(std::int64_t plan, std::uint32_t step, const std::string& why);
  // Guards and backups that were let pass for a step, one line.
  Status set_passed(std::int64_t plan, std::uint32_t step, const std::string& passed);

  // Step::afterwards.
  Status set_afterwards(std::int64_t plan, std::uint32_t step, const std::string& afterwards);
  // The same where it is empty yet; false: somebody else was first. For who is to do it alone.
  Result<bool> claim_afterwards(std::int64_t plan, std::uint32_t step,
                                const std::string& afterwards);
  // Steps of ended plans whose island has not come to its end, the oldest first: what was left
  // unconfigured, and what did not go well (trouble_after()). Not those whose package has been
  // replaced well by a later step; whether it is still as this step has left it dpkg knows.
  Result<std::vector<LeftIsland>> left_islands();

  // What was saved before a step, absolute paths.
  Status note_backups(std::int64_t plan, std::uint32_t step, const std::vector<std::string>& paths);

  // What is known at the end of a plan: outcomes (one for each step, same order), the keeps that
  // it makes (older active ones of the same package are replaced, with `attempts` and `since`
  // carried on where the version is the same), and packages whose keep is over. `run`, `id` of the
  // keeps are filled in here, `since` where it is 0. Ending a plan twice is an Error.
  Status end_plan(std::int64_t plan, const std::vector<StepOutcome>& outcomes,
                  const std::vector<Keep>& keeps, const std::vector<std::string>& lifted,
                  const std::string& note, std::int64_t now);

  // What guards saw of packages ("name:arch") when these were last installed well. note_answers()
  // says what they see now: it counts once the plan has ended and the package's step is done.
  Result<std::map<std::string, Remembered>> remembered();
  Status note_answers(std::int64_t plan, const std::map<std::string, Remembered>& answers);

  // Units as they were when the run began. note_units() leaves those alone that the run has
  // already; set_units() replaces all but the package.
  Status note_units(std::int64_t run, const std::vector<UnitRecord>& units);
  Status set_units(std::int64_t run, const std::vector<UnitRecord>& units);
  Result<std::vector<UnitRecord>> units(std::int64_t run);  // sorted by name
  // Those that runs before `run` have left down (core/unit.h: kStaysDown, kNotConfigured), each by
  // the newest of them, if it was not up when a later one began; by run, the newest first.
  using UnitsByRun = std::map<std::int64_t, std::vector<UnitRecord>, std::greater<>>;
  Result<UnitsByRun> units_left_down(std::int64_t run);
  // The same of those that were in any trouble when such a run ended. Whether they still are only
  // the service manager knows.
  Result<UnitsByRun> units_in_trouble(std::int64_t run);

  Result<std::vector<Keep>> keeps();  // active ones, oldest first
  // Of packages that are kept: what was kept of them before, of another version. Oldest first.
  Result<std::vector<Keep>> replaced_keeps();
  // Of active keeps whose packages were there when they were recorded, and are not any more: their
  // db_state becomes "". Others stay as they are.
  Status note_gone(const std::vector<std::string>& packages);
  // An Error where the package has no active keep. The count of attempts goes on if the same
  // version fails again.
  Status lift_keep(const std::string& package, const std::string& why, std::int64_t now);

  // Versions pinned away because they would remove a kept package. Replaced as a whole.
  Status set_blocked(const std::vector<Pin>& blocked);
  Result<std::vector<Pin>> blocked();

  Result<std::vector<RunSummary>> runs(int most);                 // newest first
  Result<std::int64_t> run_of_process(const Frontend& frontend);  // its newest run; 0: none
  Result<std::optional<RunReport>> report(std::int64_t run);      // 0: the newest
  // Leaves the newest `keep_runs` runs; never takes one that an active keep names, or without end.
  Status prune(int keep_runs);

 private:
  struct Impl;
  explicit Store(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace aptkeep
