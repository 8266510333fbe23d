// Reads what dpkg writes to --status-fd (dpkg(1)), what its error messages tell, and whose files
// dpkg-query(1) says they are.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/plan.h"

namespace aptkeep {

struct StatusEvent {
  enum class Kind { State, Error, ConffilePrompt, Processing };
  Kind kind = Kind::State;
  std::string subject;  // package as dpkg names it ("foo", "foo:i386"), or an archive's path
  std::string detail;   // the state, the error's text, or the action
};

// Lines that are not understood are left out; a torn last line too. Never fails.
std::vector<StatusEvent> parse_status_log(std::string_view log);

// Whether dpkg has left a package between its versions, or unconfigured: of the letters that dpkg
// -l shows ("iU", "iF", "iH", or with an error flag "iHR").
bool is_half_done(std::string_view state);
// Half done, and dpkg is told not to want it (engine/finish.h: wants_of): it configures nothing of
// that kind.
bool is_left_unconfigured(std::string_view state);

// A package that dpkg dropped from its database since all of its files are another's now ("Noting
// disappearance of foo"; src/main/unpack.c, pkg_disappear).
struct Vanished {
  std::string package;  // both as dpkg names them
  std::string into;     // the package that was being unpacked
};
std::vector<Vanished> vanished_in(std::string_view log);

// What an error's text says about the script that failed. dpkg translates its messages, but not the
// words "pre-installation", "post-installation", "pre-removal" and "post-removal" (dpkg 1.21,
// src/main/script.c: they are put into the translated template as they are); the exit status stands
// behind them in digits of its own in every translation, and a signal's name in brackets.
//
// An upgrade whose old prerm or postrm failed where the new package has none ends with a text that
// names no script; dpkg's warning before it, printed only, does ("dpkg: warning: old foo package
// pre-removal script subprocess returned error exit status 4").
struct ScriptError {
  std::string script;  // preinst, postinst, prerm, postrm; empty: it was not a script
  int exit_code = -1;
  int signal = 0;  // -1: by a signal whose name is not in English
};
ScriptError parse_script_error(std::string_view message);

// The packages in a line of dpkg-query --search, "foo, bar:arch: /path", as dpkg names them; none
// for one of a diversion ("diversion by foo from: /path"), in the C locale.
std::vector<std::string> owners_in(std::string_view line);

}  // namespace aptkeep
