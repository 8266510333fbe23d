#include "state/reserve.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <optional>

namespace aptkeep::state {
namespace {

constexpr std::uint64_t kReserve = 1024 * 1024;
constexpr std::uint64_t kEnough = 256 * 1024;  // for the largest of what is written after the plan

// Bytes left for root on the file system of `path`'s folder.
std::optional<std::uint64_t> left_at(const std::string& path) {
  struct statvfs info {};
  const std::string folder = path.substr(0, path.rfind('/') + 1);
  // f_bfree, not f_bavail: root may use the rest. Without blocks: it does not count them.
  if (::statvfs(folder.empty() ? "." : folder.c_str(), &info) != 0 || info.f_blocks == 0) {
    return std::nullopt;
  }
  return static_cast<std::uint64_t>(info.f_bfree) * info.f_frsize;
}

}  // namespace

bool hold_reserve(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (file < 0) {
    return errno != ENOSPC && errno != EDQUOT;
  }
  struct stat info {};
  const bool whole =
      ::fstat(file, &info) == 0 && static_cast<std::uint64_t>(info.st_blocks) * 512 >= kReserve;
  const int error = whole ? 0 : ::posix_fallocate(file, 0, static_cast<off_t>(kReserve));
  ::close(file);
  const auto left = left_at(path);
  if (error == ENOSPC || error == EDQUOT || (left && *left < kReserve)) {
    ::unlink(path.c_str());
    return false;
  }
  return true;
}

void use_reserve_if_needed(const std::string& path) {
  const auto left = left_at(path);
  if (left && *left < kEnough) {
    ::unlink(path.c_str());
  }
}

}  // namespace aptkeep::state
