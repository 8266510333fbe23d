#include "adapters/guards.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <exception>

#include "adapters/guard_probes.h"
#include "adapters/wiring.h"
#include "core/guard_arguments.h"
#include "core/if_unmet.h"

namespace aptkeep {
namespace {

using Clock = std::chrono::steady_clock;
using Questions = std::vector<GuardQuestion>;
using std::chrono::milliseconds;

constexpr std::size_t kLongestWhy = 300;
constexpr std::size_t kLongestMessage = std::size_t{128} << 10;
// What a probe that waits for a program has on top, so that it is the one to end it.
constexpr milliseconds kMargin{2000};
// A killed process that waits for a server may take its time to go.
constexpr milliseconds kLastWait{1000};

struct Probe {
  const char* name;
  GuardResult (*function)(const probe::Context&);
};
constexpr Probe kProbes[] = {
    {"command", probe::command},
    {"file-contains", probe::file_contains},
    {"file-lacks", probe::file_lacks},
    {"free-space", probe::free_space},
    {"fresh-backup", probe::fresh_backup},
    {"not-running", probe::not_running},
    {"queue-empty", probe::queue_empty},
    {"same-file-value", probe::same_file_value},
    {"same-filesystem", probe::same_filesystem},
    {"same-ids", probe::same_ids},
    {"service-active", probe::service_active},
};

GuardReport unknown_report(std::string why) {
  return {{GuardState::Unknown, std::move(why)}, {}};
}

GuardReport run_probe(const GuardQuestion& question, const GuardOptions& options) {
  const GuardCall& call = question.call;
  const Remembered nothing;
  const Remembered& before = question.before != nullptr ? *question.before : nothing;
  if (auto fault = guard_fault(call); !fault.empty()) return unknown_report(std::move(fault));
  const auto* const probe = std::find_if(std::begin(kProbes), std::end(kProbes),
                                         [&call](const Probe& it) { return call.name == it.name; });
  if (probe == std::end(kProbes)) return unknown_report("there is no probe of this name");
  GuardReport report;
  try {
    report.result = probe->function({call.arguments, before, report.now, options.limit});
  } catch (const std::exception& error) {
    return unknown_report(error.what());
  }
  report.result.why = shown(report.result.why, kLongestWhy);
  return report;
}

// A report as one message: state, reason, keys and values, each ended by a NUL.
std::string packed(const GuardReport& report) {
  std::string text(1, static_cast<char>('0' + static_cast<int>(report.result.state)));
  text += report.result.why + '\0';
  for (const auto& [key, value] : report.now) {
    for (const auto& piece : {key, value}) (text += piece) += '\0';
  }
  return text;
}

GuardReport unpacked(std::string_view text) {
  GuardReport report;
  report.result.state = static_cast<GuardState>(text.front() - '0');
  text.remove_prefix(1);
  const auto next = [&text] {
    std::string piece(text.substr(0, text.find('\0')));
    text.remove_prefix(std::min(piece.size() + 1, text.size()));
    return piece;
  };
  report.result.why = next();
  while (!text.empty()) {
    std::string key = next();
    report.now[std::move(key)] = next();
  }
  return report;
}

milliseconds limit_of(const GuardCall& call, const GuardOptions& options) {
  GuardCommand parsed;
  if (call.name == "command" && read_guard_command(call.arguments, parsed).empty()) {
    return std::chrono::seconds(parsed.command.timeout) + kMargin;
  }
  const bool asks = call.name == "service-active" || call.name == "same-ids";
  return options.limit + (asks ? kMargin : milliseconds(0));
}

// The process that runs the probes from the first call on that has no report yet.
class Prober {
 public:
  Prober() = default;
  Prober(const Prober&) = delete;
  Prober& operator=(const Prober&) = delete;
  ~Prober() { end(milliseconds(0)); }

  // Empty: it runs; else why not.
  std::string start(const Questions& questions, std::size_t from, const GuardOptions& options);
  // The next call's report. False: there will be no more from this process.
  bool next(milliseconds limit, GuardReport& report);

 private:
  [[noreturn]] static void work(int socket, pid_t parent, const Questions& questions,
                                std::size_t from, const GuardOptions& options) noexcept;
  std::string end(milliseconds patience);

  Fd socket_, process_;
  pid_t pid_ = -1;
};

std::string Prober::start(const Questions& questions, std::size_t from,
                          const GuardOptions& options) {
  const auto failed = [](int number) {
    return std::string("unable to start a process: ") + std::strerror(number);
  };
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return failed(errno);
  socket_ = Fd(ends[0]);
  const Fd inner(ends[1]);
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ < 0) return failed(errno);
  if (pid_ == 0) work(inner.get(), parent, questions, from, options);
  // Should nobody wait for children here (SIGCHLD ignored), the number alone might become
  // another's.
  process_ = Fd(static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)));
  return "";
}

