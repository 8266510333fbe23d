// Watches dpkg and its scripts while they run, tells of a hang, and ends the script where it may.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>

#include "core/hang.h"

namespace aptkeep {

struct HangEnd {
  bool hung = false;  // a script was ended
  std::string line;   // what was told of it
};

// Returns when `child` has ended, which is left to be waited for; at once where there is nothing to
// watch with. `output`: bytes printed so far.
HangEnd watch_for_hang(pid_t child, const HangRules& rules,
                       const std::function<std::uint64_t()>& output,
                       const std::function<void(const std::string&)>& tell) noexcept;

}  // namespace aptkeep
