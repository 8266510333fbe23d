// Facts from /proc and dpkg's locks. libc only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "state/store.h"

namespace aptkeep {

// The process that holds dpkg's frontend lock (/var/lib/dpkg/lock-frontend, fcntl lock, asked for
// with F_GETLK), which is the one whose run this is. nullopt: nobody holds it.
std::optional<Frontend> lock_holder(const std::string& lock_file = "/var/lib/dpkg/lock-frontend");

// nullopt if there is no such process.
std::optional<Frontend> process_info(std::int64_t pid);

// Whether that very process is still there.
bool is_alive(const Frontend& process);

std::optional<std::int64_t> parent_of(std::int64_t pid);

// Those of this process, the nearest first.
std::vector<Frontend> ancestors();

// The frontend whose hook or driver we are: the ancestor that holds dpkg's frontend lock. Where
// nobody holds it, the process above the one that started us (apt's shell, or the launcher), since
// aptitude gives the lock up before it calls its hooks and dpkg. nullopt: somebody else holds it.
std::optional<Frontend> own_frontend();

// The plan that has not ended, if it is that of an ancestor.
Result<std::optional<OpenPlan>> own_plan(Store& store);

// The dpkg that called us through its pre-invoke or post-invoke hook (dpkg(1)), some shells away.
struct DpkgAncestor {
  Frontend process;
  std::vector<std::string> arguments;  // argv, program name first; each short option on its own
};
std::optional<DpkgAncestor> dpkg_ancestor();

// The boot's id, so that a pid of an earlier boot is never taken for one of this.
std::string boot_id();

// Where dpkg.log ends now, as a word for dpkg_log_since(); and what it gained since, across one
// rotation's loss at most (then: nothing). At most 4 MiB are read.
std::string dpkg_log_mark(const std::string& path = "/var/log/dpkg.log");
std::string dpkg_log_since(const std::string& mark, const std::string& path = "/var/log/dpkg.log");

// True where a file system that dpkg writes to (those of /, /usr and its database) has less than
// 1 MiB, or 16 files, left for root, or where `file`, if it is not empty, would lie on one of them.
bool dpkg_disk_full(const std::string& file);

}  // namespace aptkeep
