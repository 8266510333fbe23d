// Where a symlink leads that a rule wants to have saved. Part of adapters/snapshot.h.
#pragma once

#include <string>

#include "adapters/snapshot_fs.h"

namespace aptkeep::snapshot {

// The file's own path, through however many symlinks; empty: it leads nowhere. Each must be root's,
// in a folder that root alone may write to, else it is an Error. The end of a sentence, as all
// errors here are: "it leads to a folder".
Result<std::string> behind_symlink(Walk& walk, const std::string& path);

// Why a file there is never saved because a rule names it; empty: it may be.
std::string why_not_saved(FileType type, const std::string& path);

}  // namespace aptkeep::snapshot
