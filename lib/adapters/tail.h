// Turns what a program printed to a terminal into the lines that a person would remember.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace aptkeep {

// The last `lines` lines of `raw`: control sequences taken out, a line that was overwritten with
// carriage returns (progress) as it looked last, bytes that are not UTF-8 replaced by U+FFFD, blank
// lines left out. `torn`: the beginning of `raw` is not the beginning of a line, so the
// first line is left out unless it is the only one.
std::string clean_tail(std::string_view raw, std::size_t lines, bool torn);

}  // namespace aptkeep
