#include "adapters/interrupt.h"

#include <csignal>
#include <initializer_list>

namespace aptkeep {
namespace {

volatile std::sig_atomic_t arrived = 0;

void note(int number) {
  if (number != SIGHUP) arrived = 1;
}

}  // namespace

void note_interrupts() {
  for (const int number : {SIGINT, SIGQUIT, SIGHUP}) {
    struct sigaction before {};
    if (sigaction(number, nullptr, &before) != 0 || before.sa_handler == SIG_IGN) continue;
    // A handler and not SIG_IGN, which programs would inherit.
    struct sigaction action {};
    action.sa_handler = note;
    action.sa_flags = SA_RESTART;
    sigaction(number, &action, nullptr);
  }
}

bool interrupted() {
  return arrived != 0;
}

}  // namespace aptkeep
