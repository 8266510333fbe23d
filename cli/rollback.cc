// aptkeep rollback PKG...|--run ID, and aptkeep resume: both are the static driver's work, because
// they must go well where libraries do not.
#include <unistd.h>

#include <iostream>
#include <string>

#include "command.h"
#include "keeps.h"
#include "now.h"

namespace aptkeep::cli {
namespace {

constexpr const char* kDriver = "/usr/lib/aptkeep/driver";

std::vector<std::string> command_of(const char* what, std::int64_t run,
                                    const std::vector<std::string>& packages) {
  std::vector<std::string> command{kDriver, "rollback", what};
  if (run != 0) {
    command.emplace_back("--run");
    command.push_back(std::to_string(run));
  }
  command.insert(command.end(), packages.begin(), packages.end());
  return command;
}

bool agrees() {
  std::cout << "Go on? [y/N] " << std::flush;
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

}  // namespace

int rollback(const std::vector<std::string>& packages, std::int64_t run_id, bool yes) {
  need_root("roll back");
  if (packages.empty() == (run_id == 0)) {
    throw Failed("unable to roll back: name packages, or a run with --run");
  }
  if (yes) return run(command_of("--show-and-do", run_id, packages)) == 0 ? kAllWell : kError;
  const int shown = run(command_of("--show", run_id, packages));
  if (shown != 0) return kError;
  if (::isatty(STDIN_FILENO) == 0) {
    throw Failed("unable to ask for your consent: there is no terminal (see --yes)");
  }
  if (!agrees()) return kAllWell;
  return run(command_of("--do", run_id, packages)) == 0 ? kAllWell : kError;
}

int resume() {
  need_root("resume");
  return run({kDriver, "resume"}) == 0 ? kAllWell : kError;
}

}  // namespace aptkeep::cli
