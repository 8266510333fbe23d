#include "adapters/run_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>

#include "adapters/proc.h"
#include "core/config.h"

namespace aptkeep {
namespace {

constexpr const char* kFrontendLock = "/var/lib/dpkg/lock-frontend";
constexpr const char* kDatabaseLock = "/var/lib/dpkg/lock";

std::string driver_lock_path() {
  return std::string(paths::kRunDir) + "/driver.lock";
}

int open_driver_lock() {
  if (::mkdir(paths::kRunDir, 0755) != 0 && errno != EEXIST) return -1;
  return ::open(driver_lock_path().c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
}

bool driver_at_work() {
  return is_held_and_close(open_driver_lock());
}

// Not lock_holder(): what counts is that somebody holds it, not who.
bool is_locked(const char* path) {
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  const bool locked = ::fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
  ::close(fd);
  return locked;
}

}  // namespace

RunLock::~RunLock() {
  if (fd_ >= 0) ::close(fd_);
}

RunLock RunLock::of_driver() {
  const int fd = open_driver_lock();
  if (fd >= 0 && ::flock(fd, LOCK_SH | LOCK_NB) != 0) {
    ::close(fd);
    return RunLock();
  }
  return RunLock(fd);
}

Result<RunLock> RunLock::of_frontend() {
  const int fd = ::open(kFrontendLock, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0640);
  if (fd < 0) {
    return Error{std::string("unable to open ") + kFrontendLock + ": " +
                 std::generic_category().message(errno)};
  }
  RunLock held(fd);
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  if (::fcntl(fd, F_SETLK, &lock) == 0) return Result<RunLock>(std::move(held));
  const auto holder = lock_holder(kFrontendLock);
  const std::string who = holder ? holder->command + " (pid " + std::to_string(holder->pid) + ")"
                                 : std::string("another process");
  return Error{"unable to lock dpkg's database: " + who + " is at work"};
}

bool is_held_and_close(int fd) {
  if (fd < 0) return false;
  const bool busy = ::flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  ::close(fd);
  return busy;
}

bool wait_for_orphans(int seconds) {
  constexpr int kLooksPerSecond = 5;
  constexpr timespec kPause{0, 1'000'000'000 / kLooksPerSecond};
  // Between two calls of a driver dpkg's lock is free for a moment, so one look is not enough.
  int quiet = 0;
  for (int look = 0; look < seconds * kLooksPerSecond; ++look) {
    quiet = driver_at_work() || is_locked(kDatabaseLock) ? 0 : quiet + 1;
    if (quiet >= 2) return true;
    ::nanosleep(&kPause, nullptr);
  }
  return quiet > 0;
}

}  // namespace aptkeep
