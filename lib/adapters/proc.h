// Facts from /proc and dpkg's locks. libc only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "state/store.h"

namespace aptkeep {

// The process that holds dpkg's frontend lock (/var/lib/dpkg/lock-frontend, fcntl lock, asked for
// with F_GETLK), which is the one whose run this is. nullopt: nobody holds it.
std::optional<Frontend> lock_holder(const std::string& lock_file = "/var/lib/dpkg/lock-frontend");

// nullopt if there is no such process.
std::optional<Frontend> process_info(std::int64_t pid);

// The boot's id, so that a pid of an earlier boot is never taken for one of this.
std::string boot_id();

}  // namespace aptkeep
