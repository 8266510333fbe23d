// Room for the record on a full disk. What a run did must be told of above all where dpkg has just
// filled the last block: so a file beside the database, made before the first plan, holds some, and
// goes when a write would find none. Rejected: room reserved at the end of SQLite's own log, which
// is given back whenever the log is emptied, and the log grows without end where it never is.
#pragma once

#include <string>

namespace aptkeep::state {

inline constexpr const char* kReserveSuffix = "-reserve";  // behind the database's name

// Makes the file `path` and fills it with 1 MiB; false: there is no room for it and for as much
// again, and no file was made. True also where that cannot be known: then writing goes on without.
bool hold_reserve(const std::string& path);

// Removes it where less than 256 KiB are left beside it for root. Errors change nothing.
void use_reserve_if_needed(const std::string& path);

}  // namespace aptkeep::state
