// The probes themselves, one function each. Each may block for ever, on a path or a program: only
// adapters/guards.h calls them, in a process that can be given up.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "core/guard.h"

namespace aptkeep::probe {

struct Context {
  const std::vector<std::string>& arguments;  // as guard_fault() lets them through
  const Remembered& before;
  Remembered& now;
  std::chrono::milliseconds limit;  // for a program that a probe has to ask
};

// What a probe found. `why` is text for a person, made harmless by whoever calls.
GuardResult met(std::string why);
GuardResult unmet(std::string why);
GuardResult unknown(std::string why);
// "unable to <what>: <errno's text>"
GuardResult cannot(const std::string& what, int number);

// A value against the remembered one. The first time there is nothing to compare with: met, and
// said. `what`: "user postfix".
GuardResult compare(const Context& context, const std::string& key, const std::string& value,
                    const std::string& what);

// DIR...: no regular file below any of them. Symlinks below are not followed, and neither are they,
// folders, sockets and fifos mail or jobs. A DIR that is itself a symlink is.
GuardResult queue_empty(const Context& context);
// FILE TEXT, in regular files (through symlinks) of 64 MiB at most. Comment lines count as well.
GuardResult file_contains(const Context& context);
GuardResult file_lacks(const Context& context);
// FILE KEY: see values_of(); no value at all is a value, too. What is in a file that not everybody
// may read is remembered as a salted hash, since state.db is for everybody.
GuardResult same_file_value(const Context& context);
// FILE AGE, by its time of modification. One from the future is not taken for fresh.
GuardResult fresh_backup(const Context& context);
// A B: device numbers are equal; of a path that is not there yet its nearest parent's. On btrfs
// each subvolume is a file system of its own, as it is for rename(2).
GuardResult same_filesystem(const Context& context);
// DIR AMOUNT: f_bfree, which has the reserve for root; DIR as above.
GuardResult free_space(const Context& context);
// USER|:GROUP...: numeric ids against the remembered ones.
GuardResult same_ids(const Context& context);
// PROGRAM: whether any process has this file, or one that was replaced under this name, as its
// executable. Sees no script, since its executable is the interpreter.
GuardResult not_running(const Context& context);
// UNIT: active or reloading, systemctl says.
GuardResult service_active(const Context& context);
// "PROGRAM ARG..." expects 0|TEXT [again]
GuardResult command(const Context& context);

}  // namespace aptkeep::probe
