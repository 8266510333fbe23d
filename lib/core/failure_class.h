// What kind of failure this was, and what is done about it. Both are tables; nothing here looks at
// anything but its arguments.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/plan.h"

namespace aptkeep {

enum class FailureClass : std::uint8_t {
  Unknown,
  Refusal,      // the package says no on purpose, or asks a question that nobody answers
  Crash,        // a program died of a signal that it did not ask for
  Transient,    // a lock, or a neighbour that is not up yet: another time it may go well
  MissingUnit,  // systemd does not know a unit that the script names
  FollowUp,     // something else failed before
  DiskFull,
  OutOfMemory,
  DpkgItself,
  Hang,
  // Nothing was tried, since of what a rule wants to be so before:
  Guard,        // a guard did not hold
  Backup,       // what was to be saved could not be
  Preparation,  // a command failed, or a service did not stop
  Waiting,      // a package that it needs was left unconfigured by an earlier run
};

// See Failure in core/plan.h. Where `script` is empty, exit code and signal are dpkg's own.
struct FailureFacts {
  Phase phase = Phase::Unpack;
  std::string script;
  int exit_code = -1;
  int signal = 0;
  std::string message;
  std::string output;
  bool hung = false;
  // The kernel ended a process for want of memory while dpkg ran (`oom_kill` in /proc/vmstat grew).
  // It does not tell whose, so that it counts only beside a SIGKILL.
  bool oom_kill = false;
  // The file systems that dpkg itself writes to were seen to have room: what was full is another
  // one, /boot mostly, and no reason to stop everything.
  bool room_for_dpkg = false;
};

struct Classified {
  FailureClass failure_class = FailureClass::Unknown;
  std::string why;  // what it was recognised by: "exit 75", "\"connection refused\" printed"
};

// dpkg's messages and most programs' are translated: words are recognised in English only, and a
// failure that speaks another language is Unknown unless its exit code or signal tells.
Classified recognise(const FailureFacts& facts);
FailureClass classify(const FailureFacts& facts);

enum class Reaction : std::uint8_t {
  Keep,              // it stays at, or goes back to, its old version
  RetryNow,          // once more at once
  RetryAfterReload,  // systemctl daemon-reload, then once more
  RetryLater,        // again when the rest is configured, at the latest at the end of the run
  Stop,              // the run ends here, cleanly: whatever came next would fail as well
  Ignore,            // no failure of its own: it follows what it waits for
  KeepAndStop,       // by a rule: as it is, and nothing more is done
};

struct Decision {
  Reaction reaction = Reaction::Keep;
  FailureClass failure_class = FailureClass::Unknown;
  std::string reason;
};

// Both counts are of tries of this package at this version and have the one in them that just
// failed; `attempts_over_runs` has those of this run in it too. A rule counts for failures that are
// the package's own: a full disk stops the run whatever it says.
Decision react(FailureClass failure_class, int attempts_in_this_run, int attempts_over_runs,
               const std::optional<FailureRule>& rule = std::nullopt);

// Whether a keep that was left by such a failure is to be tried again: a crash, a transient or a
// lack of resources after a time, up to a limit; a refusal waits for a newer version or a person.
// `attempts` over all runs; times in seconds. A clock that was set back makes nothing wait longer.
bool due_again(FailureClass failure_class, int attempts, std::int64_t last_try, std::int64_t now);

// Nothing of the package was touched: what came before said no.
bool is_untried(FailureClass failure_class);

const char* to_string(FailureClass failure_class);
const char* to_string(Reaction reaction);

}  // namespace aptkeep
