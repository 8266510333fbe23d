#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <memory>

#include "adapters/guard_command.h"
#include "adapters/guard_probes.h"
#include "adapters/proc_text.h"
#include "core/guard_arguments.h"

namespace aptkeep::probe {
namespace {

constexpr std::string_view kDeleted = " (deleted)";  // proc(5)

struct CloseFolder {
  void operator()(DIR* folder) const { closedir(folder); }
};

// One executable, as processes may have it.
class Executable {
 public:
  explicit Executable(const std::string& path)
      : there_(stat(path.c_str(), &info_) == 0), base_(path.substr(path.find_last_of('/') + 1)) {
    // /proc tells paths without symlinks (/bin is one), also when the file is gone.
    const auto slash = path.find_last_of('/');
    const std::string folder = resolved(path.substr(0, slash + 1));
    names_ = {path};
    if (!folder.empty())
      names_.push_back(folder + (folder == "/" ? "" : "/") + path.substr(slash + 1));
    if (there_) names_.push_back(resolved(path));
  }

  enum class Answer { No, Yes, ByName, Hidden };

  // Hidden: it cannot be seen, and the process has its name. ByName: it has not even that.
  Answer is_of(const std::string& pid) const {
    const std::string link = "/proc/" + pid + "/exe";
    struct stat info {};
    if (stat(link.c_str(), &info) != 0) {
      // Else a kernel thread, or it has just ended.
      if (errno != EACCES && errno != EPERM) return Answer::No;
      return has_name(pid) ? Answer::Hidden : Answer::ByName;
    }
    if (there_ && same_file(info, info_)) return Answer::Yes;
    // Replaced since it was started, unless a container has a file of the same name.
    std::string target(4096, '\0');
    const ssize_t size = readlink(link.c_str(), target.data(), target.size());
    if (size <= 0) return Answer::No;
    target.resize(static_cast<std::size_t>(size));
    struct stat called {};
    if (!target.ends_with(kDeleted) ||
        (stat(target.c_str(), &called) == 0 && same_file(called, info))) {
      return Answer::No;
    }
    target.resize(target.size() - kDeleted.size());
    const bool named = std::find(names_.begin(), names_.end(), target) != names_.end();
    return named && of_this_system(pid) ? Answer::Yes : Answer::No;
  }

 private:
  static std::string resolved(const std::string& path) {
    const std::unique_ptr<char, decltype(&std::free)> real(realpath(path.c_str(), nullptr),
                                                           &std::free);
    return real ? real.get() : "";
  }
  static bool same_file(const struct stat& one, const struct stat& other) {
    return one.st_dev == other.st_dev && one.st_ino == other.st_ino;
  }
  // Of programs that not even root may look into (a container without that right), and in
  // `aptkeep plan` without root. Everybody may read these two; proc(5): 15 bytes of the name.
  bool has_name(const std::string& pid) const {
    const std::int64_t number = std::strtoll(pid.c_str(), nullptr, 10);
    const std::string name = proc_text(number, "comm");
    const std::string arguments = proc_text(number, "cmdline");
    const std::string first = arguments.substr(0, arguments.find('\0'));
    return name == base_.substr(0, 15) + "\n" || first.substr(first.find_last_of('/') + 1) == base_;
  }
  static bool of_this_system(const std::string& pid) {
    const std::int64_t number = std::strtoll(pid.c_str(), nullptr, 10);
    return proc_link(number, "ns/pid") == proc_link(getpid(), "ns/pid");
  }

  struct stat info_ {};
  bool there_;
  std::string base_;
  std::vector<std::string> names_;
};

}  // namespace

GuardResult not_running(const Context& context) {
  const std::string& path = context.arguments[0];
  const Executable executable(path);
  const std::unique_ptr<DIR, CloseFolder> proc(opendir("/proc"));
  if (!proc) return cannot("read /proc", errno);
  if (access("/proc/self/exe", F_OK) != 0) return unknown("/proc tells of no processes");
  std::size_t by_name = 0;
  while (const dirent* entry = readdir(proc.get())) {
    const std::string pid = entry->d_name;
    if (pid.find_first_not_of("0123456789") != std::string::npos) continue;
    const auto answer = executable.is_of(pid);
    if (answer == Executable::Answer::Yes) return unmet(path + " runs as process " + pid);
    if (answer == Executable::Answer::Hidden) {
      return unknown("process " + pid + " has its name, and may not be looked into");
    }
    if (answer == Executable::Answer::ByName) ++by_name;
  }
  const std::string told = path + " does not run";
  return met(by_name == 0 ? told
                          : told + " (" + std::to_string(by_name) + " processes told by name)");
}

// `show`, which tells apart what is not there from what is not active, and ends well for both.
GuardResult service_active(const Context& context) {
  const std::string& unit = context.arguments[0];
  struct stat info {};
  // sd_booted(3)
  if (lstat("/run/systemd/system", &info) != 0) return unknown("systemd is not running");
  const auto end = run_program({"systemctl", "show", "--property=LoadState",
                                "--property=ActiveState", "--property=SubState", "--", unit},
                               nullptr, context.limit);
  if (!end) return unknown(end.error().message);
  if (!end->well()) return unknown("systemctl show " + unit + ": " + told(*end));
  const auto value = [&end](const std::string& name) {
    const auto values = values_of(end->output, name);
    return values.empty() ? std::string() : values.front();
  };
  const std::string load = value("LoadState");
  const std::string active = value("ActiveState");
  if (load.empty() || active.empty()) return unknown("systemctl tells nothing about " + unit);
  if (load != "loaded") return unmet(unit + " is " + load);
  const std::string told = unit + " is " + active + " (" + value("SubState") + ")";
  // As `systemctl is-active` counts; systemd 257 knows the last one.
  const bool up = active == "active" || active == "reloading" || active == "refreshing";
  return up ? met(told) : unmet(told);
}

GuardResult command(const Context& context) {
  GuardCommand parsed;
  if (auto fault = read_guard_command(context.arguments, parsed); !fault.empty()) {
    return unknown(fault);
  }
  const auto end = run_rule_command(parsed.command);
  if (!end) return unknown(end.error().message);
  const std::string program = shown(parsed.command.argv[0], 100);
  const bool no_command = parsed.command.shell && (end->exit_code == 126 || end->exit_code == 127);
  if (end->timed_out) {
    return unknown(program + " was ended after " + std::to_string(parsed.command.timeout) + " s");
  }
  if (end->signal != 0 || no_command) return unknown(program + ": " + told(*end));
  if (!end->well()) return unmet(program + ": " + told(*end));
  if (parsed.expects == "0") return met(program + ": exit status 0");
  const std::string line = end->output.substr(0, end->output.find('\n'));
  const std::string printed = program + " prints " + (line.empty() ? "nothing" : shown(line, 100));
  return line == parsed.expects ? met(printed)
                                : unmet(printed + ", not " + shown(parsed.expects, 100));
}

}  // namespace aptkeep::probe
