// How random tests are steered: APTKEEP_SEED repeats a run, APTKEEP_ROUNDS makes a long one.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <random>
#include <string>

namespace toy {

inline std::uint64_t seed_of_run() {
  static const std::uint64_t seed = [] {
    const char* given = std::getenv("APTKEEP_SEED");
    const std::uint64_t value = given != nullptr ? std::stoull(given) : std::random_device{}();
    std::cout << "APTKEEP_SEED=" << value << "\n";
    return value;
  }();
  return seed;
}

inline std::uint64_t rounds(std::uint64_t ordinary) {
  const char* given = std::getenv("APTKEEP_ROUNDS");
  return given != nullptr ? std::stoull(given) : ordinary;
}

}  // namespace toy
