#include "adapters/guard_command.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "adapters/interrupt.h"
#include "adapters/path_list.h"
#include "adapters/wiring.h"
#include "core/guard_arguments.h"

namespace aptkeep {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::size_t kMostOutput = std::size_t{64} << 10;
constexpr std::size_t kMostErrors = std::size_t{4} << 10;
constexpr int kLookForStop = 500;  // ms

// What went wrong between fork and exec, told through a pipe that a good exec closes.
struct StartFailure {
  char what[16];
  int number;
};

struct Pipe {
  Fd from, to;

  bool open() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return false;
    from = Fd(ends[0]);
    to = Fd(ends[1]);
    return from.ok() && to.ok() && fcntl(from.get(), F_SETFL, O_NONBLOCK) == 0;
  }
};

// All that the child needs, made before the fork.
struct Start {
  std::string program;
  std::vector<std::string> argv, environment;
  const Account* as = nullptr;
  const CommandWiring* wiring = nullptr;
  Pipe output, errors, failure;
};

std::string find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) return name;
  const std::string folders = kDefaultPath;
  for (std::size_t at = 0; at < folders.size();) {
    const std::size_t end = std::min(folders.find(':', at), folders.size());
    std::string path = folders.substr(at, end - at) + "/" + name;
    if (access(path.c_str(), X_OK) == 0) return path;
    at = end + 1;
  }
  return "/usr/bin/" + name;  // to be told as missing
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> all;
  all.reserve(texts.size() + 1);
  for (std::string& text : texts) all.push_back(text.data());
  all.push_back(nullptr);
  return all;
}

[[noreturn]] void fail(int tell, const char* what) {
  StartFailure failure{};
  std::strncpy(failure.what, what, sizeof failure.what - 1);
  failure.number = errno;
  const ssize_t ignored = write(tell, &failure, sizeof failure);
  static_cast<void>(ignored);
  _exit(127);
}

// Groups before the user: afterwards it would no longer be allowed.
void become(const Account& account, int tell) {
  if (setgroups(account.groups.size(), account.groups.data()) != 0) fail(tell, "set groups");
  if (setresgid(account.gid, account.gid, account.gid) != 0) fail(tell, "set the group");
  if (setresuid(account.uid, account.uid, account.uid) != 0) fail(tell, "set the user");
}

// In the child. Its descriptors: 0 to 2, and 3 to tell a failure.
[[noreturn]] void execute(const Start& start, pid_t parent, char* const* argv,
                          char* const* environment) {
  constexpr int kTell = 3;
  const int tell = start.failure.to.get();
  setsid();
  for (int number = 1; number < NSIG; ++number) static_cast<void>(signal(number, SIG_DFL));
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  const Fd null(open("/dev/null", O_RDONLY | O_CLOEXEC));
  const int input = start.wiring->input >= 0 ? start.wiring->input : null.get();
  const int output = start.wiring->output >= 0 ? start.wiring->output : start.output.to.get();
  if (!null.ok() || dup2(input, 0) < 0 || dup2(output, 1) < 0 ||
      dup2(start.errors.to.get(), 2) < 0 || (tell != kTell && dup3(tell, kTell, O_CLOEXEC) < 0)) {
    fail(tell, "open files");
  }
  closefrom(kTell + 1);
  umask(022);
  if (chdir("/") != 0) fail(kTell, "go to /");
  if (start.as != nullptr) become(*start.as, kTell);
  // After that, since a change of user takes it away (prctl(2)).
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);
  execve(start.program.c_str(), argv, environment);
  fail(kTell, "run");
}

// Reads what is there; false: its end. Not more than a pipe holds, since a program may print faster
// than we read.
bool take(const Fd& from, std::string& text, std::size_t most) {
  char buffer[4096];
  for (int pieces = 0; pieces < 16;) {
    const ssize_t size = read(from.get(), buffer, sizeof buffer);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return size < 0 && errno == EAGAIN;
    // The rest is read as well, so that the program is not held up, but not kept.
    text.append(buffer, std::min(static_cast<std::size_t>(size), most - text.size()));
    ++pieces;
  }
  return true;
}

