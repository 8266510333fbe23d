// What must hold of whatever a reader makes of a text. A violation aborts, which libFuzzer reports.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace aptkeep {

inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

}  // namespace aptkeep
