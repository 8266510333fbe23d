// Part of adapters/snapshot.h.
#pragma once

#include <exception>
#include <string>

#include "core/result.h"

namespace aptkeep::snapshot {

// Exceptions (no memory) end here: an error "unable to `what`".
template <typename F>
auto guarded(const char* what, F&& work) -> decltype(work()) {
  try {
    return work();
  } catch (const std::exception& problem) {
    return Error{std::string("unable to ") + what + ": " + problem.what()};
  }
}

}  // namespace aptkeep::snapshot
