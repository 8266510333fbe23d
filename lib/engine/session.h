// What the verbs of a call share: the plan's states, the failures so far and the kept set.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/dpkg_status.h"
#include "core/failure_class.h"
#include "core/kept_set.h"
#include "core/way_back.h"
#include "engine/call.h"

namespace aptkeep {

// How one dpkg call went, read against the plan.
struct Verdict {
  enum class Kind {
    Well,       // exit 0
    Package,    // exit 1 and a package or archive to blame
    DpkgFailed  // dpkg itself failed, or nobody can be blamed: the run stops as stock would
  };
  Kind kind = Kind::Well;
  CallEnd end;  // for DpkgFailed
  // DpkgFailed, because a person stopped the script of `subject`.
  bool interrupted = false;
  std::string subject;  // as dpkg named it
  std::string message;
  std::string tail;
  ScriptError script;
  bool at_conffile = false;  // a conffile question stood open when it failed
  bool no_room = false;      // the file systems that dpkg writes to had none for this package
  bool in_trigger = false;   // while processing triggers
  bool hung = false;         // it was ended because it did nothing any more
  bool oom_kill = false;     // the kernel ended some process for want of memory meanwhile
};

// What a failed call says of a package, as it is recorded: script, how it ended, words, class.
Failure failure_from(const Verdict& verdict, Phase phase);

class Session {
 public:
  // `record_lost`: known from an earlier call of the plan, and said.
  Session(const DpkgCall& call, OpenPlan& open, CallPorts& ports, bool record_lost = false);

  const DpkgCall& call() const { return call_; }
  // What is still to be unpacked after this call, which is a part of the frontend's.
  const std::vector<std::string>& afterwards() const { return afterwards_; }
  void set_afterwards(std::vector<std::string> archives) { afterwards_ = std::move(archives); }
  const Plan& plan() const { return open_.plan; }
  std::vector<StepState>& states() { return open_.states; }
  // Islands that are unpacked, and whose downtime has not ended since they wait for others.
  std::set<std::uint32_t>& left_down() { return left_down_; }
  CallPorts& ports() { return ports_; }

  // Says what would be left to do if the driver died in the call that is about to be made
  // (ports.h, Progress), less what has a Backup or a Before and is not begun yet, and what cannot
  // be without it: nobody else saves that.
  void announce(const std::vector<std::string>& in_call, std::vector<std::string> after);
  // That all was done of what comes before these are unpacked.
  void set_begun(const std::vector<std::uint32_t>& steps) {
    begun_.insert(steps.begin(), steps.end());
  }

  // A person wants the run to stop, and no script was there to be told.
  bool interrupted() const { return ports_.interrupted && ports_.interrupted(); }
  CallEnd stop_interrupted();  // how the call is to end then; said

  // What an unmet guard or a failed backup was let pass for, for the report.
  void note_passed(std::uint32_t step, const std::string& why);
  // Of a step's island (Step::afterwards).
  void note_afterwards(std::uint32_t step, const std::string& what);

  // Runs the real dpkg with this call's options; --abort-after=1 makes it stop at its first
  // failure, so that a run without failures costs no call more than stock.
  Verdict run_dpkg(const std::vector<std::string>& verb_and_operands);

  bool anything_failed() const;  // in this plan, not healed
  const OpenPlan& open() const { return open_; }
  // Nothing failed, and nothing is kept or on its way back.
  bool all_well() const;
  bool failed_package(const std::string& package) const;  // "name:arch", in this plan
  const KeptSet& kept() const { return kept_; }

  // Step of an archive or of a package as dpkg names it; -1: not in the plan.
  std::int32_t step_of_archive(const std::string& path) const;
  std::int32_t step_of_package(const std::string& dpkg_name) const;
  std::string slot_name(const std::string& dpkg_name) const;  // "foo" -> "foo:amd64"
  std::string shown(const std::string& package) const;        // "foo:amd64" -> "foo"

  void set_state(std::uint32_t step, StepState state);
  // Nobody is blamed, and nobody goes on with the step in this run: a person stopped it, or there
  // is no memory. Told by a state without a failure. -1: nothing to mark.
  void leave_alone(std::int32_t step);
  // That the run ends here, for a reason that no other package is to blame for. Said; before the
  // failure is record()ed, which says otherwise that the rest goes on.
  void stop_at(const std::string& package, const Decision& decision);
  // Of a run that was stopped: what has not been begun is not reached, and what is unpacked and
  // cannot be without it goes back, though nobody has failed.
  void reach_no_more();
  // Whether the step is back, or to go back, for no failure's sake.
  bool is_not_reached(std::uint32_t step) const;
  // It was stopped, and what is unpacked may be configured yet.
  bool may_configure() const { return may_configure_; }
  // `dpkg --configure` of these steps, as far as they can be, amid another call.
  std::optional<CallEnd> configure_now(const std::vector<std::uint32_t>& steps,
                                       std::vector<std::string> afterwards);

  // `dpkg --triggers-only` of those of them whose own triggers are due, amid another call.
  std::optional<CallEnd> trigger_now(const std::vector<std::uint32_t>& steps,
                                     std::vector<std::string> afterwards);

  void save_states();  // what changed since the last time, in one transaction

  // Writes the failure down, takes its step out of the run and grows the kept set.
  void record(Failure failure, const DbSnapshot& db);

  // The same for a package that was not begun with.
  void record_untouched(Failure failure);

  // The same for a package whose way back has failed: it stays as it is. `whole`: configured, at
  // its new version.
  void record_failed_return(Failure failure, bool whole);

  // Whether a way back that failed so is tried once more, which is said: a script of the old
  // version that crashed, or found a neighbour away, says nothing against it.
  bool tries_return_again(const Failure& failure);

