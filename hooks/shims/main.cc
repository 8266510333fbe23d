// /usr/lib/aptkeep/shims: invoke-rc.d, deb-systemd-invoke, service and systemctl as the maintainer
// scripts of a run see them, first in their PATH. What is not decided here is the real tool's, with
// the same words, output and exit code; and what the real tool calls finds none of these.
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "adapters/end_by_signal.h"
#include "adapters/path_list.h"
#include "core/config.h"
#include "policy/call.h"
#include "policy/consider.h"
#include "policy/holds.h"
#include "policy/notes.h"
#include "policy/triggers.h"

namespace {

using namespace aptkeep;
using policy::Call;
using policy::Tool;
using policy::Units;

constexpr int kNotLoaded = 5;     // systemctl(1) of a unit that is not there; LSB's "not installed"
constexpr int kFromPolicy = 100;  // from here on policy-rc.d's answers, which are no failures
constexpr std::size_t kMostArguments = 512;

[[noreturn]] void become(Tool tool, const char* const* words) {
  execv(policy::path_of(tool), const_cast<char* const*>(words));
  const int why = errno;
  std::fprintf(stderr, "aptkeep: unable to run %s: %s\n", policy::path_of(tool),
               std::strerror(why));
  _exit(127);  // as a shell ends that could not run it
}

// The real tool's exit code.
int run(Tool tool, const char* const* words) {
  std::fflush(nullptr);
  const pid_t pid = fork();
  if (pid == 0) become(tool, words);
  int status = -1;
  while (pid > 0 && waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) return 1;
  }
  if (pid < 0) become(tool, words);  // without a child then, and nothing is decided afterwards
  if (WIFSIGNALED(status)) end_by_signal(WTERMSIG(status));
  return WEXITSTATUS(status);
}

class Shim {
 public:
  Shim(int argc, const char* const* argv) : argc_(argc), argv_(argv) {
    policy::read_call(argc, argv, call_);
  }

  [[noreturn]] void as_it_is() {
    if (!policy::words_of(argc_, argv_, call_, call_.units, words_, kMostArguments))
      become(call_.tool, argv_);
    become(call_.tool, words_);
  }

  int decide() {
    if (call_.tool == Tool::None) {
      std::fprintf(stderr, "aptkeep: unable to run %s: no tool that this stands for\n", argv_[0]);
      return 127;
    }
    const bool here = !policy::is_off() && policy::below_script() && policy::has_systemd();
    // Left alone, and told.
    if (call_.of_users && here) (void)policy::leave_to_end(policy::kUsers, call_.units);
    const bool ours = call_.decides && here && policy::in_run();
    if (!ours) as_it_is();
    switch (call_.tool) {
      case Tool::InvokeRcD:
        if (call_.allow_activation && is("stop")) end_running_instances();
        return judge(run_for(call_.units));
      case Tool::DebSystemdInvoke:
        return judge(in_turn());
      default:
        return judge(directly());
    }
  }

 private:
  bool is(const char* verb) const { return std::strcmp(call_.verb, verb) == 0; }
  bool restarts() const { return is("restart") || is("try-restart"); }

  policy::Answer answer_for(const char* unit) const {
    const policy::Question question = policy::question_of(unit, call_.verb);
    return policy::answer(question, policy::look_around(question, false));
  }

  int run_for(const Units& units, const char* verb = nullptr) {
    if (!policy::words_of(argc_, argv_, call_, units, words_, kMostArguments)) return 1;
    for (std::size_t i = 1; verb != nullptr && words_[i] != nullptr; ++i) {
      if (words_[i][0] == '-') continue;
      words_[i] = verb;  // of a call that names it before the units
      break;
    }
    return run(call_.tool, words_);
  }

  bool any_trigger() const {
    for (std::size_t i = 0; i < call_.units.count; ++i) {
      if (policy::is_trigger(call_.units.name[i])) return true;
    }
    return false;
  }

  // Its clients wait at its socket, which must not be closed now.
  bool any_parked() const {
    for (std::size_t i = 0; i < call_.units.count; ++i) {
      if (policy::hold_of(paths::kRunDir, call_.units.name[i]).parked) return true;
    }
    return false;
  }

  // systemd opens no socket whose service runs (github.com/systemd/systemd/issues/23581): where
  // both are to be restarted now, the service stops first. Of a call in which one cannot wait, none
  // does.
  bool restarts_both_now() const {
    if (!restarts() || !any_trigger() || any_parked()) return false;
    for (std::size_t i = 0; i < call_.units.count; ++i) {
      const policy::Wait wait = answer_for(call_.units.name[i]).wait;
      if (wait == policy::Wait::No) return true;
      if (wait == policy::Wait::IfRefused && !policy::is_refused(call_.units.name[i])) return true;
    }
    return false;
  }

