// /usr/lib/aptkeep/bin/dpkg: apt finds it through DPkg::Path. Runs the driver for apt's own actions
// and the real dpkg for all else, and whenever anything at all is wrong with the driver.
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "adapters/end_by_signal.h"
#include "adapters/path_list.h"
#include "adapters/tell_once.h"
#include "decide.h"
#include "dpkg_facts.h"
#include "fallback.h"
#include "orphans.h"
#include "paths.h"
#include "record.h"
#include "words.h"

namespace aptkeep::launcher {
namespace {

// As a shell ends that could not run a program.
[[noreturn]] void become_dpkg(char* const* argv) {
  execv(kRealDpkg, argv);
  const int why = errno;
  dprintf(2, "aptkeep: unable to run %s: %s\n", kRealDpkg, strerror(why));
  _exit(127);
}

[[noreturn]] void become_dpkg_with(int argc, const char* const* argv) {
  Words words;
  bool all = words.add("dpkg");
  for (int i = 1; i < argc; ++i) all = all && words.add(argv[i]);
  become_dpkg(all ? words.argv() : const_cast<char* const*>(argv));
}

bool driver_wanted(int argc, const char* const* argv, const CommandLine& line) {
  // Most calls end here, without a system call.
  if (!is_frontend_action(line)) return false;
  Surroundings around;
  around.maintscript_package = getenv("DPKG_MAINTSCRIPT_PACKAGE");
  around.root = getenv("DPKG_ROOT");
  around.admindir = getenv("DPKG_ADMINDIR");
  around.aptkeep = getenv("APTKEEP");
  around.privileged = geteuid() == 0;
  around.off_file = access(kOff, F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR);
  around.driver = access(kDriver, X_OK) == 0;
  return argc > 0 && argv[argc] == nullptr && wants_driver(line, around);
}

volatile sig_atomic_t driver_pid = 0;
volatile sig_atomic_t asked_to_end = 0;  // by this signal

void on_signal(int number) {
  const int saved = errno;
  asked_to_end = number;
  if (driver_pid > 0) kill(driver_pid, number);
  errno = saved;
}

// What is changed while the driver runs and is as before for whatever is exec'ed.
class Signals {
 public:
  // apt ignores the first three as well while dpkg runs: a terminal sends them to all.
  void take() {
    set(SIGINT, SIG_IGN);
    set(SIGQUIT, SIG_IGN);
    set(SIGHUP, SIG_IGN);
    set(SIGCHLD, SIG_DFL);
    set(SIGTERM, on_signal);
  }
  void give_back() {
    for (; count_ > 0; --count_)
      sigaction(kept_[count_ - 1].number, &kept_[count_ - 1].old, nullptr);
  }

 private:
  void set(int number, void (*handler)(int)) {
    struct sigaction action;
    std::memset(&action, 0, sizeof action);
    action.sa_handler = handler;
    action.sa_flags = SA_RESTART;
    kept_[count_].number = number;
    sigaction(number, nullptr, &kept_[count_].old);
    if (handler == on_signal && kept_[count_].old.sa_handler == SIG_IGN) return;
    sigaction(number, &action, nullptr);
    ++count_;
  }

  struct Kept {
    int number;
    struct sigaction old;
  };
  Kept kept_[5];
  int count_ = 0;
};

// A driver that is killed leaves the terminal to its relay, which may be killed too.
class Terminal {
 public:
  void remember() {
    for (int fd = 0; fd < 3 && fd_ < 0; ++fd)
      if (tcgetattr(fd, &state_) == 0) fd_ = fd;
  }
  void restore() const {
    if (fd_ < 0) return;
    sigset_t ttou;  // termios(3): from the background, changing a terminal would stop us
    sigset_t before;
    sigemptyset(&ttou);
    sigaddset(&ttou, SIGTTOU);
    sigprocmask(SIG_BLOCK, &ttou, &before);
    tcsetattr(fd_, TCSADRAIN, &state_);
    sigprocmask(SIG_SETMASK, &before, nullptr);
  }

