// A process of systemd's that outlives a frontend, and sees to the services of its run where nobody
// else does: the frontend was killed, or its run has many plans (unattended-upgrades) whose
// restarts are to be made once.
#pragma once

#include "state/store.h"

namespace aptkeep {

// As a transient unit (systemd-run(1)), where systemd runs and there is none of this frontend yet.
// False: it cannot be had, and all is as without one.
bool start_guardian(const Frontend& frontend);

bool guardian_at_work(const Frontend& frontend);

// The guardian's own: held until destroyed. False: there is one already, or /run is read-only.
class GuardianLock {
 public:
  explicit GuardianLock(const Frontend& frontend);
  GuardianLock(const GuardianLock&) = delete;
  GuardianLock& operator=(const GuardianLock&) = delete;
  ~GuardianLock();
  explicit operator bool() const { return fd_ >= 0; }

 private:
  std::string path_;
  int fd_ = -1;
};

// Returns when that very process has ended.
void wait_for_end(const Frontend& frontend);

}  // namespace aptkeep
