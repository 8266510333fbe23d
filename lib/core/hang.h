// Whether a maintainer script hangs, and whether it may be ended: samples in, verdict out.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace aptkeep {

// One process at one moment. `start` tells it from a later one with the same number.
struct ProcessSample {
  std::int64_t pid = 0;
  std::uint64_t start = 0;
  std::int64_t parent = 0;
  char state = 'S';          // as in proc(5), /proc/PID/stat
  std::uint64_t cpu = 0;     // clock ticks, of all its threads
  std::uint64_t io = 0;      // bytes that it read and wrote, wherever
  bool asks_person = false;  // it waits for input from a terminal
  std::string name;          // "foo.postinst", "mysql"
  std::string waits_for;     // "reads pipe:[123]"; empty: not known
};

struct HangSample {
  std::int64_t at_ms = 0;    // of a clock that neither jumps nor runs while the machine sleeps
  std::uint64_t output = 0;  // bytes printed so far
  // dpkg's child that is a maintainer script; 0: none runs, and dpkg works itself.
  std::int64_t script_pid = 0;
  std::string package;  // "name:arch"; empty: no script
  std::string script;
  // dpkg first, then what is below it, and what was and has lost its parent since.
  std::vector<ProcessSample> processes;
};

struct HangRules {
  std::int64_t limit_ms = 0;  // 0: never
  std::int64_t grace_ms = 10'000;
  bool unattended = false;
  std::vector<std::string> never_end;  // "name" or "name:arch"
};

enum class HangStep : std::uint8_t {
  Wait,
  Tell,  // once for each hang
  End,   // tell, and SIGTERM to the script and all below it
  Kill,  // SIGKILL to what is left of that; at each sample until it is gone
};

struct ProcessId {
  std::int64_t pid = 0;
  std::uint64_t start = 0;

  friend bool operator==(const ProcessId&, const ProcessId&) = default;
};

struct HangVerdict {
  HangStep step = HangStep::Wait;
  std::vector<ProcessId> whom;  // for End and Kill; the script before what it started, so that it
                                // does not go on as if only a program of its had failed
  std::string line;  // for Tell and End: what hangs, what it waits for, and why it is not ended
};

class HangWatch {
 public:
  explicit HangWatch(HangRules rules) : rules_(std::move(rules)) {}

  HangVerdict judge(const HangSample& sample);

  // What was told to end and may not be gone yet: to be in the samples, whoever its parent is now.
  const std::vector<ProcessId>& ending() const { return ending_; }

  // How often to sample: seldom enough to cost nothing, often enough to tell a hang in time.
  std::int64_t interval_ms() const;

 private:
  bool lives(const HangSample& sample) const;
  void count_silence(const HangSample& sample);
  HangVerdict hangs(const HangSample& sample);
  std::string why_not_ended(const HangSample& sample) const;

  HangRules rules_;
  HangSample last_;
  bool any_ = false;
  std::int64_t silent_ms_ = 0;  // since the last sign of life, as far as somebody looked
  std::int64_t looked_ms_ = 0;
  bool told_ = false;
  std::int64_t ended_ms_ = 0;
  std::vector<ProcessId> ending_;
};

// "dpkg(12) - foo.postinst(13, waits for a child) - mysql(14, reads socket:[9])", on one line.
std::string describe_tree(const HangSample& sample);

}  // namespace aptkeep