  // Those that are active go down together, and are to be started then: a socket or path that comes
  // back may bring its service with it.
  int restart_together(Units units) {
    Units active = units;
    policy::keep_active(active);
    policy::act("stop", active);
    policy::triggers_first(active);
    int code = one_by_one(active, "start");
    Units others{};
    for (std::size_t i = 0; i < units.count; ++i) {
      bool was_active = false;
      for (std::size_t j = 0; j < active.count; ++j)
        was_active = was_active || std::strcmp(active.name[j], units.name[i]) == 0;
      if (!was_active) others.name[others.count++] = units.name[i];
    }
    if (const int theirs = one_by_one(others, nullptr); theirs != 0) code = theirs;
    return code;
  }

  // The real one asks policy-rc.d about all of its units before it acts on any, and acts on none if
  // one may not be. Whether an admin's own denies is seen by it, unit by unit.
  int in_turn() {
    if (call_.units.count == 1) return run_for(call_.units);
    if (restarts_both_now()) {
      setenv(policy::kNow, "1", 1);
      return restart_together(call_.units);
    }
    return one_by_one(call_.units, nullptr);
  }

  // `verb`: in the place of the call's own; nullptr: that.
  int one_by_one(Units units, const char* verb) {
    policy::triggers_first(units);
    int code = 0;
    for (std::size_t i = 0; i < units.count; ++i) {
      Units one{};
      one.name[one.count++] = units.name[i];
      if (const int its = run_for(one, verb); its != 0) code = its;
    }
    return code;
  }

  // What no policy-rc.d is asked about.
  int directly() {
    const bool both_now = restarts_both_now();
    if (both_now) setenv(policy::kNow, "1", 1);
    Units now{};
    for (std::size_t i = 0; i < call_.units.count; ++i) {
      const policy::Question question = policy::question_of(call_.units.name[i], call_.verb);
      const policy::Answer said = answer_for(call_.units.name[i]);
      Units one{};
      one.name[one.count++] = call_.units.name[i];
      if (policy::put_off(said.wait, one)) continue;
      if (policy::carry_out(question, said, one) == policy::kDoNot) continue;
      now.name[now.count++] = call_.units.name[i];
    }
    if (now.count == 0) return 0;
    return both_now ? restart_together(now) : run_for(now);
  }

  // Debian bug 736258's softer stop: whoever asks next gets the new program. A plain stop where
  // nothing would start it again.
  void end_running_instances() {
    Units triggers{};
    policy::triggers_of(call_.units.name[0], triggers);
    if (triggers.count == 0) return;
    setenv(policy::kAllowActivation, "1", 1);
    char pattern[300];
    const char* const unit = call_.units.name[0];
    const auto length = static_cast<int>(std::strrchr(unit, '.') - unit);
    std::snprintf(pattern, sizeof pattern, "%.*s@*.service", length, unit);
    const char* const words[] = {"stop", "--", pattern};
    policy::systemctl(words, 3);
  }

  bool none_is_there() const {
    for (std::size_t i = 0; i < call_.units.count; ++i) {
      char state[64];
      const char* const words[] = {"show", "--property=LoadState", "--value", "--",
                                   call_.units.name[i]};
      if (!policy::systemctl(words, 5, state, sizeof state) ||
          std::strcmp(state, "not-found\n") != 0) {
        return false;
      }
    }
    return true;
  }

  // systemd then starts nothing any more; the next boot does.
  static bool shuts_down() {
    char state[64];
    const char* const words[] = {"show", "--property=SystemState", "--value"};
    return policy::systemctl(words, 3, state, sizeof state) &&
           std::strcmp(state, "stopping\n") == 0;
  }

  // What the script is told.
  int judge(int code) {
    if (code == 0 || code >= kFromPolicy) return code;
    // It does not run, which is what was wanted.
    if (is("stop")) return code == kNotLoaded && none_is_there() ? 0 : code;
    if (!policy::is_start(call_.verb)) return code;
    Units up = call_.units;
    policy::keep_active(up);
    Units down{};
    bool forgiven = true;
    for (std::size_t i = 0; i < call_.units.count; ++i) {
      const char* const unit = call_.units.name[i];
      bool runs = false;
      for (std::size_t j = 0; j < up.count; ++j) runs = runs || std::strcmp(up.name[j], unit) == 0;
      if (runs) continue;
      down.name[down.count++] = unit;
      forgiven = forgiven && answer_for(unit).forgive;
    }
    const bool noted = policy::leave_to_end(policy::kFailed, down);
    forgiven = forgiven || shuts_down();
    if (!forgiven || !noted || down.count == 0) return code;
    std::fprintf(stderr, "aptkeep: going on without %s, which does not start\n", down.name[0]);
    return 0;
  }

  int argc_;
  const char* const* argv_;
  Call call_;
  const char* words_[kMostArguments];
};

}  // namespace

int main(int argc, char** argv) {
  take_out_of_path(paths::kShims);
  static Shim shim(argc, argv);
  return shim.decide();
}