// Until the program itself has ended, or its time is over: what it left running may keep the pipes.
void wait_for(const Start& start, const Fd& process, Clock::time_point deadline, CommandEnd& end) {
  pollfd entries[] = {{process.get(), POLLIN, 0},
                      {start.output.from.get(), POLLIN, 0},
                      {start.errors.from.get(), POLLIN, 0}};
  while (true) {
    const bool may_stop = start.wiring->may_be_stopped;
    end.stopped = may_stop && interrupted();
    if (end.stopped) return;
    auto left = std::chrono::duration_cast<milliseconds>(deadline - Clock::now()).count();
    // A signal may come between the look and the wait.
    if (may_stop) left = std::min<decltype(left)>(left, kLookForStop);
    const int ready = poll(entries, 3, static_cast<int>(std::max<decltype(left)>(left, 0)));
    if (ready < 0 && errno == EINTR) continue;
    end.timed_out = entries[0].revents == 0 && Clock::now() >= deadline;
    if (ready < 0 || entries[0].revents != 0 || end.timed_out) return;
    if (entries[1].revents != 0 && !take(start.output.from, end.output, kMostOutput)) {
      entries[1].fd = -1;
    }
    if (entries[2].revents != 0 && !take(start.errors.from, end.errors, kMostErrors)) {
      entries[2].fd = -1;
    }
  }
}

Error cannot_run(const std::string& program, int number) {
  return Error{"unable to run " + program + ": " + std::strerror(number)};
}

// Kills what is left of the group, and waits a little for the leader, which may hang in the kernel.
int reap(pid_t pid, const Fd& process) {
  kill(-pid, SIGKILL);
  kill(pid, SIGKILL);
  pollfd entry{process.get(), POLLIN, 0};
  poll(&entry, 1, 1000);
  int status = SIGKILL;  // as wait(2) would tell it
  if (waitpid(pid, &status, WNOHANG) != pid) status = SIGKILL;
  return status;
}

// Whoever started us may have left SIGCHLD ignored: then a child's end could not be asked for, and
// its number might be another's by the time that we kill what is left.
class ChildrenWait {
 public:
  ChildrenWait() {
    struct sigaction usual {};
    usual.sa_handler = SIG_DFL;
    sigaction(SIGCHLD, &usual, &before_);
  }
  ChildrenWait(const ChildrenWait&) = delete;
  ChildrenWait& operator=(const ChildrenWait&) = delete;
  ~ChildrenWait() { sigaction(SIGCHLD, &before_, nullptr); }

 private:
  struct sigaction before_ {};
};

Result<CommandEnd> run(Start& start, milliseconds limit) {
  if (!start.output.open() || !start.errors.open() || !start.failure.open()) {
    return cannot_run(start.program, errno);
  }
  auto argv = pointers(start.argv);
  auto environment = pointers(start.environment);
  const pid_t parent = getpid();
  const ChildrenWait wait;
  // Not posix_spawn: it returns when the program runs, and that may be on a server that hangs.
  const pid_t pid = fork();
  if (pid < 0) return cannot_run(start.program, errno);
  if (pid == 0) execute(start, parent, argv.data(), environment.data());
  for (Pipe* pipe : {&start.output, &start.errors, &start.failure}) pipe->to.reset();
  const Fd process(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  const int no_process = errno;
  CommandEnd end;
  if (process.ok()) wait_for(start, process, Clock::now() + limit, end);
  const int status = reap(pid, process);
  if (!process.ok()) return cannot_run(start.program, no_process);
  take(start.output.from, end.output, kMostOutput);
  take(start.errors.from, end.errors, kMostErrors);
  StartFailure failure{};
  if (read(start.failure.from.get(), &failure, sizeof failure) == sizeof failure) {
    const bool exec = std::strcmp(failure.what, "run") == 0;
    return exec ? cannot_run(start.program, failure.number)
                : Error{"unable to " + std::string(failure.what) + " for " + start.program + ": " +
                        std::strerror(failure.number)};
  }
  if (WIFEXITED(status)) end.exit_code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) end.signal = WTERMSIG(status);
  return end;
}

