#include "core/failure_class.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <optional>

#include "core/failure_words.h"

namespace aptkeep {
namespace {

constexpr int kTempFail = 75;     // EX_TEMPFAIL: "the user is invited to retry", sysexits(3head)
constexpr int kNotInstalled = 5;  // systemctl(1) "unit not loaded"; LSB, "Init Script Actions"
constexpr int kBySignal = 128;    // POSIX, Shell Command Language 2.8.2: greater than 128; dash,
                                  // bash and run-parts add exactly 128
constexpr int kDpkgFatal = 2;     // dpkg(1), EXIT STATUS

// Signals of which a program dies by its own or the machine's fault.
bool is_crash(int signal) {
  static constexpr std::array<int, 10> kCrashes{SIGSEGV, SIGABRT, SIGBUS,  SIGFPE,  SIGILL,
                                                SIGTRAP, SIGSYS,  SIGPIPE, SIGXCPU, SIGKILL};
  return std::find(kCrashes.begin(), kCrashes.end(), signal) != kCrashes.end();
}

Classified by(FailureClass failure_class, std::string why) {
  return {failure_class, std::move(why)};
}

Classified full(const FailureFacts& facts, const std::string& why) {
  if (!facts.room_for_dpkg) return by(FailureClass::DiskFull, why);
  return by(FailureClass::Transient, why + ", but not where dpkg writes");
}

std::optional<Classified> words_in(const FailureFacts& facts, WordsOf where) {
  const std::string_view text = where == WordsOf::Dpkg ? facts.message : facts.output;
  const FailureWords* found = find_words(where, text);
  if (found == nullptr) return std::nullopt;
  const std::string why = "\"" + std::string(found->pattern) + "\" printed";
  if (found->failure_class == FailureClass::DiskFull) return full(facts, why);
  return by(found->failure_class, why);
}

// A signal, its own or one that the shell tells of.
std::optional<Classified> by_signal(const FailureFacts& facts) {
  const bool told = facts.signal == 0 && facts.exit_code > kBySignal && facts.exit_code < 192;
  const int signal = told ? facts.exit_code - kBySignal : facts.signal;
  if (signal == 0) return std::nullopt;
  const std::string why =
      told ? "exit " + std::to_string(facts.exit_code) : "signal " + std::to_string(signal);
  if (signal == SIGKILL && facts.oom_kill) {
    return by(FailureClass::OutOfMemory, why + " while the kernel ran out of memory");
  }
  if (is_crash(signal)) return by(FailureClass::Crash, why);
  // A shutdown or a closed terminal; Ctrl-C and Ctrl-\ are a person's no.
  if (signal == SIGTERM || signal == SIGHUP) return by(FailureClass::Transient, why);
  if (signal == SIGINT || signal == SIGQUIT) return by(FailureClass::Refusal, why);
  // A signal whose name dpkg told in another language: nobody sends others on purpose.
  return by(told ? FailureClass::Unknown : FailureClass::Crash, why);
}

Classified of_dpkg(const FailureFacts& facts) {
  const bool fatal = facts.signal != 0 || facts.exit_code == kDpkgFatal;
  if (const auto words = words_in(facts, WordsOf::Dpkg)) {
    const bool resource = words->failure_class == FailureClass::DiskFull ||
                          words->failure_class == FailureClass::OutOfMemory;
    if (resource || !fatal) return *words;
  }
  if (!fatal) return by(FailureClass::Unknown, "");
  // What dpkg dies of is only printed, behind "unrecoverable fatal error, aborting:".
  if (const FailureWords* found = find_words(WordsOf::Dpkg, last_words_of_dpkg(facts.output))) {
    if (found->failure_class == FailureClass::DiskFull ||
        found->failure_class == FailureClass::OutOfMemory) {
      return by(found->failure_class, "\"" + std::string(found->pattern) + "\" printed by dpkg");
    }
  }
  return by(FailureClass::DpkgItself, facts.signal != 0
                                          ? "dpkg died of signal " + std::to_string(facts.signal)
                                          : "dpkg ended with " + std::to_string(facts.exit_code));
}

Classified of_script(const FailureFacts& facts) {
  const auto words = words_in(facts, WordsOf::Script);
  const auto is = [&words](FailureClass wanted) { return words && words->failure_class == wanted; };
  // Where memory or space was short, death by a signal is only what came of it.
  if (is(FailureClass::DiskFull) || is(FailureClass::OutOfMemory)) return *words;
  if (const auto signal = by_signal(facts)) {
    if (signal->failure_class != FailureClass::Unknown) return *signal;
  }
  if (facts.exit_code == kTempFail) return by(FailureClass::Transient, "exit 75");
  if (words) return *words;
  // systemctl --quiet ends so without a word.
  if (facts.exit_code == kNotInstalled) return by(FailureClass::MissingUnit, "exit 5");
  return by(FailureClass::Unknown, "");
}

struct Row {
  FailureClass failure_class;
  const char* name;
  Reaction first;      // after the first try of this run; after any later one: Keep
  const char* reason;  // for `first`
  std::int64_t wait;   // seconds before the second try; doubles each time; 0: no wait
  int limit;           // no more tries than this of themselves; 0: none at all
};

constexpr std::int64_t kMinute = 60;
constexpr std::int64_t kHour = 60 * kMinute;
constexpr std::int64_t kDay = 24 * kHour;
constexpr int kAnyNumber = 1 << 30;

constexpr std::array<Row, 14> kRows{{
    {FailureClass::Unknown, "unknown", Reaction::Keep, "it failed for a reason that is not known",
     0, 0},
    {FailureClass::Refusal, "refusal", Reaction::Keep,
     "it refuses, and waits for a newer version or a person", 0, 0},
    {FailureClass::Crash, "crash", Reaction::RetryNow, "it crashed, which may not happen again",
     kHour, 6},
    {FailureClass::Transient, "transient", Reaction::RetryLater,
     "what it needs may be there when the rest is configured", 10 * kMinute, 10},
    {FailureClass::MissingUnit, "missing unit", Reaction::RetryAfterReload,
     "systemd may know the unit after a reload", 0, 0},
    {FailureClass::FollowUp, "follow-up", Reaction::Ignore,
     "it waits for another package that failed", 0, kAnyNumber},
    {FailureClass::DiskFull, "disk full", Reaction::Stop, "the disk is full", 10 * kMinute, 10},
    {FailureClass::OutOfMemory, "out of memory", Reaction::Stop, "there is not enough memory",
     10 * kMinute, 10},
    // Nothing is wrong with the package.
    {FailureClass::DpkgItself, "dpkg itself", Reaction::Stop, "dpkg itself failed", 0, kAnyNumber},
    {FailureClass::Hang, "hang", Reaction::Keep, "it hung and was ended", 0, 0},
    // Tried again when the guard holds, which apt-hook looks at after each apt update.
    {FailureClass::Guard, "guard", Reaction::Keep, "what has to hold before does not", 0, 0},
    // Whether it goes well is not known before it is made, with its services down for that.
    {FailureClass::Backup, "backup", Reaction::Keep, "its backup failed", kHour, 6},
    // May have been half done: a person has to look.
    {FailureClass::Preparation, "preparation", Reaction::Keep, "what is to be done before failed",
     0, 0},
    // Nothing is wrong with the package; when the other one is configured it goes through.
    {FailureClass::Waiting, "waiting", Reaction::Keep, "what it needs is left unconfigured", 0,
     kAnyNumber},
}};

const Row& row_of(FailureClass failure_class) {
  for (const Row& row : kRows) {
    if (row.failure_class == failure_class) return row;
  }
  return kRows[0];
}

bool always(Reaction reaction) {
  return reaction == Reaction::Stop || reaction == Reaction::Ignore;
}

}  // namespace

Classified recognise(const FailureFacts& facts) {
  if (facts.hung) return by(FailureClass::Hang, "no sign of life");
  return facts.script.empty() ? of_dpkg(facts) : of_script(facts);
}

FailureClass classify(const FailureFacts& facts) {
  return recognise(facts).failure_class;
}

Decision react(FailureClass failure_class, int attempts_in_this_run, int attempts_over_runs,
               const std::optional<FailureRule>& rule) {
  const Row& row = row_of(failure_class);
  Decision decision{row.first, failure_class, row.reason};
  if (always(row.first)) return decision;
  if (rule && rule->wish == OnFailure::StopRun)
    return {Reaction::KeepAndStop, failure_class, rule->why};
  const bool ruled = rule && rule->wish != OnFailure::LeaveNew;
  if (ruled && rule->wish != OnFailure::Retry) return {Reaction::Keep, failure_class, rule->why};
  if (ruled && row.first == Reaction::Keep)
    decision = {Reaction::RetryNow, failure_class, rule->why};
  if (decision.reaction == Reaction::Keep) return decision;
  if (attempts_in_this_run > 1) {
    decision = {Reaction::Keep, failure_class, "it failed again"};
  } else if (row.limit > 0 && attempts_over_runs >= row.limit) {
    decision = {Reaction::Keep, failure_class,
                "it failed " + std::to_string(attempts_over_runs) + " times"};
  }
  return decision;
}

bool due_again(FailureClass failure_class, int attempts, std::int64_t last_try, std::int64_t now) {
  const Row& row = row_of(failure_class);
  if (attempts >= row.limit) return false;
  std::int64_t wait = row.wait;
  for (int i = 1; i < attempts && wait < kDay; ++i) wait *= 2;
  return now < last_try || now - last_try >= std::min(wait, kDay);
}

bool is_untried(FailureClass failure_class) {
  return failure_class == FailureClass::Guard || failure_class == FailureClass::Backup ||
         failure_class == FailureClass::Preparation || failure_class == FailureClass::Waiting;
}

const char* to_string(FailureClass failure_class) {
  return row_of(failure_class).name;
}

const char* to_string(Reaction reaction) {
  switch (reaction) {
    case Reaction::Keep:
      return "keep";
    case Reaction::RetryNow:
      return "try again now";
    case Reaction::RetryAfterReload:
      return "reload systemd and try again";
    case Reaction::RetryLater:
      return "try again later";
    case Reaction::Stop:
      return "stop";
    case Reaction::Ignore:
      return "ignore";
    case Reaction::KeepAndStop:
      return "keep and stop";
  }
  return "keep";
}

}  // namespace aptkeep
