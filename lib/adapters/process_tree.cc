#include "adapters/process_tree.h"

#include <dirent.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <string_view>

#include "adapters/proc_text.h"
#include "adapters/waits_for.h"

namespace aptkeep {
namespace {

std::uint64_t number_behind(std::string_view text, std::string_view label) {
  const auto at = text.find(label);
  if (at == std::string_view::npos) return 0;
  return std::strtoull(text.data() + at + label.size(), nullptr, 10);
}

// Sockets and pipes count in rchar and wchar, mapped files in the other two (proc(5)).
std::uint64_t io_of(std::int64_t pid) {
  const std::string text = proc_text(pid, "io");
  return number_behind(text, "rchar: ") + number_behind(text, "wchar: ") +
         number_behind(text, "\nread_bytes: ") + number_behind(text, "\nwrite_bytes: ");
}

// "VALUE" of "NAME=VALUE" in an environment.
std::string value_of(const std::string& environment, std::string_view name) {
  std::string_view rest = environment;
  while (!rest.empty()) {
    const auto end = std::min(rest.find('\0'), rest.size());
    const auto entry = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (entry.size() > name.size() && entry.starts_with(name) && entry[name.size()] == '=') {
      return std::string(entry.substr(name.size() + 1));
    }
  }
  return "";
}

bool holds(const std::vector<ProcessId>& ids, const ProcessSample& process) {
  return std::find(ids.begin(), ids.end(), ProcessId{process.pid, process.start}) != ids.end();
}

std::int64_t now_ms() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

}  // namespace

// proc(5): "PID (NAME) STATE PPID PGRP SESSION ...", and the name may have anything in it.
bool ProcessTree::read_stat(std::int64_t pid, Stat& stat) {
  const std::string text = proc_text(pid, "stat");
  const auto open = text.find('(');
  const auto close = text.rfind(')');
  if (open == std::string::npos || close == std::string::npos || close + 2 >= text.size()) {
    return false;
  }
  stat.process.pid = pid;
  stat.process.name = text.substr(open + 1, close - open - 1);
  stat.process.state = text[close + 2];
  constexpr int kFirst = 4, kParent = 4, kSession = 6, kUser = 14, kSystem = 15, kStart = 22;
  const char* at = text.c_str() + close + 3;
  for (int field = kFirst; field <= kStart; ++field) {
    char* end = nullptr;
    const unsigned long long value = std::strtoull(at, &end, 10);
    if (end == at) return false;
    at = end;
    if (field == kParent) stat.process.parent = static_cast<std::int64_t>(value);
    if (field == kSession) stat.session = static_cast<std::int64_t>(value);
    if (field == kUser || field == kSystem) stat.process.cpu += value;
    if (field == kStart) stat.process.start = value;
  }
  return true;
}

std::vector<ProcessTree::Stat> ProcessTree::read_all() {
  std::vector<Stat> all;
  DIR* folder = opendir("/proc");
  if (folder == nullptr) return all;
  while (const dirent* entry = readdir(folder)) {
    const std::int64_t pid = std::strtoll(entry->d_name, nullptr, 10);
    Stat stat;
    if (pid > 0 && read_stat(pid, stat)) all.push_back(std::move(stat));
  }
  closedir(folder);
  return all;
}

// dpkg sets these for its scripts alone (dpkg(1)); it runs one at a time.
void ProcessTree::find_script(const std::vector<Stat>& all, HangSample& sample) {
  const auto child = [this](const Stat& it) {
    return it.process.parent == dpkg_ && it.process.state != 'Z';
  };
  const bool same = std::any_of(all.begin(), all.end(), [&](const Stat& it) {
    return child(it) && ProcessId{it.process.pid, it.process.start} == script_;
  });
  if (!same) {
    script_ = {};
    known_.clear();
  }
  for (const Stat& it : all) {
    if (script_.pid != 0 || !child(it)) continue;
    const std::string environment = proc_text(it.process.pid, "environ");
    name_ = value_of(environment, "DPKG_MAINTSCRIPT_NAME");
    package_ = value_of(environment, "DPKG_MAINTSCRIPT_PACKAGE");
    if (name_.empty() || package_.empty()) continue;
    const std::string arch = value_of(environment, "DPKG_MAINTSCRIPT_ARCH");
    if (!arch.empty()) package_ += ":" + arch;
    script_ = {it.process.pid, it.process.start};
  }
  if (script_.pid == 0) return;
  sample.script_pid = script_.pid;
  sample.package = package_;
  sample.script = name_;
}

std::vector<const ProcessTree::Stat*> ProcessTree::members(const std::vector<Stat>& all,
                                                           const std::vector<ProcessId>& also) {
  std::vector<const Stat*> found;
  const auto in = [&found](std::int64_t pid) {
    return std::any_of(found.begin(), found.end(),
                       [pid](const Stat* it) { return it->process.pid == pid; });
  };
  for (const Stat& it : all) {
    if (it.process.pid == dpkg_) found.push_back(&it);
  }
  if (found.empty()) return found;
  const bool leads = found.front()->session == dpkg_;
  for (bool grew = true; grew;) {
    grew = false;
    for (const Stat& it : all) {
      if (in(it.process.pid)) continue;
      const bool of_session =
          leads && it.session == dpkg_ && script_.pid != 0 && it.process.start >= script_.start;
      if (!of_session && !in(it.process.parent) && !holds(known_, it.process) &&
          !holds(also, it.process)) {
        continue;
      }
      found.push_back(&it);
      grew = true;
    }
  }
  return found;
}

HangSample ProcessTree::sample(std::uint64_t output, const std::vector<ProcessId>& also) {
  HangSample sample;
  sample.at_ms = now_ms();
  sample.output = output;
  const std::vector<Stat> all = read_all();
  find_script(all, sample);
  for (const Stat* it : members(all, also)) {
    ProcessSample process = it->process;
    process.io = io_of(process.pid);
    const Waits waits = waits_for(process.pid);
    process.waits_for = waits.what;
    process.asks_person = waits.asks_person;
    if (process.pid == script_.pid) {
      process.name = package_.substr(0, package_.find(':')) + "." + name_;
    }
    const bool of_script = process.pid != dpkg_ && script_.pid != 0 && !holds(also, process);
    if (of_script && !holds(known_, process)) {
      known_.push_back({process.pid, process.start});
    }
    sample.processes.push_back(std::move(process));
  }
  return sample;
}

bool signal_process(const ProcessId& id, int number) {
  const int handle = static_cast<int>(syscall(SYS_pidfd_open, id.pid, 0));
  if (handle < 0) return false;
  // Now that the number is held, nobody else can get it between the look and the signal.
  const std::string text = proc_text(id.pid, "stat");
  std::string_view fields = text;
  const auto name_end = fields.rfind(')');
  bool same = name_end != std::string_view::npos;
  if (same) {
    fields.remove_prefix(name_end + 1);
    constexpr int kSpacesBeforeStart = 20;
    for (int i = 0; i < kSpacesBeforeStart && same; ++i) {
      const auto space = fields.find(' ');
      same = space != std::string_view::npos;
      if (same) fields.remove_prefix(space + 1);
    }
    same = same && std::strtoull(fields.data(), nullptr, 10) == id.start;
  }
  if (same) same = syscall(SYS_pidfd_send_signal, handle, number, nullptr, 0) == 0;
  ::close(handle);
  return same;
}

std::uint64_t oom_kills() {
  return number_behind(proc_text("/proc/vmstat"), "\noom_kill ");
}

}  // namespace aptkeep
