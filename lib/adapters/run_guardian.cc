#include "adapters/run_guardian.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "adapters/proc.h"
#include "adapters/run_lock.h"
#include "adapters/snapshot_tool.h"
#include "adapters/units_systemctl.h"
#include "core/config.h"

namespace aptkeep {
namespace {

std::string name_of(const Frontend& frontend) {
  return std::to_string(frontend.pid) + "-" + std::to_string(frontend.start_time);
}

std::string lock_of(const Frontend& frontend) {
  return std::string(paths::kRunDir) + "/guardian-" + name_of(frontend);
}

}  // namespace

bool start_guardian(const Frontend& frontend) {
  if (!has_service_manager()) return false;
  if (guardian_at_work(frontend)) return true;
  // Killed, it is started again; what it does may be done twice. It says what is wrong to the
  // journal.
  const auto started = snapshot::run_tool(
      {"timeout", "--kill-after=5", "25", "systemd-run", "--quiet", "--collect",
       "--unit=aptkeep-guardian-" + name_of(frontend),
       "--description=Services of the upgrade by process " + std::to_string(frontend.pid),
       "--property=Restart=on-failure", "--property=RestartSec=1", std::string(paths::kDriver),
       "guardian", std::to_string(frontend.pid), std::to_string(frontend.start_time)});
  return started.ok();
}

bool guardian_at_work(const Frontend& frontend) {
  return is_held_and_close(::open(lock_of(frontend).c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC));
}

GuardianLock::GuardianLock(const Frontend& frontend) : path_(lock_of(frontend)) {
  if (::mkdir(paths::kRunDir, 0755) != 0 && errno != EEXIST) return;
  fd_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd_ >= 0 && ::flock(fd_, LOCK_EX | LOCK_NB) != 0) {
    ::close(fd_);
    fd_ = -1;
  }
}

GuardianLock::~GuardianLock() {
  if (fd_ < 0) return;
  ::unlink(path_.c_str());
  ::close(fd_);
}

void wait_for_end(const Frontend& frontend) {
  const int fd = static_cast<int>(::syscall(SYS_pidfd_open, frontend.pid, 0));
  // The descriptor is of whatever process has that number now.
  if (fd >= 0 && is_alive(frontend)) {
    pollfd ends{fd, POLLIN, 0};
    while (::poll(&ends, 1, -1) < 0 && errno == EINTR) {
    }
  }
  if (fd >= 0) ::close(fd);
  while (is_alive(frontend)) ::sleep(1);  // a kernel without pidfds
}

}  // namespace aptkeep
