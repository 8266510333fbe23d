// Who asks policy-rc.d, by /proc: deb-systemd-invoke asks unit by unit, and does nothing of its
// whole call at the first 101, so that the answers for all of them have to be one. libc only.
#pragma once

#include "policy/systemctl.h"

namespace aptkeep::policy {

struct Caller {
  bool of_users = false;  // a user's units are meant, not the system's
  // All that deb-systemd-invoke was called for; empty: somebody else asks.
  Units units;
};

// Not returned: the names of its units point into itself.
void find_caller(Caller& caller);

// `words`: a process's arguments, each with a NUL, `size` bytes; changes them.
void read_caller(char* words, std::size_t size, Caller& caller);

}  // namespace aptkeep::policy
