// /run/aptkeep/table on disk; table/reader.h reads it.
#pragma once

#include <string>
#include <string_view>

#include "core/result.h"

namespace aptkeep {

// Puts `bytes` in the place of `folder`/table, whole or not at all; makes the folder. Nothing is
// synced: what is in /run is gone after a power cut, and is to be.
Status write_table(const std::string& folder, std::string_view bytes);

// That there is none is no error.
Status remove_table(const std::string& folder);

}  // namespace aptkeep