 private:
  int fd_ = -1;
  termios state_;
};

[[noreturn]] void end_as(int status) {
  if (WIFSIGNALED(status)) end_by_signal(WTERMSIG(status));
  _exit(WEXITSTATUS(status));
}

// The driver's arguments: dpkg, the record's descriptor, dpkg's own.
[[noreturn]] void become_driver(int argc, const char* const* argv, int record) {
  char number[16];
  std::snprintf(number, sizeof number, "%d", record);
  Words words;
  bool all = words.add("driver") && words.add("dpkg") && words.add(number);
  for (int i = 1; i < argc; ++i) all = all && words.add(argv[i]);
  if (all && fcntl(record, F_SETFD, 0) == 0) execv(kDriver, words.argv());
  _exit(127);
}

// The driver's wait status. Whatever else ends meanwhile is reaped, too.
int wait_for_driver() {
  for (;;) {
    int status = 0;
    const pid_t pid = waitpid(-1, &status, 0);
    if (pid == driver_pid) return status;
    if (pid < 0 && errno != EINTR) return W_EXITCODE(127, 0);
  }
}

// With an exit status of dpkg's, which the driver takes only when it is done: it could not say so
// in the record. What it did is not known to the real dpkg, which may find nothing amiss.
// One that began no call is broken, and has nothing to tell.
bool ended_with_a_failure(const Record& record, int status) {
  return record.called && WIFEXITED(status) &&
         (WEXITSTATUS(status) == 1 || WEXITSTATUS(status) == 2);
}

void tell(const Record& record, int status) {
  char message[192];
  const char* without =
      record.left_out > 0 ? ", without what is saved or prepared before it is replaced" : "";
  if (WIFSIGNALED(status)) {
    std::snprintf(message, sizeof message,
                  "unable to go on: the driver was ended by signal %d; dpkg goes on alone%s",
                  WTERMSIG(status), without);
  } else if (record.called) {
    std::snprintf(message, sizeof message,
                  "unable to go on: the driver ended amid its work (%d); dpkg goes on alone%s",
                  WEXITSTATUS(status), without);
  } else {
    return;
  }
  tell_once(kRunDir, getppid(), message);
  // What it had begun and dpkg knows nothing of, such as a way back, is seen to at the run's end.
  const int fd = open(kDriverDied, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd >= 0) close(fd);
}

[[noreturn]] void go_on_alone(int argc, const char* const* argv, const CommandLine& line,
                              const Record& record) {
  DpkgFacts facts;
  Words words;
  switch (what_is_left(argc, argv, line, record, facts, words)) {
    case Rest::Nothing:
      _exit(0);
    case Rest::Words:
      execv(kRealDpkg, words.argv());
      if (errno != E2BIG) become_dpkg(words.argv());
      [[fallthrough]];
    case Rest::Original:
      break;
  }
  become_dpkg_with(argc, argv);
}

// Returns in a child, and without one if there can be none; ends this process when the child has
// ended, as that did but never with success. The signals are still ours, to pass on or to outlive.
void leave_the_rest_to_a_child() {
  const pid_t launcher = getpid();
  const pid_t pid = fork();
  if (pid == 0 && (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 || getppid() != launcher)) _exit(127);
  if (pid <= 0) return;
  driver_pid = pid;
  const int status = wait_for_driver();
  driver_pid = 0;
  end_as(status == 0 ? W_EXITCODE(1, 0) : status);
}

// Sets driver_pid; not positive: there can be none.
void start_driver(int argc, const char* const* argv, int record, Signals& signals) {
  sigset_t term;
  sigset_t before;
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  sigprocmask(SIG_BLOCK, &term, &before);
  signals.take();
  const pid_t launcher = getpid();
  const pid_t pid = fork();
  if (pid == 0) {
    // Killing dpkg ends dpkg: the driver passes this on, and starts no further call.
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 || getppid() != launcher) _exit(127);
    signals.give_back();
    sigprocmask(SIG_SETMASK, &before, nullptr);
    become_driver(argc, argv, record);
  }
  driver_pid = pid;
  sigprocmask(SIG_SETMASK, &before, nullptr);
}

void tell_of_second(int killed_by) {
  char message[128];
  std::snprintf(message, sizeof message,
                "the driver was ended by signal %d before it began, and started once more",
                killed_by);
  tell_once(kRunDir, getppid(), message);
}

// Ends this process where the driver has done its work, or what is left is done by a child. Else
// the signal that killed it before it began: that may not happen again, and what dpkg did alone
// could not be taken back, since nothing was saved before. `killed_by`: what killed the one before;
// 0: it is the first.
int outlive_driver(int fd, Record& record, const Terminal& terminal, int killed_by) {
  const int status = wait_for_driver();
  driver_pid = 0;
  read_record(fd, record);
  if (record.finished && killed_by != 0) tell_of_second(killed_by);
  if (record.finished) end_as(status);
  wait_for_orphans();
  terminal.restore();
  if (asked_to_end != 0) end_by_signal(asked_to_end);
  if (killed_by == 0 && WIFSIGNALED(status) && record.readable && !record.called)
    return WTERMSIG(status);
  tell(record, status);
  if (record.owed || record.left_out > 0 || ended_with_a_failure(record, status))
    leave_the_rest_to_a_child();
  return 0;
}

[[noreturn]] void run_driver(int argc, const char* const* argv, const CommandLine& line) {
  if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) become_dpkg_with(argc, argv);
  Terminal terminal;
  terminal.remember();
  for (int killed_by = 0;;) {
    const int fd = make_record();
    Signals signals;
    if (fd >= 0) start_driver(argc, argv, fd, signals);
    Record record;
    const bool begun = fd >= 0 && driver_pid > 0;
    killed_by = begun ? outlive_driver(fd, record, terminal, killed_by) : 0;
    signals.give_back();
    if (killed_by != 0) {
      close(fd);
      continue;
    }
    prctl(PR_SET_CHILD_SUBREAPER, 0);
    go_on_alone(argc, argv, line, record);
  }
}

}  // namespace
}  // namespace aptkeep::launcher

int main(int argc, char** argv) {
  using namespace aptkeep::launcher;
  aptkeep::take_out_of_path(
      kBinDir);  // or dpkg, its scripts and the driver would find this program again
  const CommandLine line = read_command_line(argc, argv);
  if (driver_wanted(argc, argv, line)) run_driver(argc, argv, line);
  become_dpkg_with(argc, argv);
}
