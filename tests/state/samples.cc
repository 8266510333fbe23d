#include "samples.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <tuple>

#include "core/failure_class.h"
#include "core/rule.h"

namespace aptkeep {

bool operator==(const FailureRule& a, const FailureRule& b) {
  return a.wish == b.wish && a.why == b.why;
}

namespace {

auto tie(const Step& s) {
  return std::tie(s.package, s.action, s.old_version, s.new_version, s.archive, s.security, s.trust,
                  s.never_back, s.on_failure, s.save, s.repair, s.guards, s.if_unmet, s.passed,
                  s.afterwards);
}
auto tie(const Clause& c) {
  return std::tie(c.owner_step, c.owner_side, c.kind, c.owner, c.owner_version, c.relation,
                  c.any_of);
}
auto tie(const Failure& f) {
  return std::tie(f.package, f.step, f.version, f.old_version, f.phase, f.script, f.exit_code,
                  f.signal, f.message, f.output, f.healed, f.failure_class);
}
auto tie(const Keep& k) {
  return std::tie(k.package, k.version, k.old_version, k.failed, k.root, k.cause, k.db_state,
                  k.phase, k.script, k.exit_code, k.signal, k.message, k.output, k.security,
                  k.attempts, k.since, k.failure_class);
}
auto tie(const RunSummary& r) {
  return std::tie(r.id, r.begun, r.ended, r.command, r.note, r.native_arch, r.done, r.failed,
                  r.kept, r.stranded, r.not_reached);
}

}  // namespace

bool operator==(const Step& a, const Step& b) {
  return tie(a) == tie(b);
}
bool operator==(const Clause& a, const Clause& b) {
  return tie(a) == tie(b);
}
bool operator==(const Failure& a, const Failure& b) {
  return tie(a) == tie(b);
}
bool operator==(const Keep& a, const Keep& b) {
  return tie(a) == tie(b);
}
bool operator==(const RunSummary& a, const RunSummary& b) {
  return tie(a) == tie(b);
}
bool operator==(const StepOutcome& a, const StepOutcome& b) {
  return a.step == b.step && a.state == b.state && a.cause == b.cause && a.db_state == b.db_state;
}
bool operator==(const Pin& a, const Pin& b) {
  return a.package == b.package && a.version == b.version && a.reason == b.reason;
}

namespace sample {

Folder::Folder() {
  std::string name = ::testing::TempDir() + "aptkeep-state-XXXXXX";
  path_ = ::mkdtemp(name.data()) == nullptr ? "" : name;
}

Folder::~Folder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

bool mount_small(const std::string& path) {
  const int user = ::geteuid() == 0 ? 0 : CLONE_NEWUSER;
  return ::unshare(CLONE_NEWNS | user) == 0 && ::mount("", "/", "", MS_REC | MS_PRIVATE, "") == 0 &&
         ::mount("small", path.c_str(), "tmpfs", 0, "size=3m") == 0;
}

Frontend frontend(std::int64_t pid, std::uint64_t start) {
  return {pid, start, "apt-get -y dist-upgrade", "6f2b-boot"};
}

Plan plan() {
  Plan plan;
  const std::string odd = std::string("odd\0\xff'\"\n\t", 9) + "\xe2\x82\xac";
  plan.steps = {
      {"base:amd64", Action::Upgrade, "1.0", "2.0", "/var/cache/a b\n.deb", true, 3},
      {"g++-12:i386", Action::Install, "", "1:2.0~rc1+b2-1", "/x.deb", false, 2},
      {"foo.bar:amd64", Action::Remove, "9", "", "", false, 0},
      {"p:amd64", Action::Purge, "9", "", "", false, -1, "its data\nare lost"},
      {"down:amd64", Action::Downgrade, "2", "1", odd, false, 1},
      {"same:amd64", Action::Reinstall, "2", "2", "/y.deb", false, 1},
      {"half:amd64", Action::Configure, "2", "2", "", false, 1},
  };
  plan.steps[4].on_failure = FailureRule{OnFailure::RollBack, ""};
  plan.steps[0].on_failure = FailureRule{OnFailure::LeaveUnconfigured, odd};
  plan.steps[1].on_failure = FailureRule{OnFailure::StopRun, "so"};
  plan.steps[2].on_failure = FailureRule{OnFailure::Retry, "and so"};
  plan.steps[0].save = {"/etc/a b", "/etc/\xff"};
  plan.steps[5].guards = {"queue-empty '/a b'", "not-running /usr/sbin/x"};
  plan.steps[5].if_unmet = IfUnmet::Ask;
  plan.steps[5].repair = "see our wiki";
  plan.steps[2].afterwards = kIslandDone;
  plan.steps[1].passed = "forced past: guard queue-empty /q is unmet";
  plan.clauses = {
      {0, Side::New, ClauseKind::Depends, "base:amd64", "2.0", "b (>= 2) | c", {{1, Side::New}}},
      {-1, Side::Old, ClauseKind::Breaks, "out:amd64", odd, odd, {}},
      {6, Side::Old, ClauseKind::PreDepends, "", "", "", {{0, Side::Old}, {6, Side::New}}},
      {2, Side::New, ClauseKind::Conflicts, "foo.bar:amd64", "9", "x", {{3, Side::Old}}},
      {1, Side::New, ClauseKind::Lockstep, "g++-12:i386", "2", "", {{1, Side::Old}}},
  };
  return plan;
}

Failure failure(const std::string& package, std::int32_t step) {
  Failure failure;
  failure.package = package;
  failure.step = step;
  failure.version = "2.0";
  failure.old_version = "1.0";
  failure.phase = Phase::Configure;
  failure.script = "postinst";
  failure.exit_code = 1;
  failure.signal = -1;
  failure.message = "installed base package post-installation script subprocess returned 1";
  failure.failure_class = FailureClass::Transient;
  failure.output = std::string("line 1\nline 2 \xff\xfe\0 end\n", 22);
  return failure;
}

Keep keep(const std::string& package, const std::string& version, bool failed) {
  Keep keep;
  keep.package = package;
  keep.version = version;
  keep.old_version = "1.0";
  keep.failed = failed;
  keep.root = failed ? package : "base:amd64";
  keep.cause = {package + " kept: needs base (= 2.0)", "base failed"};
  keep.db_state = "ii";
  keep.phase = Phase::Trigger;
  keep.script = failed ? "preinst" : "";
  keep.exit_code = 3;
  keep.message = "m";
  keep.output = "o\n";
  keep.security = true;
  keep.failure_class = FailureClass::Crash;
  return keep;
}

std::vector<StepOutcome> outcomes(const Plan& plan, StepState state) {
  std::vector<StepOutcome> outcomes;
  auto number = static_cast<std::size_t>(state);
  for (const Step& step : plan.steps) {
    StepOutcome outcome;
    outcome.step = step;
    outcome.state = static_cast<StepState>(number++ % 8);
    outcome.cause = {"a kept: needs b", "", "b failed"};
    outcome.db_state = "iF";
    outcomes.push_back(outcome);
  }
  return outcomes;
}

void fill(Store& store) {
  const Plan full = plan();
  PlanFlags flags;
  flags.native_arch = "amd64";
  const auto first = store.begin_plan(frontend(100), flags, full, 1000);
  ASSERT_TRUE(first.ok()) << first.error().message;
  ASSERT_TRUE(store.add_failure(*first, failure("base:amd64", 0)).ok());
  ASSERT_TRUE(store.add_failure(*first, failure("outside:amd64", -1)).ok());
  const std::vector<Keep> keeps = {keep("base:amd64", "2.0", true),
                                   keep("g++-12:i386", "2", false)};
  ASSERT_TRUE(store.end_plan(*first, outcomes(full, StepState::Waiting), keeps, {}, "", 1100).ok());
  const auto second = store.begin_plan(frontend(100), flags, full, 1200);
  ASSERT_TRUE(second.ok());
  ASSERT_TRUE(store.end_plan(*second, outcomes(full, StepState::Done), {}, {}, "x", 1300).ok());
  const auto third = store.begin_plan(frontend(200), flags, full, 2000);
  ASSERT_TRUE(third.ok());
  ASSERT_TRUE(store.set_states(*third, {{0, StepState::Done}, {3, StepState::FailedOld}}).ok());
  ASSERT_TRUE(store.add_failure(*third, failure("p:amd64", 3)).ok());
  ASSERT_TRUE(store.set_blocked({{"bar:amd64", "3", "would remove base"}}).ok());
}

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream content;
  content << in.rdbuf();
  return content.str();
}

void write_file(const std::string& path, const std::string& content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

}  // namespace sample
}  // namespace aptkeep
