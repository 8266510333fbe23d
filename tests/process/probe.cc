// Runs a program through run_process() and writes how it ended: probe RESULT PROGRAM ARGS...
// $PROBE_DESCRIPTORS: it gets no more than so many. $PROBE_HANG_AFTER: seconds without a sign of
// life after which it is told (into RESULT.told), and ended if $PROBE_UNATTENDED is set and it is
// not the package $PROBE_NEVER_END; RESULT.hung is there if it was.
#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

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
  if (const char* after = std::getenv("PROBE_HANG_AFTER")) options.hang_after = std::atoi(after);
  options.hang_grace = 1;
  options.unattended = std::getenv("PROBE_UNATTENDED") != nullptr;
  if (const char* never = std::getenv("PROBE_NEVER_END")) options.never_end = {never};
  const std::string result_path = argv[1];
  if (std::getenv("PROBE_TELL") == nullptr) {
    options.tell = [&result_path](const std::string& line) {
      std::ofstream(result_path + ".told", std::ios::app) << line << std::endl;
    };
  }
  const auto result = aptkeep::run_process({argv + 3, argv + argc}, options);
  setrlimit(RLIMIT_NOFILE, &before);
  std::ofstream out(argv[1]);
  if (!result) {
    out << "error\n" << result.error().message << '\n';
    return 99;
  }
  if (result->hung) std::ofstream(result_path + ".hung") << result->hang << std::endl;
  out << result->exit_code << ' ' << result->signal << '\n' << result->tail;
  return result->signal != 0 ? 128 + result->signal : result->exit_code;
}
