// Who may work on the system's packages: dpkg's locks, and one of our own that tells whether a
// driver is at work whose frontend is gone. libc only.
#pragma once

#include "core/result.h"

namespace aptkeep {

// Held until destroyed, or until the process ends however it ends.
class RunLock {
 public:
  RunLock() = default;
  RunLock(RunLock&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;
  ~RunLock();

  // What a driver holds while it works. Where it cannot be had (a read-only /run), it goes without.
  static RunLock of_driver();

  // dpkg's frontend lock, as apt takes it. An Error where another process holds it: "unable to lock
  // dpkg's database: apt-get (pid 12) is at work". dpkg itself, run below, must be told by
  // DPKG_FRONTEND_LOCKED (dpkg(1)).
  static Result<RunLock> of_frontend();

 private:
  explicit RunLock(int fd) : fd_(fd) {}
  int fd_ = -1;
};

// Whether another process holds a flock(2) on the file. Closes `fd`; -1: nobody does.
bool is_held_and_close(int fd);

// Waits until no driver and no dpkg is at work, `seconds` at most. A frontend that was killed
// leaves them behind, and they go on with what they were told. False: they are still at work. Then
// for maintainer scripts that have outlived their dpkg, half a minute at most.
bool wait_for_orphans(int seconds);

}  // namespace aptkeep
