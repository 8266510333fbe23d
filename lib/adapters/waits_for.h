// What a process waits for, as far as /proc tells. libc only.
#pragma once

#include <cstdint>
#include <string>

namespace aptkeep {

struct Waits {
  std::string what;  // "reads pipe:[123]", "waits for a child"; empty: it runs, or not known
  bool asks_person = false;  // one of its threads waits for input from a terminal
};
Waits waits_for(std::int64_t pid);

}  // namespace aptkeep
