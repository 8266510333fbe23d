// Lists of checksums that packages bring (DEBIAN/md5sums): dpkg keeps them, and edits none. Part of
// adapters/snapshot.h.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace aptkeep::snapshot {

// A longer one is not read.
inline constexpr std::size_t kMostSums = std::size_t{64} << 20;

// "HASH  path", line by line; the path without its slash. Calls back with both.
template <typename F>
void each_sum(std::string_view sums, F&& found) {
  while (!sums.empty()) {
    const std::string_view line = sums.substr(0, sums.find('\n'));
    sums.remove_prefix(std::min(line.size() + 1, sums.size()));
    const auto space = line.find("  ");
    if (space != std::string_view::npos) found(line.substr(0, space), line.substr(space + 2));
  }
}

}  // namespace aptkeep::snapshot
