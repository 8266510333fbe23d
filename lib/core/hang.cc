#include "core/hang.h"

#include <algorithm>

namespace aptkeep {
namespace {

constexpr std::int64_t kMostIntervalMs = 30'000;
constexpr std::int64_t kLeastIntervalMs = 20;
constexpr int kSamplesPerLimit = 20;
// What only looks at a clock now and then uses less than a thousandth of a processor.
constexpr std::int64_t kMsPerIdleTick = 10'000;
constexpr std::size_t kMostShown = 12;

const ProcessSample* find(const HangSample& sample, std::int64_t pid) {
  const auto found =
      std::find_if(sample.processes.begin(), sample.processes.end(),
                   [pid](const ProcessSample& process) { return process.pid == pid; });
  return found == sample.processes.end() ? nullptr : &*found;
}

// Whether the process is the script, below it, or has lost its parent.
bool of_script(const HangSample& sample, const ProcessSample& process) {
  const std::int64_t dpkg = sample.processes.front().pid;
  const ProcessSample* at = &process;
  for (std::size_t steps = 0; at != nullptr && steps <= sample.processes.size(); ++steps) {
    if (at->pid == sample.script_pid) return true;
    if (at->pid == dpkg || at->parent == dpkg) return false;
    at = find(sample, at->parent);
  }
  return true;
}

std::vector<ProcessId> all_of_script(const HangSample& sample) {
  std::vector<ProcessId> ids;
  for (const auto& process : sample.processes) {
    if (!of_script(sample, process)) continue;
    const bool first = process.pid == sample.script_pid;
    ids.insert(first ? ids.begin() : ids.end(), {process.pid, process.start});
  }
  return ids;
}

bool stopped(const ProcessSample& process) {
  return process.state == 'T' || process.state == 't';
}

template <typename Test>
bool any(const HangSample& sample, Test test) {
  return std::any_of(sample.processes.begin(), sample.processes.end(), test);
}

std::string duration(std::int64_t ms) {
  const std::int64_t seconds = ms / 1000;
  if (seconds < 120) return std::to_string(seconds) + " seconds";
  return std::to_string(seconds / 60) + " minutes";
}

bool named(const std::vector<std::string>& names, const std::string& package) {
  const std::string bare = package.substr(0, package.find(':'));
  return std::any_of(names.begin(), names.end(),
                     [&](const std::string& name) { return name == package || name == bare; });
}

void describe(const HangSample& sample, const ProcessSample& process, std::size_t& shown,
              std::string& text) {
  if (shown++ >= kMostShown) return;
  text += process.name + "(" + std::to_string(process.pid);
  if (!process.waits_for.empty()) text += ", " + process.waits_for;
  text += ")";
  std::vector<const ProcessSample*> children;
  for (const auto& other : sample.processes) {
    if (other.parent == process.pid && other.pid != process.pid) children.push_back(&other);
  }
  const bool branches = children.size() > 1;
  for (std::size_t i = 0; i < children.size() && shown < kMostShown; ++i) {
    if (!branches) {
      text += " - ";
    } else {
      text += i == 0 ? " - [" : "; ";
    }
    describe(sample, *children[i], shown, text);
  }
  if (branches) text += "]";
}

}  // namespace

std::int64_t HangWatch::interval_ms() const {
  const std::int64_t shortest = !ending_.empty() ? rules_.grace_ms : rules_.limit_ms;
  return std::clamp(shortest / kSamplesPerLimit, kLeastIntervalMs, kMostIntervalMs);
}

bool HangWatch::lives(const HangSample& sample) const {
  if (sample.output != last_.output || sample.script_pid != last_.script_pid ||
      sample.processes.size() != last_.processes.size()) {
    return true;
  }
  const auto idle_ticks = static_cast<std::uint64_t>(silent_ms_ / kMsPerIdleTick);
  std::uint64_t ticks = 0;
  for (const auto& process : sample.processes) {
    const ProcessSample* before = find(last_, process.pid);
    if (before == nullptr || before->start != process.start) return true;
    // 'R': it wants a processor, though others may have them all.
    if (before->io != process.io || process.state == 'R') return true;
    ticks += process.cpu - std::min(before->cpu, process.cpu);
  }
  return ticks > idle_ticks;
}

// When the whole machine stood still, nobody could live nor look.
void HangWatch::count_silence(const HangSample& sample) {
  const std::int64_t passed = std::max<std::int64_t>(sample.at_ms - looked_ms_, 0);
  silent_ms_ += std::min(passed, 2 * interval_ms());
  looked_ms_ = sample.at_ms;
}

std::string HangWatch::why_not_ended(const HangSample& sample) const {
  if (!rules_.unattended) return "not ended: somebody may be there";
  if (sample.script_pid == 0) return "not ended: no maintainer script runs";
  if (named(rules_.never_end, sample.package)) {
    return "not ended: " + sample.package + " is never ended";
  }
  if (any(sample, stopped)) return "not ended: somebody stopped a process";
  return "";
}

HangVerdict HangWatch::hangs(const HangSample& sample) {
  told_ = true;
  HangVerdict verdict;
  verdict.line = sample.script_pid == 0 ? "dpkg" : sample.package + "'s " + sample.script;
  verdict.line += " has shown no sign of life for " + duration(silent_ms_) + ": " +
                  describe_tree(sample) + "; ";
  const std::string why_not = why_not_ended(sample);
  verdict.line += why_not.empty() ? "it is ended" : why_not;
  verdict.step = why_not.empty() ? HangStep::End : HangStep::Tell;
  if (why_not.empty()) {
    ending_ = all_of_script(sample);
    ended_ms_ = sample.at_ms;
    verdict.whom = ending_;
  }
  return verdict;
}

HangVerdict HangWatch::judge(const HangSample& sample) {
  if (rules_.limit_ms <= 0) return {};
  if (!ending_.empty()) {
    std::erase_if(ending_, [&sample](const ProcessId& id) {
      const ProcessSample* process = find(sample, id.pid);
      return process == nullptr || process->start != id.start || process->state == 'Z';
    });
    if (!ending_.empty()) {
      if (sample.at_ms - ended_ms_ < rules_.grace_ms) return {};
      return {HangStep::Kill, ending_, ""};
    }
    any_ = false;
  }
  count_silence(sample);
  // A question on a terminal may stand there as long as it likes.
  const bool asks = any(sample, [](const ProcessSample& process) { return process.asks_person; });
  if (!any_ || asks || lives(sample)) {
    // Compared with the last sign of life, not the last sample: no crawl is too slow to be seen.
    last_ = sample;
    any_ = true;
    silent_ms_ = 0;
    told_ = false;
    return {};
  }
  if (told_ || silent_ms_ < rules_.limit_ms) return {};
  return hangs(sample);
}

std::string describe_tree(const HangSample& sample) {
  std::string text;
  std::size_t shown = 0;
  for (const auto& process : sample.processes) {
    const ProcessSample* parent = find(sample, process.parent);
    if (parent != nullptr && parent != &process) continue;
    if (!text.empty()) text += "; ";
    describe(sample, process, shown, text);
    if (shown >= kMostShown) break;
  }
  if (shown < sample.processes.size()) {
    text += " and " + std::to_string(sample.processes.size() - shown) + " more";
  }
  // Names come from whoever made the process: no control characters onto a terminal.
  std::replace_if(
      text.begin(), text.end(),
      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
  return text;
}

}  // namespace aptkeep
