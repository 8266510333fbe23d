// Another program of ours or dpkg's, run to its end on our own terminal.
#pragma once

#include <string>
#include <vector>

#include "core/result.h"

namespace aptkeep {

// Starts `program` (an absolute path) with our environment, and `input` as its standard input
// unless that is -1, and waits for it. Its exit status; 128 and the signal where one ended it. An
// Error where it could not be started: the system's words alone.
Result<int> run_to_end(const char* program, const std::vector<std::string>& arguments,
                       int input = -1);

}  // namespace aptkeep
