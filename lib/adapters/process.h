// Starts the real dpkg with a terminal where stock gives one, and keeps the last lines of output.
// The only file with <boost/process...> is process.cc.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "core/result.h"
#include "engine/ports.h"

namespace aptkeep {

struct RunOptions {
  std::string program = "/usr/bin/dpkg";
  std::size_t tail_lines = 50;
  bool status_fd = true;  // add our own --status-fd (a memfd) to the arguments

  // What shows no sign of life for so many seconds (0: never) is told, and a maintainer script
  // ended where `unattended` says that nobody is there who could, unless it asks something on a
  // terminal or is of a package in `never_end` ("name" or "name:arch"). See core/hang.h.
  std::int64_t hang_after = 0;
  std::int64_t hang_grace = 10;  // seconds between SIGTERM and SIGKILL
  bool unattended = false;
  std::vector<std::string> never_end = {};
  // A folder that goes before all others in the child's PATH; "": none.
  std::string first_in_path = {};
  // One line, while dpkg runs. Unset: to standard error, as it is fit for a raw terminal.
  std::function<void(const std::string&)> tell = {};
};

// Runs `program args...` to its end and returns how it ended. Environment and working folder are
// the caller's, less our folders in PATH (see real_path()).
//
// Where our standard output is a terminal the child gets a pseudo-terminal of its own, with the
// same settings and size, and everything passes through; where it is not, pipes. A relay process
// copies, so that the child goes on if we are killed. Where neither can be had (no /dev/pts, no
// free descriptors) the child gets our own descriptors and `tail` is empty.
// SIGINT, SIGQUIT and SIGHUP are ignored meanwhile, as apt does; SIGTERM is passed on.
Result<DpkgResult> run_process(const std::vector<std::string>& args, const RunOptions& options);

// PATH without aptkeep's own folders, so that scripts and dpkg find the real tools.
std::string real_path(const std::string& path);

class RealDpkg final : public DpkgRunner {
 public:
  explicit RealDpkg(RunOptions options = {}) : options_(std::move(options)) {}
  Result<DpkgResult> run(const std::vector<std::string>& args) override;

 private:
  RunOptions options_;
};

}  // namespace aptkeep
