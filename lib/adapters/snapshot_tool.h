// Runs the tools of dpkg that the way back needs, quietly. Part of adapters/snapshot.h.
#pragma once

#include <string>
#include <vector>

#include "core/result.h"

namespace aptkeep::snapshot {

// Runs `args` (args[0] is looked up in PATH without our own folder, TMPDIR is `tmp` where that is
// not empty) to its end, with no terminal to ask at. What it printed; an Error with its last line
// where it ended otherwise than with 0.
Result<std::string> run_tool(const std::vector<std::string>& args, const std::string& tmp = "");

}  // namespace aptkeep::snapshot
