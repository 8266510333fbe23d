// Units of systemd as values, and what is to become of those that ran before a run. Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace aptkeep {

// What systemd says of a unit (org.freedesktop.systemd1(5)). A name that it does not know has the
// load state "not-found".
struct UnitFacts {
  std::string name;          // its Id: an alias that was asked for is resolved
  std::string load_state;    // "loaded", "not-found", "masked", "bad-setting" ...
  std::string active_state;  // "active", "inactive", "failed", "activating" ...
  std::string sub_state;     // "running", "listening", "auto-restart" ...
  std::string file_state;    // "enabled", "disabled", "static", "masked" ...; "": no unit file
  std::string type;          // of a service: "simple", "oneshot", "dbus" ...
  bool remains = false;      // RemainAfterExit: a oneshot stays active when it has ended
  std::vector<std::string> triggers;      // what this socket, path or timer starts
  std::vector<std::string> triggered_by;  // what starts this service
  bool needs_reload = false;              // its file has changed since systemd read it
  unsigned restarts = 0;      // of a service: by systemd itself, since it was last started by hand
  std::int64_t up_since = 0;  // seconds since the epoch; 0: it is not up, or that is not known
  // The same in microseconds since the machine was booted: of two starts within one second, which.
  std::int64_t start_mark = 0;
  // What systemd stops when this unit is stopped: RequiredBy, BoundBy, ConsistsOf; and what this
  // unit itself needs or is a part of: Requires, BindsTo, PartOf.
  std::vector<std::string> related;
  // Of these, what takes this unit with it when it is stopped or restarted: Requires, BindsTo,
  // PartOf.
  std::vector<std::string> goes_with = {};
  std::vector<std::string> conflicts = {};  // what it names in Conflicts: its start stops these
  bool refuses_stop = false;                // RefuseManualStop
  std::vector<std::string> listens = {};    // of a socket: "Stream /run/x", "Datagram /dev/log" ...
  bool accepts = false;                     // of a socket: Accept, an instance for each client
  std::vector<std::string> drop_ins = {};   // paths, in the order in which they are read
  bool can_reload = false;                  // CanReload: it has an ExecReload, say
  // Why a hold would not keep it from being started (core/drop_ins.h); empty: it does, or that is
  // not known.
  std::string unheld_by = {};

  bool is_up() const;
};

// A unit as it was when the run began, and what was found of it at the end.
struct UnitRecord {
  std::string name;
  std::string package;  // whose file it is, "name:arch"; "": a unit that is related to one of these
  std::string state;    // "active (running)"
  bool wanted = false;  // it ran, or was to run (failed, about to be restarted)
  std::string trouble;  // at the end: why it is not as before; "": it is
  std::string journal;  // its last lines then
  // What rules say of its package, as they write it ("timeout=5 /bin/x 'a b'"): commands that must
  // end well before a service that runs is restarted, and when it runs again.
  std::vector<std::string> checks = {};
  std::vector<std::string> probes = {};
  // A rule leaves its restart to the next boot (Class: never), and this is the start
  // (UnitFacts::start_mark) that it runs from; 0: no rule does, or it is down.
  std::int64_t never_since = 0;
  // Of such a service: commands that end well when nothing hangs on it, so that it may be restarted
  // at a run's end after all. None: it never is.
  std::vector<std::string> idle = {};
  bool reload = false;          // a rule says that its reload brings it to the new version (Reload)
  std::string file_state = {};  // UnitFacts::file_state when it was recorded; "": not known
};
// The beginning of UnitRecord::name of what is a user's: aptkeep leaves these units to their
// packages, and only says so.
inline constexpr std::string_view kUsers = "--user ";

// "foo.service" of "/usr/lib/systemd/system/foo.service"; the generated unit of a script in
// /etc/init.d; "" of any other path, and of kinds of units that no upgrade stops (mounts, slices).
std::string unit_of_path(std::string_view path);
// The units, "foo@.service" among them, of a package's files; sorted, each once.
std::vector<std::string> units_of_paths(const std::vector<std::string>& paths);
// Whether `unit` is `file` or, where that is a template, an instance of it.
bool is_instance_or_same(std::string_view unit, std::string_view file);
// Whether one of `others` stops it by its start, and is not stopped by its: it has taken the place.
bool is_displaced(const UnitFacts& unit, const std::vector<const UnitFacts*>& others);
// A kind that has to be there before what it starts: sockets, paths, timers.
bool is_trigger(std::string_view unit);
// A kind that upgrades stop and start: services and triggers; not mounts, slices and targets.
bool is_service_or_trigger(std::string_view unit);

// Ran, or was to run: a failed unit and one between two attempts as well. Not one that ends by
// itself (a oneshot that leaves nothing).
bool is_wanted(const UnitFacts& facts);
std::string state_text(const UnitFacts& facts);  // "active (running)"

