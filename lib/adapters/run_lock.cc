#include "adapters/run_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cctype>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

#include "adapters/own_root.h"
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

// "/bin/sh", "/var/lib/dpkg/info/foo.postinst", "configure" ..., or the script first.
bool is_maintainer_script(const std::string& process) {
  std::ifstream file(process + "/cmdline", std::ios::binary);
  std::string word;
  for (int i = 0; i < 3 && std::getline(file, word, '\0'); ++i) {
    const bool dpkgs =
        word.starts_with("/var/lib/dpkg/info/") || word.starts_with("/var/lib/dpkg/tmp.ci/");
    for (const char* name : {"preinst", "postinst", "prerm", "postrm"}) {
      if (dpkgs && word.ends_with(name)) return has_own_root(process);
    }
  }
  return false;
}

// When no dpkg is at work, these have outlived theirs.
bool script_at_work() {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    const std::string path = entry.path().string();
    if (std::isdigit(static_cast<unsigned char>(path[6])) != 0 && is_maintainer_script(path))
      return true;
  }
  return false;
}

// What they stop or start when all has been put right would be so for good. One that hangs is not
// waited for.
constexpr int kLongestScript = 30;  // seconds

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
    const bool waits = quiet < 2 + kLongestScript * kLooksPerSecond && script_at_work();
    if (quiet >= 2 && !waits) return true;
    ::nanosleep(&kPause, nullptr);
  }
  return quiet > 0;
}

}  // namespace aptkeep