std::string last_line(const std::string& text) {
  const auto end = text.find_last_not_of(" \t\r\n");
  if (end == std::string::npos) return "";
  const auto begin = text.find_last_of('\n', end);
  return text.substr(begin == std::string::npos ? 0 : begin + 1,
                     end - (begin == std::string::npos ? 0 : begin + 1) + 1);
}

}  // namespace

std::string told(const CommandEnd& end) {
  if (end.stopped) return "it was interrupted";
  if (end.timed_out) return "it was ended because it took too long";
  std::string text = end.signal != 0 ? "ended by signal " + std::to_string(end.signal)
                                     : "exit status " + std::to_string(end.exit_code);
  const std::string line = last_line(end.errors.empty() ? end.output : end.errors);
  return line.empty() ? text : text + ": " + line;
}

namespace {

Result<CommandEnd> run_wired(const std::vector<std::string>& argv, const Account* as,
                             milliseconds limit, const CommandWiring& wiring) {
  Start start;
  start.wiring = &wiring;
  start.program = find_program(argv.at(0));
  start.argv = argv;
  start.as = as;
  start.environment = {"PATH=" + std::string(kDefaultPath), "LC_ALL=C.UTF-8"};
  if (as != nullptr) {
    start.environment.push_back("HOME=" + as->home);
    start.environment.push_back("USER=" + as->name);
    start.environment.push_back("LOGNAME=" + as->name);
  }
  start.environment.insert(start.environment.end(), wiring.variables.begin(),
                           wiring.variables.end());
  return run(start, limit);
}

}  // namespace

Result<CommandEnd> run_program(const std::vector<std::string>& argv, const Account* as,
                               milliseconds limit) {
  return run_wired(argv, as, limit, {});
}

Result<CommandEnd> run_rule_command(const RuleCommand& command, const CommandWiring& wiring) {
  auto argv = command.argv;
  if (argv.empty()) return Error{"unable to run a command: it has no program"};
  if (command.shell) argv = {"/bin/sh", "-c", argv[0]};
  const std::string name = command.user.empty() ? "root" : command.user;
  const auto account = find_account(name);
  if (!account) return account.error();
  if (!*account) return Error{"unable to run " + argv[0] + ": there is no user " + name};
  // `aptkeep plan` may be anybody's: then only what would run as that very user.
  const bool same = geteuid() != 0 && (*account)->uid == geteuid();
  return run_wired(argv, same ? nullptr : &**account, std::chrono::seconds(command.timeout),
                   wiring);
}

namespace {

// "" where it is one line, which told() has.
std::string lines_behind(const CommandEnd& end) {
  std::string text = end.output;
  if (!text.empty() && text.back() != '\n') text += '\n';
  text += end.errors;
  const auto last = text.find_last_not_of(" \t\r\n");
  if (last == std::string::npos) return {};
  text.resize(last + 1);
  return text.find('\n') == std::string::npos ? std::string() : "\n" + text;
}

}  // namespace

std::string complaint_of(const std::string& command, std::int64_t run_began) {
  RuleCommand read;
  if (const std::string fault = read_rule_command(command, read); !fault.empty()) return fault;
  CommandWiring wiring;
  if (run_began != 0) wiring.variables.push_back("APTKEEP_RUN_BEGAN=" + std::to_string(run_began));
  const auto end = run_rule_command(read, wiring);
  return !end || end->well() ? std::string() : told(*end);
}

namespace {

std::string failure_of(const std::string& command, const CommandWiring& wiring) {
  RuleCommand read;
  if (const std::string fault = read_rule_command(command, read); !fault.empty()) return fault;
  const auto end = run_rule_command(read, wiring);
  if (!end) return end.error().message;
  return end->well() ? std::string() : told(*end) + lines_behind(*end);
}

}  // namespace

std::string failure_of(const std::string& command) {
  return failure_of(command, {});
}

std::string failure_or_stop_of(const std::string& command) {
  CommandWiring wiring;
  wiring.may_be_stopped = true;
  return failure_of(command, wiring);
}

bool ends_well(const std::string& command) {
  RuleCommand read;
  if (!read_rule_command(command, read).empty()) return false;
  const auto end = run_rule_command(read);
  return end && end->well();
}

}  // namespace aptkeep
