// What a backup has to look like. Pure.
#pragma once

#include <string>
#include <string_view>

namespace aptkeep {

// Why a file that a backup has written cannot be whole; empty: nothing speaks against it. `head`
// and `tail`: its first and its last few KiB (the same where it is short). Known are the dumps of
// PostgreSQL, MySQL, MariaDB and SQLite as text, which say at their end that they are complete.
std::string dump_fault(std::string_view head, std::string_view tail);

// The name of the file that takes a command's standard output: "1-pg_dump".
std::string backup_name(int number, std::string_view program);

}  // namespace aptkeep
