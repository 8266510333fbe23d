// Shared by the files of adapters/qmail_queue.h.
#pragma once

#include <cerrno>
#include <string>
#include <system_error>

#include "core/result.h"

namespace aptkeep::qmail {

// "<what>: <errno's text>"
inline Error failed(const std::string& what, int number = errno) {
  return Error{what + ": " + std::generic_category().message(number)};
}

// renameat2(2) with RENAME_NOREPLACE; where the file system does not know that, after a look. False
// with errno.
bool rename_if_free(int from_folder, const std::string& from, int to_folder, const std::string& to);

}  // namespace aptkeep::qmail
