// Runs a program through run_process() and writes how it ended: probe RESULT PROGRAM ARGS...
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "adapters/process.h"

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  aptkeep::RunOptions options;
  options.program = argv[2];
  options.status_fd = false;
  const auto result = aptkeep::run_process({argv + 3, argv + argc}, options);
  std::ofstream out(argv[1]);
  if (!result) {
    out << "error\n" << result.error().message << '\n';
    return 99;
  }
  out << result->exit_code << ' ' << result->signal << '\n' << result->tail;
  return result->signal != 0 ? 128 + result->signal : result->exit_code;
}
