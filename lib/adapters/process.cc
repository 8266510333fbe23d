#include "adapters/process.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/process/args.hpp>
#include <boost/process/child.hpp>
#include <boost/process/error.hpp>
#include <boost/process/exe.hpp>
#include <boost/process/extend.hpp>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <optional>
#include <utility>

#include "adapters/hang_guard.h"
#include "adapters/path_list.h"
#include "adapters/process_tree.h"
#include "adapters/wiring.h"
#include "core/config.h"

namespace aptkeep {
namespace {

namespace bp = boost::process;

constexpr int kMaxSignal = 31;  // real-time signals are nobody's to ignore here

// How signals stood when the program began: what dpkg is to find, whatever we ignore by then.
struct SignalsAtStart {
  bool ignored[kMaxSignal + 1] = {};
  sigset_t blocked{};

  SignalsAtStart() {
    for (int number = 1; number <= kMaxSignal; ++number) {
      struct sigaction action {};
      ignored[number] = sigaction(number, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
    }
    sigprocmask(SIG_SETMASK, nullptr, &blocked);
  }

  void restore() const {
    for (int number = 1; number <= kMaxSignal; ++number) {
      if (number == SIGKILL || number == SIGSTOP) continue;
      struct sigaction action {};
      action.sa_handler = ignored[number] ? SIG_IGN : SIG_DFL;
      sigaction(number, &action, nullptr);
    }
    sigprocmask(SIG_SETMASK, &blocked, nullptr);
  }
};
const SignalsAtStart signals_at_start;

volatile sig_atomic_t term_target = 0;   // the child's pid
volatile sig_atomic_t term_arrived = 0;  // before there was a child

void on_term(int number) {
  const int saved = errno;
  if (term_target > 0) {
    kill(term_target, number);
  } else {
    term_arrived = 1;
  }
  errno = saved;
}

// While dpkg runs: SIGINT, SIGQUIT and SIGHUP are not ours to die of, SIGTERM is passed on, and
// its end can be waited for even if we were started with SIGCHLD ignored.
class SignalGuard {
 public:
  SignalGuard() {
    term_target = 0;
    term_arrived = 0;
    for (const int number : {SIGINT, SIGQUIT, SIGHUP}) set(number, SIG_IGN);
    set(SIGCHLD, SIG_DFL);
    if (!signals_at_start.ignored[SIGTERM]) set(SIGTERM, on_term);
  }
  ~SignalGuard() {
    for (int i = 0; i < count_; ++i) sigaction(saved_[i].first, &saved_[i].second, nullptr);
  }
  SignalGuard(const SignalGuard&) = delete;
  SignalGuard& operator=(const SignalGuard&) = delete;

 private:
  void set(int number, void (*handler)(int)) {
    struct sigaction action {};
    action.sa_handler = handler;
    action.sa_flags = SA_RESTART;
    saved_[count_].first = number;
    sigaction(number, &action, &saved_[count_++].second);
  }

  std::pair<int, struct sigaction> saved_[5];
  int count_ = 0;
};

std::string read_all(int fd) {
  std::string text;
  char buffer[4096];
  for (;;) {
    const ssize_t size = pread(fd, buffer, sizeof buffer, static_cast<off_t>(text.size()));
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return text;
    text.append(buffer, static_cast<std::size_t>(size));
  }
}

// The environment with the launcher's folder taken out of PATH, and the shims' put into it.
class Environment {
 public:
  explicit Environment(const std::string& first) {
    const std::string before = first.empty() ? "" : first + ":";
    for (char** entry = environ; *entry != nullptr; ++entry) {
      if (std::strncmp(*entry, "PATH=", 5) == 0) {
        path_ = "PATH=" + before + real_path(*entry + 5);
        entries_.push_back(path_.data());
      } else {
        entries_.push_back(*entry);
      }
    }
    entries_.push_back(nullptr);
  }
  char** get() { return entries_.data(); }

