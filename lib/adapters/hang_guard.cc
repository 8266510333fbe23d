#include "adapters/hang_guard.h"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>

#include "adapters/process_tree.h"
#include "adapters/wiring.h"

namespace aptkeep {
namespace {

// Whether the child ended within that time.
bool ended_within(int child, std::int64_t ms) {
  pollfd entry{child, POLLIN, 0};
  return poll(&entry, 1, static_cast<int>(ms)) > 0;
}

void signal_all(const std::vector<ProcessId>& whom, int number) {
  for (const ProcessId& id : whom) signal_process(id, number);
}

HangEnd watch(pid_t child, int child_fd, const HangRules& rules,
              const std::function<std::uint64_t()>& output,
              const std::function<void(const std::string&)>& tell) {
  HangEnd end;
  HangWatch judge(rules);
  ProcessTree tree(child);
  while (!ended_within(child_fd, judge.interval_ms())) {
    const HangVerdict verdict = judge.judge(tree.sample(output(), judge.ending()));
    if (verdict.step == HangStep::End) {
      end = {true, verdict.line};
      signal_all(verdict.whom, SIGTERM);
    }
    if (verdict.step == HangStep::Kill) signal_all(verdict.whom, SIGKILL);
    if (!verdict.line.empty()) tell(verdict.line);
  }
  // What the ended script left behind has nobody any more who waits for it.
  signal_all(judge.ending(), SIGKILL);
  return end;
}

}  // namespace

HangEnd watch_for_hang(pid_t child, const HangRules& rules,
                       const std::function<std::uint64_t()>& output,
                       const std::function<void(const std::string&)>& tell) noexcept {
  if (rules.limit_ms <= 0) return {};
  try {
    const Fd child_fd(static_cast<int>(syscall(SYS_pidfd_open, child, 0)));
    if (child_fd.ok()) return watch(child, child_fd.get(), rules, output, tell);
  } catch (...) {  // no memory: then nobody watches
  }
  return {};
}

}  // namespace aptkeep
