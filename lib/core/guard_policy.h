// What becomes of a step whose guards were evaluated. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/guard.h"
#include "core/rule.h"

namespace aptkeep {

struct GuardFinding {
  GuardCall call;
  GuardResult result;
  // What its own rule says (if_unmet_of()); none: as the setting has it.
  std::optional<IfUnmet> if_unmet = {};
};

enum class GuardVerdict : std::uint8_t {
  Go,
  Warn,  // it goes on; the reason is said
  Ask,   // a person at the terminal decides; after "yes" the guards in `unmet` are accepted ones
  Keep,  // the package stays at its old version
  Stop,  // nothing of the run begins; once it has, nothing more of it
};

struct GuardSetting {
  IfUnmet if_unmet = IfUnmet::Keep;  // what holds where no rule says anything
  bool forced = false;               // APTKEEP_FORCE or Aptkeep::Force names the package
  bool person = false;               // somebody is at a terminal and may be asked
  bool asked = false;                // somebody was, and has not said yes; not to be asked again
  // Guards, as to_string() has them, that a person let pass earlier in this run. One that holds no
  // more only later is not among them.
  std::vector<std::string> accepted = {};
};

struct GuardDecision {
  GuardVerdict verdict = GuardVerdict::Go;
  // One line for a person: which guards are unmet, why, and what follows. Empty: all are met.
  std::string reason;
  std::vector<std::string> unmet;   // guards that decided, as to_string() has them
  std::vector<std::string> passed;  // unmet, but let pass by force or by a person: to be recorded
};

// A guard that could not be evaluated is unmet: nothing is known that would speak for the step. Of
// several the strictest decides: stop, keep, ask, warn.
GuardDecision judge_guards(const std::vector<GuardFinding>& findings, const GuardSetting& setting);

// How a step that its guards keep is recorded: as failed before anything was tried. `index`: its
// place in the plan.
Failure guard_failure(const Step& step, std::uint32_t index, const std::string& reason);

// Which guards are to be evaluated again when the package's services have been stopped, just before
// it is unpacked: a mail may have come into a queue since the plan was made. What the services'
// stop itself changes (service-active), what may need the service (a command that does not say
// "again"), and what cannot change are not.
std::vector<GuardCall> guards_after_stop(const std::vector<GuardCall>& calls);

// The same as texts for the record, less those that are known not to hold: they were let pass.
std::vector<std::string> guards_to_repeat(const std::vector<GuardFinding>& findings,
                                          const GuardDecision& decision);
// And back. What cannot be read is a guard without a name, which nothing can evaluate.
GuardCall read_guard(std::string_view text);
// With what its own rule says before it, as the record has it: "warn queue-empty /x".
std::optional<IfUnmet> recorded_if_unmet(std::string_view text);

// The text of APTKEEP_FORCE, of Aptkeep::Force's entries, or of all with blanks between: packages
// ("name" or "name:arch") with commas or blanks between. What is no package, a pattern above all,
// counts for nothing and is in `refused`, fit to be shown: force is for what was looked at, one by
// one.
struct Force {
  std::vector<std::string> packages;
  std::vector<std::string> refused;
};
Force read_force(std::string_view text);

// Whether `package` ("name:arch") is among them; "name" alone means all its architectures.
bool is_forced(const std::vector<std::string>& packages, std::string_view package);

// What is recorded of a step that goes on past guards; empty: all were met, or it does not go on.
std::string passed_past(const GuardDecision& decision);

const char* to_string(GuardVerdict verdict);

}  // namespace aptkeep
