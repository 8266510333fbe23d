#include <unistd.h>

#include <cstdlib>
#include <exception>
#include <string>

#include "adapters/proc.h"
#include "core/config.h"
#include "hook.h"
#include "outdated.h"
#include "policy/off_word.h"

namespace aptkeep::hook {
namespace {

bool switched_off() {
  return switches_off(std::getenv("APTKEEP")) || ::access(paths::kOff, F_OK) == 0 ||
         ::geteuid() != 0;
}

int run(const std::string& use) {
  if (use == "pre-install") return pre_install();
  if (use == "post-invoke") {
    post_invoke();
  } else if (use == "update") {
    update();
  } else if (use == "blockers") {
    blockers();
  } else {
    complain("unable to run the apt hook: it is started by apt, not by hand");
  }
  return 0;
}

}  // namespace
}  // namespace aptkeep::hook

// apt-hook USE [DESCRIPTOR], or outdated PID START of a frontend that has ended: what we say goes
// there (debian/aptkeep.apt.conf).
int main(int argc, char** argv) {
  using namespace aptkeep::hook;
  if (argc == 3 && std::string(argv[1]) != "plain") {
    const int messages = static_cast<int>(std::strtol(argv[2], nullptr, 10));
    if (messages > 2 && ::dup2(messages, 2) == 2) ::close(messages);
  }
  if (switched_off()) return 0;
  try {
    if (argc >= 2 && std::string(argv[1]) == "plain") {
      plain({argv + 2, argv + argc});
      return 0;
    }
    if (argc == 4 && std::string(argv[1]) == "outdated") {
      aptkeep::Frontend frontend;
      frontend.pid = std::strtoll(argv[2], nullptr, 10);
      frontend.start_time = std::strtoull(argv[3], nullptr, 10);
      frontend.boot = aptkeep::boot_id();
      ask_needrestart_for(frontend);
      return 0;
    }
    return run(argc == 2 || argc == 3 ? argv[1] : "");
  } catch (const std::exception& problem) {
    complain(std::string("unable to go on: ") + problem.what());
  }
  return 0;
}
