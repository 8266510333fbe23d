// The environment's switch. All in this header: the launcher has nothing but libc.
#pragma once

#include <strings.h>

namespace aptkeep {

// Whether APTKEEP's value switches aptkeep off for a run: apt's words for no, in any case (apt's
// strutl.cc, StringToBool). Who types one means it, and finds out too late that it was not the
// right one. `word`: nullptr where the variable is not set.
inline bool switches_off(const char* word) noexcept {
  if (word == nullptr) return false;
  constexpr const char* kNo[] = {"off", "no", "false", "without", "disable", "0"};
  for (const char* no : kNo) {
    if (strcasecmp(word, no) == 0) return true;
  }
  return false;
}

}  // namespace aptkeep
