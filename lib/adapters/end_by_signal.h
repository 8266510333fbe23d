// How a program ends that stands for another one, which died of a signal. In a header and without
// the C++ library, for programs that have only libc.
#pragma once

#include <sys/resource.h>
#include <unistd.h>

#include <csignal>

namespace aptkeep {

// By that signal as well; without a core, which would be of this program.
[[noreturn]] inline void end_by_signal(int number) {
  const rlimit no_core = {0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  sigset_t one;
  sigemptyset(&one);
  sigaddset(&one, number);
  signal(number, SIG_DFL);
  sigprocmask(SIG_UNBLOCK, &one, nullptr);
  raise(number);
  _exit(128 + number);
}

}  // namespace aptkeep