  // Counts a try of the package that failed so, and says what to do about it. A failure that is
  // tried again is not record()ed yet; where the next try goes well, heal_configured() records it.
  Decision react_to(const Failure& failure);
  bool heal_configured(const DbSnapshot& db);

  // Brings the states of these steps in line with dpkg's database.
  void follow_database(const std::vector<std::uint32_t>& steps, const DbSnapshot& db);
  void follow_database(const DbSnapshot& db);  // of all

  // Which steps are to go back, by the states as they are.
  WayBack way_back() const { return way_back(open_.states); }
  WayBack way_back(const std::vector<StepState>& states) const;  // as they might be
  // That a step was put back, and what could not be restored.
  void set_rolled_back(std::uint32_t step, const std::vector<std::string>& remains);
  void tell_remains(std::uint32_t step, const std::vector<std::string>& remains);
  // That it is not back any more: at its new version again, or failed since.
  void set_not_back(std::uint32_t step, std::vector<std::string> remains = {});
  // Of what dpkg itself has brought back: what its scripts did of diversions and the like.
  void undo_scripts(std::uint32_t step, bool once = false);
  // Takes snapshots of what is to be replaced or removed in this plan, before these steps are: what
  // they bring may take files over from a package of a later call (Replaces) or make it vanish, and
  // dpkg crosses them off that one's list at once.
  void take_snapshots(const std::vector<std::uint32_t>& steps);

  // Whether something could not be written down, so that the calls to come will not know of it.
  bool record_lost() const { return record_lost_; }

 private:
  DpkgCall call_for(DpkgCall::Verb verb) const;
  void take_over(const Session& part);
  const std::set<std::uint32_t>& only_with_the_driver();
  void write_down(Failure failure);  // in the record, and among the plan's
  void note_vanished(const std::string& status_log);
  void grow_kept_set();
  void keep_what_is_held_up(std::vector<std::uint32_t> failed);
  void lose_record(const Error& why);
  std::vector<std::string> obstacles() const;

  const DpkgCall& call_;
  OpenPlan& open_;
  CallPorts& ports_;
  KeptSet kept_;
  std::map<std::uint32_t, StepState> unsaved_;
  std::map<std::string, std::int32_t> by_archive_;
  std::map<std::string, std::int32_t> by_package_;
  std::map<std::string, std::vector<Failure>> tried_;  // failed, and to be tried again
  std::set<std::string> returned_again_;
  std::set<std::uint32_t> left_down_;
  std::set<std::uint32_t> begun_;
  std::vector<std::uint32_t> unsaved_roots_;  // for which this was worked out:
  std::set<std::uint32_t> only_with_the_driver_;
  bool record_lost_;
  bool stopped_ = false;
  bool may_configure_ = false;
  std::vector<std::string> afterwards_;
};

// How dpkg wants a package to be named: by the architecture of its control data, which is "all" for
// a package that we know by the native slot that it fills. apt does the same.
std::string dpkg_name(const std::string& package, const DbSnapshot& db);

// Whether something is to be saved or prepared before it is replaced.
bool is_saved_first(const Step& step);

// dpkg's letters for it ("ii"); empty: it does not know the package.
std::string state_in(const DbSnapshot& db, const std::string& package);

// Fills in Step::config_version.
void note_what_is_there(const DbSnapshot& db, std::vector<Step>& steps);

// Whether another architecture of the package ("name:arch") is there, at that version ("": any).
bool has_sibling(const DbSnapshot& db, const std::string& package, const std::string& version = "");

// Whether a step's package is on its new side in the database, configured or not.
bool at_new_side(const Step& step, const DbSnapshot& db);

// Whether the step's package is whole on its old side: configured, or absent if it was to be new.
bool whole_at_old_side(const Step& step, const DbSnapshot& db);

// Whether the step's package is unpacked at its old version, and perhaps configured.
bool is_old_unpacked(const Step& step, const DbSnapshot& db);

// Whether dpkg has left the step's package amid its work at its old version.
bool is_old_unfinished(const Step& step, const DbSnapshot& db);

// Whether there is more of the step's package than its configuration, at any version.
bool is_there(const Step& step, const DbSnapshot& db);

// Unpacks anew what must be at its new version with these, whose way back has failed, and has gone
// back; and those of them that dpkg has left half installed. True if there was any such.
bool bring_forward(Session& session, const std::vector<std::uint32_t>& failed,
                   const DbSnapshot& db);

// Puts back what has failed after its files were replaced, and what must be old with it, as far as
// unpacking goes: the old archives made from the snapshots, through dpkg. What it returns to is
// configured with the others. True if anything was put back.
Result<bool> go_back(Session& session);
// Settles old versions that are unpacked again, or configured by now: the driver that did it may
// have been killed before it came to that. True if there were any.
bool settle_returned(Session& session, const DbSnapshot& db);
// What is to be done once dpkg has configured them: the last touches, and the comparison.
void finish_returned(Session& session);

// Guards on what changes while a system runs hold once more just before their packages are
// unpacked, or these are kept. False: the run is to stop.
bool guards_hold_still(Session& session, const std::vector<std::uint32_t>& steps);

// The three verbs. Each returns how the call is to end where dpkg itself failed, else nullopt.
std::optional<CallEnd> unpack_archives(Session& session, std::vector<std::uint32_t> steps);
std::optional<CallEnd> configure_packages(Session& session);
// What is left down is configured as soon as that can be, with what it needs, and comes up.
// `later`: what is to be unpacked after that in this call.
std::optional<CallEnd> configure_left_down(Session& session,
                                           const std::vector<std::uint32_t>& later);
std::optional<CallEnd> remove_packages(Session& session);

}  // namespace aptkeep