// Has none of our descriptors: one that is given up would keep apt's pipes open.
void Prober::work(int socket, pid_t parent, const Questions& questions, std::size_t from,
                  const GuardOptions& options) noexcept {
  try {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    for (int number = 1; number < NSIG; ++number) static_cast<void>(signal(number, SIG_DFL));
    const Fd null(open("/dev/null", O_RDWR | O_CLOEXEC));
    for (int fd = 0; null.ok() && fd < 3; ++fd) dup2(null.get(), fd);
    if (dup2(socket, 3) < 0) _exit(1);
    fcntl(3, F_SETFD, FD_CLOEXEC);
    closefrom(4);
    for (std::size_t at = from; at < questions.size(); ++at) {
      std::string text = packed(run_probe(questions[at], options));
      if (text.size() > kLongestMessage) text = packed(unknown_report("it has too much to tell"));
      if (send(3, text.data(), text.size(), MSG_NOSIGNAL) < 0) _exit(1);
    }
  } catch (...) {  // no memory; the end of the process tells
    _exit(1);
  }
  _exit(0);
}

bool Prober::next(milliseconds limit, GuardReport& report) {
  const auto deadline = Clock::now() + limit;
  pollfd entry{socket_.get(), POLLIN, 0};
  int ready = 0;
  do {
    const auto left = std::chrono::duration_cast<milliseconds>(deadline - Clock::now()).count();
    ready = poll(&entry, 1, static_cast<int>(std::max<decltype(left)>(left, 0)));
  } while (ready < 0 && errno == EINTR);
  if (ready == 0) {
    report = unknown_report("no answer after " + std::to_string(limit.count() / 1000) + " s");
    return false;
  }
  std::string text(kLongestMessage, '\0');
  const ssize_t size = recv(socket_.get(), text.data(), text.size(), 0);
  if (size > 0) {
    report = unpacked(std::string_view(text).substr(0, static_cast<std::size_t>(size)));
    return true;
  }
  report = unknown_report("its probe ended without an answer" + end(kLastWait));
  return false;
}

// Kills it if it does not end by itself in time; ", signal 11" where one had ended it before.
std::string Prober::end(milliseconds patience) {
  if (pid_ < 0) return "";
  const pid_t pid = std::exchange(pid_, -1);
  pollfd entry{process_.get(), POLLIN, 0};
  if (poll(&entry, 1, static_cast<int>(patience.count())) == 0) {
    syscall(SYS_pidfd_send_signal, process_.get(), SIGKILL, nullptr, 0);
    poll(&entry, 1, static_cast<int>(kLastWait.count()));
  }
  int status = 0;
  const bool ended = waitpid(pid, &status, WNOHANG) == pid;
  return ended && WIFSIGNALED(status) ? ", signal " + std::to_string(WTERMSIG(status)) : "";
}

// As the process hands them back, one after the other.
std::vector<GuardReport> probe_each(const Questions& questions, const GuardOptions& options) {
  std::vector<GuardReport> reports;
  while (reports.size() < questions.size()) {
    Prober prober;
    if (auto why = prober.start(questions, reports.size(), options); !why.empty()) {
      reports.resize(questions.size(), unknown_report(why));
      break;
    }
    for (bool more = true; more && reports.size() < questions.size();) {
      const auto limit = limit_of(questions[reports.size()].call, options);
      more = prober.next(limit, reports.emplace_back());
    }
  }
  return reports;
}

bool same_question(const GuardQuestion& one, const GuardQuestion& other) {
  return one.before == other.before && one.call.name == other.call.name &&
         one.call.arguments == other.call.arguments;
}

// Whether the answer depends on what the package remembers.
bool compares(const GuardQuestion& question) {
  return question.call.name == "same-ids" || question.call.name == "same-file-value";
}

}  // namespace

std::vector<GuardReport> probe_all(const Questions& questions, const GuardOptions& options) {
  Questions once;
  std::vector<std::size_t> answer_of;
  for (GuardQuestion question : questions) {
    if (!compares(question)) question.before = nullptr;
    const auto found = std::find_if(
        once.begin(), once.end(),
        [&question](const GuardQuestion& other) { return same_question(question, other); });
    answer_of.push_back(static_cast<std::size_t>(found - once.begin()));
    if (found == once.end()) once.push_back(std::move(question));
  }
  const auto reports = probe_each(once, options);
  std::vector<GuardReport> all;
  for (const std::size_t at : answer_of) all.push_back(reports[at]);
  return all;
}

std::vector<StepGuards> probe_steps(const std::vector<Step>& steps,
                                    const std::vector<StepDecisions>& decisions,
                                    const std::map<std::string, Remembered>& before) {
  std::vector<StepGuards> all;
  Questions questions;
  for (std::uint32_t i = 0; i < steps.size(); ++i) {
    const auto& entries = decisions[i].guards.entries;
    if (entries.empty() || steps[i].action == Action::Configure) continue;
    const auto known = before.find(steps[i].package);
    StepGuards one;
    one.step = i;
    for (const auto& entry : entries) {
      questions.push_back({entry.value, known == before.end() ? nullptr : &known->second});
      one.findings.push_back({entry.value, {}, if_unmet_of(decisions[i], entry.value)});
    }
    all.push_back(std::move(one));
  }
  if (questions.empty()) return all;
  const auto reports = probe_all(questions);
  auto next = reports.begin();
  for (StepGuards& one : all) {
    for (GuardFinding& finding : one.findings) {
      finding.result = next->result;
      one.now.insert(next->now.begin(), next->now.end());
      ++next;
    }
  }
  return all;
}

std::vector<GuardReport> probe_guards(const std::vector<GuardCall>& calls, const Remembered& before,
                                      const GuardOptions& options) {
  Questions questions;
  questions.reserve(calls.size());
  for (const auto& call : calls) questions.push_back({call, &before});
  return probe_all(questions, options);
}

}  // namespace aptkeep
