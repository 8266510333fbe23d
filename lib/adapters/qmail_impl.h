// Shared by the files of adapters/qmail_queue.h.
#pragma once

#include <cerrno>
#include <cstdint>
#include <string>
#include <system_error>
#include <vector>

#include "core/result.h"

namespace aptkeep::qmail {

// "<what>: <errno's text>"
inline Error failed(const std::string& what, int number = errno) {
  return Error{what + ": " + std::generic_category().message(number)};
}

// renameat2(2) with RENAME_NOREPLACE; where the file system does not know that, after a look. False
// with errno.
bool rename_if_free(int from_folder, const std::string& from, int to_folder, const std::string& to);

// The names in an open folder (`path` for the Error), sorted; the fd stays open.
Result<std::vector<std::string>> names_in(int fd, const std::string& path);

// The number of the mount that `name` in the folder is in, or of the folder itself if it is empty;
// no symlink is followed. What is mounted twice has one device number and two of these. 0: it is
// gone, or the kernel is older than 5.8 and does not tell.
std::uint64_t mount_of(int folder, const std::string& name);

}  // namespace aptkeep::qmail
