// The values that everything else works on: what a frontend is about to do (steps), what must hold
// between packages (clauses), and how far each step has come. No I/O, std headers only.
//
// A package is named "name:arch" everywhere, as apt names it: an Architecture: all package carries
// the native architecture, because it is the native package's slot that it fills.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace aptkeep {

enum class Action : std::uint8_t {
  Install,
  Upgrade,
  Downgrade,
  Reinstall,
  Configure,
  Remove,
  Purge
};

// What a rule wants to be done when a step fails.
enum class OnFailure : std::uint8_t {
  RollBack,           // put back, and not tried again before
  LeaveUnconfigured,  // as it is, and not tried again
  StopRun,            // as it is, and nothing more of the run is done
  Retry,              // tried once more, whatever the failure is, before anything else
  LeaveNew,  // no rule's: as it is, since the version before never worked either; it goes back with
             // another one only
};

struct FailureRule {
  OnFailure wish = OnFailure::RollBack;
  std::string why;  // the rule's reason
};

enum class IfUnmet : std::uint8_t;  // core/rule.h

// What goes down while a package is replaced, and what is done meanwhile (rules' class stop, or
// what its own scripts do): the package is unpacked and configured apart from the rest of its call.
struct Island {
  std::vector<std::string> units;     // names, templates and patterns
  std::vector<std::string> together;  // of other packages, in the order in which they stop
  std::vector<std::string> parked;    // sockets of these that keep listening
  std::vector<std::string> backup;    // commands as to_string(RuleCommand) has them, as the others
  std::vector<std::string> before;
  std::vector<std::string> after;
  std::vector<std::string> checks;  // of the configuration; where one fails nothing comes up again
  std::string why;                  // one line

  friend bool operator==(const Island&, const Island&) = default;
};

// One package's change in a run. Versions are empty where the package is absent on that side
// ("installed" means there with its files; config-files is absent).
struct Step {
  std::string package;
  Action action = Action::Upgrade;
  std::string old_version;
  std::string new_version;
  std::string archive;    // absolute path of the .deb; empty for Configure, Remove, Purge
  bool security = false;  // the new version comes from a security archive
  // How much it is wanted that this package goes through; of two least kept sets of one size the
  // one whose members' sum is lower is taken. 0 unknown origin, 1 known origin, 2 distribution,
  // 3 its security archive.
  int trust = 0;
  // Why this package may never be put back to its old version (a rule's reason); empty: it may.
  std::string never_back = {};
  // What to do when it fails; none: what the failure is decides (core/failure_class.h). Where it is
  // never to go back, a rule cannot make it.
  std::optional<FailureRule> on_failure = {};
  // Files that its snapshot has to hold beside the package's own: absolute paths, from rules.
  std::vector<std::string> save = {};
  // What a rule tells a person to do when it failed, one line; empty: nothing.
  std::string repair = {};
  // Guards that are looked at again just before it is unpacked, as to_string(GuardCall) has them,
  // and what follows where one does not hold then.
  std::vector<std::string> guards = {};
  IfUnmet if_unmet{};
  // Its services are down while it is replaced.
  std::optional<Island> island = {};
  // Guards that were not met and were let pass, by force, by a person, or since a rule only warns
  // of them, one line; empty: none.
  std::string passed = {};
  // What became of its island's checks and of what comes after them, when it was at its new
  // version: kIslandDone, or in one line why not; empty: they were not tried, or there are none.
  std::string afterwards = {};
  // Where the old version was unpacked and has never been configured, the one that was before it
  // (dpkg's Config-Version, which the postinst is given); empty: there is none, or it is the old.
  // Not on record: rules' windows ask for it, and what never worked is known by it, before anything
  // is done.
  std::string config_version = {};
  // That no version of it has been configured yet. Not on record either.
  bool never_configured = false;
  // dpkg's letters of the old version when it was planned: "iF". Not on record either.
  std::string old_state = {};
};

inline constexpr const char* kIslandDone = "done";
// Of Step::afterwards what went wrong; empty: nothing did, as far as it was tried.
const std::string& trouble_after(const Step& step);
// Of a step with an island: whether this has an end that was not tried.
bool has_untried_end(const Step& step);

// Whether it is unpacked over something that is there; not whether the versions differ.
bool is_replaced(const Step& step);

// Old: the state before the run. New: the state the frontend wants.
enum class Side : std::uint8_t { Old, New };

// "Step `step` is on side `side`." The only kind of fact that a run can change.
struct Literal {
  std::uint32_t step = 0;
  Side side = Side::Old;

  friend bool operator==(const Literal&, const Literal&) = default;
};

enum class ClauseKind : std::uint8_t {
  PreDepends,
  Depends,
  Breaks,
  Conflicts,
  // The rule that Multi-Arch: same packages of one name have one version. Kept apart from Breaks
  // because dpkg unpacks such siblings in any order and only refuses to configure them unequal.
  Lockstep,
};

// While its owner is on `owner_side` (always, for an owner outside the run), at least one literal
// must hold. A relation that packages outside the run satisfy for ever is no clause at all; one
// that forbids a package on one side is a clause whose only literal is that package on its other
// side, and has no literal where both sides are forbidden.
struct Clause {
  static constexpr std::int32_t kOutside = -1;

  std::int32_t owner_step = kOutside;
  Side owner_side = Side::Old;
  ClauseKind kind = ClauseKind::Depends;
  std::string owner;          // "name:arch"
  std::string owner_version;  // of the version that states the relation
  std::string relation;       // as the control field has it: "b (>= 2) | c"
  std::vector<Literal> any_of;
};

// How far a step has come. What dpkg's database says decides; this is only its shadow, so that a
// call that ended well need not read the database.
enum class StepState : std::uint8_t {
  Waiting,     // nothing done yet
  Unpacked,    // new files are there, not configured
  Done,        // on its new side, configured (or removed)
  FailedOld,   // failed, and dpkg put it back to its old side
  FailedNew,   // failed, and it is left between: half-configured, half-installed, unpacked
  Kept,        // left at its old side because of another one's failure
  Stranded,    // on its new side but cannot be configured because of another one's failure
  NotReached,  // the frontend ended before it came to this step
  Returning,   // on its way back to its old side: old files unpacked, not configured yet
};

struct Plan {
  std::vector<Step> steps;  // in the order in which apt named them
  std::vector<Clause> clauses;
};

enum class Phase : std::uint8_t { Unpack, Configure, Remove, Purge, Trigger };

enum class FailureClass : std::uint8_t;  // core/failure_class.h

// One failed maintainer script (or unpack), as it is recorded.
struct Failure {
  std::string package;  // "name:arch"; of a package outside the plan too (triggers, old leftovers)
  std::int32_t step = -1;
  std::string version;      // the version tried; for removals the one that was to go
  std::string old_version;  // empty for a new install
  Phase phase = Phase::Unpack;
  std::string script;  // preinst, postinst, prerm, postrm; empty: no script (dpkg itself, conffile)
  int exit_code = -1;  // -1: not an exit
  int signal = 0;      // 0: not a signal; -1: a signal whose number dpkg did not tell
  std::string message;  // dpkg's own words
  std::string output;   // the last lines that were printed before it failed
  bool healed = false;  // a later try in the same run went well
  FailureClass failure_class{};
};

// "foo" for "foo:amd64" on amd64, otherwise unchanged: what a person types.
std::string display_name(std::string_view package, std::string_view native_arch);

const char* to_string(Action action);
const char* to_string(Side side);
const char* to_string(ClauseKind kind);
const char* to_string(StepState state);
const char* to_string(Phase phase);

}  // namespace aptkeep
