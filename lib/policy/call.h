// What a maintainer script asks of invoke-rc.d(8), deb-systemd-invoke(1p), service(8) or
// systemctl(1), as far as a shim decides about it. libc only.
#pragma once

#include "policy/systemctl.h"

namespace aptkeep::policy {

enum class Tool { InvokeRcD, DebSystemdInvoke, Service, Systemctl, None };

// By the last part of a program's path.
Tool tool_of(const char* path);
const char* path_of(Tool tool);  // of the real one, in Debian's packages

struct Call {
  Tool tool = Tool::None;
  // A start, stop or restart of units that are all named in full; all else is the real tool's
  // alone.
  bool decides = false;
  bool of_users = false;  // a call as above, but of users' managers
  // invoke-rc.d --allow-activation: the real one does not know it.
  bool allow_activation = false;
  char verb[32] = {};
  Units units;  // "foo.service", also where the call says "foo"
};

// Not returned: the names of its units point into itself.
void read_call(int argc, const char* const* argv, Call& call);

// The real tool's words for the same verb and other units, ended by a null; false: too many. Of
// units that `call` names (or some of them), with the options that stand before the verb.
bool words_of(int argc, const char* const* argv, const Call& call, const Units& units,
              const char** words, std::size_t room);

// Sockets, paths and timers are to be there before what they start, and gone before it.
bool is_trigger(const char* unit);
void triggers_first(Units& units);

}  // namespace aptkeep::policy
