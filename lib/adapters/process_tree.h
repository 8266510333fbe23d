// What /proc tells about dpkg, the maintainer script that it runs, and all below. libc only.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

#include "core/hang.h"

namespace aptkeep {

class ProcessTree {
 public:
  explicit ProcessTree(pid_t dpkg) : dpkg_(dpkg) {}

  // `also`: processes to be in the sample wherever they are now. What was once seen below the
  // script stays in for as long as that script runs, and so does, where dpkg leads a session, all
  // that began in it after the script.
  HangSample sample(std::uint64_t output, const std::vector<ProcessId>& also);

 private:
  struct Stat {
    ProcessSample process;
    std::int64_t session = 0;
  };

  void find_script(const std::vector<Stat>& all, HangSample& sample);
  std::vector<const Stat*> members(const std::vector<Stat>& all,
                                   const std::vector<ProcessId>& also);
  static bool read_stat(std::int64_t pid, Stat& stat);
  static std::vector<Stat> read_all();

  std::int64_t dpkg_;
  ProcessId script_;              // of the last sample; pid 0: none
  std::string package_, name_;    // the script's
  std::vector<ProcessId> known_;  // seen below it
};

// False: that process is gone.
bool signal_process(const ProcessId& id, int number);

// How many processes the kernel has ended for want of memory since it started; 0: it does not tell.
std::uint64_t oom_kills();

}  // namespace aptkeep
