// A file of /proc as text. libc only.
#pragma once

#include <cstdint>
#include <string>

namespace aptkeep {

// Empty where it cannot be read; at most 1 MiB.
std::string proc_text(const std::string& path);
std::string proc_text(std::int64_t pid, const char* name);  // of /proc/PID

// What a link in /proc/PID points to: "pipe:[123]", "/dev/pts/0".
std::string proc_link(std::int64_t pid, const std::string& name);

}  // namespace aptkeep