 private:
  std::string path_;
  std::vector<char*> entries_;
};

Error cannot_run(const std::string& program, const char* why) {
  return Error{"unable to run " + program + ": " + why};
}

// Our standard error may be a terminal that the relay has made raw, with the cursor anywhere.
void tell_on_stderr(const std::string& line) {
  const char* const end = isatty(2) == 1 ? "\r\n" : "\n";
  const std::string text = (isatty(2) == 1 ? end : "") + ("aptkeep: " + line) + end;
  if (write(2, text.data(), text.size()) < 0) return;  // nobody to tell
}

HangEnd watch_over(pid_t child, const RunOptions& options, const Wiring* wiring) noexcept {
  HangRules rules;
  rules.limit_ms = options.hang_after * 1000;
  rules.grace_ms = options.hang_grace * 1000;
  rules.unattended = options.unattended;
  try {
    rules.never_end = options.never_end;
    return watch_for_hang(
        child, rules, [wiring] { return wiring != nullptr ? wiring->printed() : 0; },
        options.tell ? options.tell : tell_on_stderr);
  } catch (const std::exception&) {  // no memory: then nobody watches
    return {};
  }
}

// Starts the program and waits for its end: the raw wait status. `tried`: whether there was a
// process, even if it could not become the program.
Result<int> spawn_and_wait(const std::vector<std::string>& args, const RunOptions& options,
                           Wiring* wiring, int status_fd, bool& tried, HangEnd& hang) {
  Environment environment(options.first_in_path);
  std::error_code failure;
  pid_t failed = -1;
  bp::child child(
      bp::exe = options.program, bp::args = args, failure,
      bp::extend::on_exec_setup =
          [&](auto& executor) {
            executor.env = environment.get();
            if (wiring != nullptr) wiring->take_places();
            if (status_fd >= 0) fcntl(status_fd, F_SETFD, 0);
            signals_at_start.restore();
          },
      // Boost 1.74 leaves a child whose exec failed as a zombie.
      bp::extend::on_error = [&](auto& executor,
                                 const std::error_code&) { failed = executor.pid; });
  // Without a pipe for the child's errno Boost 1.74 tells nothing and returns no child either.
  if (failure || child.id() <= 0) {
    const int why = failure ? failure.value() : errno;
    tried = failed > 0;
    if (wiring != nullptr) wiring->child_started(-1);
    if (tried) waitpid(failed, nullptr, 0);
    return cannot_run(options.program, std::strerror(why));
  }
  tried = true;
  term_target = child.id();
  if (term_arrived) kill(child.id(), SIGTERM);
  if (wiring != nullptr) wiring->child_started(child.id());
  // child's destructor would kill what still runs: nothing may throw before this wait.
  hang = watch_over(child.id(), options, wiring);
  child.wait(failure);
  term_target = 0;
  if (failure) return cannot_run(options.program, std::strerror(failure.value()));
  return child.native_exit_code();
}

Result<DpkgResult> run_guarded(const std::vector<std::string>& args, const RunOptions& options) {
  std::vector<std::string> all;
  Fd status;
  if (options.status_fd) status = Fd(memfd_create("aptkeep-status", MFD_CLOEXEC));
  if (status.ok()) all = {"--status-fd", std::to_string(status.get())};
  all.insert(all.end(), args.begin(), args.end());

  const SignalGuard guard;
  std::optional<Wiring> wiring;
  wiring.emplace();
  if (!wiring->start()) wiring.reset();
  bool tried = false;
  DpkgResult result;
  HangEnd hang;
  const std::uint64_t killed_before = oom_kills();
  auto ended = spawn_and_wait(all, options, wiring ? &*wiring : nullptr, status.get(), tried, hang);
  if (wiring) result.tail = wiring->child_ended(options.tail_lines);
  if (!ended && !tried && wiring) {  // the wiring took the last descriptors or processes
    wiring.reset();
    ended = spawn_and_wait(all, options, nullptr, status.get(), tried, hang);
  }
  if (!ended) return ended.error();
  if (WIFSIGNALED(*ended)) result.signal = WTERMSIG(*ended);
  if (WIFEXITED(*ended)) result.exit_code = WEXITSTATUS(*ended);
  if (status.ok()) result.status_log = read_all(status.get());
  result.hung = hang.hung;
  result.hang = hang.line;
  result.oom_kill = oom_kills() != killed_before;
  return result;
}

}  // namespace

std::string real_path(const std::string& path) {
  std::string rest = path;
  for (const char* folder : {paths::kBinDir, paths::kShims}) {
    const std::string from = rest;
    path_without(from.c_str(), folder, rest.data());
    rest.resize(std::strlen(rest.c_str()));
  }
  return rest.empty() && !path.empty() ? kDefaultPath : rest;
}

Result<DpkgResult> run_process(const std::vector<std::string>& args, const RunOptions& options) {
  try {
    return run_guarded(args, options);
  } catch (const std::exception& error) {
    return cannot_run(options.program, error.what());
  }
}

Result<DpkgResult> RealDpkg::run(const std::vector<std::string>& args) {
  return run_process(args, options_);
}

}  // namespace aptkeep
