// How somebody reads who may not open the log's index.
#pragma once

#include <string>

#include "core/result.h"
#include "state/sqlite.h"

namespace aptkeep::state {

// Opens a copy of the database and its log, made in a folder of this user's own that is gone again
// when it returns. An Error where they cannot be read, or do not stay still for long enough.
Status open_copy(Database& db, const std::string& path);

}  // namespace aptkeep::state
