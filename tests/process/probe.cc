// Runs a program through run_process() and writes how it ended: probe RESULT PROGRAM ARGS...
// $PROBE_DESCRIPTORS: it gets no more than so many.
#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "adapters/process.h"

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  aptkeep::RunOptions options;
  options.program = argv[2];
  options.status_fd = false;
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  const rlimit before = limit;
  if (const char* most = std::getenv("PROBE_DESCRIPTORS"))
    limit.rlim_cur = static_cast<rlim_t>(std::atoi(most));
  setrlimit(RLIMIT_NOFILE, &limit);
  const auto result = aptkeep::run_process({argv + 3, argv + argc}, options);
  setrlimit(RLIMIT_NOFILE, &before);
  std::ofstream out(argv[1]);
  if (!result) {
    out << "error\n" << result.error().message << '\n';
    return 99;
  }
  out << result->exit_code << ' ' << result->signal << '\n' << result->tail;
  return result->signal != 0 ? 128 + result->signal : result->exit_code;
}
