// Backups that rules have made before a package is replaced, in folders that only root may enter.
// Until one is whole its folder has another name, .partial-PACKAGE.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/result.h"

namespace aptkeep {

// BASE/RUN/PACKAGE, with -2 and so on behind it where that is there already. `package`: as a person
// names it. `base` may be a link of root's; nothing in it is followed.
struct BackupPlace {
  std::string base;
  std::int64_t run = 0;
  std::string package;
};

// Runs these commands, as rules write them, one after the other, each with the folder as
// $APTKEEP_BACKUP. What a command writes to its standard output becomes a file there, and the
// standard input of the commands after it. Well: all ended well, nothing is empty, what is known as
// a dump has its end, and all is on the disk for good. Returns what is there, absolute paths; an
// Error leaves nothing: "timeout=5 /usr/bin/pg_dump x: exit status 1: ...".
Result<std::vector<std::string>> make_backup(const BackupPlace& place,
                                             const std::vector<std::string>& commands);

// How many bytes ought to be free before the next one of the package: once and a half the newest,
// and no less than 16 MiB.
std::uint64_t room_for_backup(const std::string& base, const std::string& package);

// The same for several packages of a run, whose backups are all there at its end.
class RoomForBackups {
 public:
  explicit RoomForBackups(std::string base) : base_(std::move(base)) {}

  // How many bytes ought to be free for this one and for all that were asked for before.
  std::uint64_t with(const std::string& package);

 private:
  std::string base_;
  std::uint64_t all_ = 0;  // bytes
};

// Removes what killed runs have left that is not whole. Value as prune_backups().
Status drop_partial_backups(const std::string& base);

// Removes backups of runs that were made before `since` (seconds since the epoch). What cannot be
// removed is the Error; the others are.
Status prune_backups(const std::string& base, std::int64_t since);

}  // namespace aptkeep