// What policy-rc.d and the shims have left to the end of the run (policy/notes.h).
// Users: it is not of the system's manager, but of users', and the package's own call was made.
// Listed and Left are of what needrestart(1) finds (engine/outdated.h): it only lists it, or its
// configuration has it never restarted.
struct PutOff {
  enum class Kind { Restart, Reboot, Failed, Users, Listed, Left };
  Kind kind = Kind::Restart;
  std::string unit;
  std::string package;  // whose script wanted it; kNoPackage: nobody's did

  friend bool operator==(const PutOff&, const PutOff&) = default;
};
inline constexpr std::string_view kNoPackage = "-";
std::string to_line(const PutOff& one);  // with its end
// "KIND UNIT PACKAGE" in each line; each of them once, in the order of the first. Others are passed
// over.
std::vector<PutOff> parse_put_off(std::string_view text);

enum class Standing {
  Upgraded,    // whole, at the version that the run brought
  Unchanged,   // whole, at the version from before
  Unfinished,  // dpkg has not configured it
  Gone,        // removed
};

enum class UnitWish {
  Leave,  // as it is to be, or nothing that aptkeep should change
  Start,
  Tell,  // it is not as before, and stays so: `reason` is for the report
};

struct UnitDecision {
  std::string unit;
  UnitWish wish = UnitWish::Leave;
  std::string reason;
  std::string instead_of;  // of a unit that is gone, whose place this new one takes
};

// What is to be done at the end of a run about each unit that was wanted. `now`: facts by the names
// in the records, and of all units in `new_units`. `standing`: of a package. `new_units`: by
// package, units that it has now and did not have when the run began.
std::vector<UnitDecision> decide_units(
    const std::vector<UnitRecord>& before, const std::map<std::string, UnitFacts>& now,
    const std::function<Standing(const std::string& package)>& standing,
    const std::map<std::string, std::vector<std::string>>& new_units);

// UnitRecord::trouble of what runs as before: the beginning, and the whole.
inline constexpr std::string_view kNotRestarted = "it was not restarted, because ";
inline constexpr std::string_view kUntilReboot = "the version from before runs until the next boot";
// Of what is down: nobody is to start it before something is changed.
inline constexpr std::string_view kStaysDown = "it is not started, because ";
// Whether one of them stays down because of this, and so tells it already.
bool is_told_by(const std::vector<UnitRecord>& units, const std::string& reason);
// Whether somebody wants a unit that is not up to be down, or it is there no more: since it was
// recorded it was disabled or masked. What ran though it was disabled is wanted.
bool is_wanted_down(const UnitRecord& record, const UnitFacts& now);
// Whether the trouble that a run has left a unit in is over, or nobody's any more: it was started
// since the run ended (seconds since the epoch), or is wanted down, or it is a job that has gone
// well. What was not well can only be asked again.
bool is_trouble_over(const UnitRecord& record, const UnitFacts& now, std::int64_t ended);
// Two of these that no check decides, but how others are when a plan ends: a package, a unit.
inline constexpr std::string_view kGoesWith =
    "it is not started, because it goes down and up with ";
inline constexpr std::string_view kHangsOn = "it is not started, because it hangs on ";
inline constexpr std::string_view kNotConfigured = "its package is not configured";
inline constexpr std::string_view kOnlyListed =
    "it was not restarted, because needrestart only lists what uses replaced files";
inline constexpr std::string_view kLeftAlone =
    "it uses files that were replaced, and needrestart is told to leave it";
inline constexpr std::string_view kUnwell = "it runs, and was not well: ";
// What these tell to be left, for who tries again in the same boot.
std::vector<PutOff> still_put_off(const std::vector<UnitRecord>& records);

// Properties that facts are made of, as `systemctl show --property` takes them.
inline constexpr std::string_view kUnitProperties =
    "Id,LoadState,ActiveState,SubState,UnitFileState,Type,RemainAfterExit,Triggers,TriggeredBy,"
    "RequiredBy,BoundBy,ConsistsOf,Requires,BindsTo,PartOf,Conflicts,InactiveExitTimestamp,"
    "InactiveExitTimestampMonotonic,NRestarts,"
    "RefuseManualStop,CanReload,Listen,Accept,DropInPaths,NeedDaemonReload";
// Sets one of them from its text: names are separated by blanks, booleans are "yes" and "no", times
// as `--timestamp=unix` has them (monotonic ones are microseconds); of Listen each line ("/run/x
// (Stream)") adds one.
void set_property(UnitFacts& facts, std::string_view name, std::string_view value);
// The arguments of systemctl(1) that ask for them of these units.
std::vector<std::string> show_arguments(const std::vector<std::string>& names);
// What `systemctl show` prints of several units: lines of Name=value, an empty one after each unit.
std::vector<UnitFacts> parse_show(std::string_view text);

}  // namespace aptkeep
