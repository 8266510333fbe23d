// Makes a record to read: make_state FILE KIND. The C interface cannot write runs, on purpose.
#include <cstdio>
#include <string>

#include "state/store.h"

namespace {

using namespace aptkeep;

constexpr std::int64_t kBegun = 1'700'000'000;

StepOutcome outcome(const std::string& package, StepState state, const std::string& db_state) {
  StepOutcome made;
  made.step = {package, Action::Upgrade, "1.0", "2.0", "/" + package + ".deb", false, 2};
  made.state = state;
  made.db_state = db_state;
  return made;
}

Failure failure(const std::string& package, std::int32_t step) {
  Failure made;
  made.package = package;
  made.step = step;
  made.version = "2.0";
  made.old_version = "1.0";
  made.script = "preinst";
  made.exit_code = 3;
  made.message = "new " + package + " package pre-installation script subprocess returned 3";
  made.output =
      "first line\n\x1b[31mred\x1b[0m \xff\xfe\nlast line\n"
      "dpkg: error processing archive /x.deb (--unpack):\n " +
      made.message + "\ndpkg: too many errors, stopping\n";
  return made;
}

Keep keep(const StepOutcome& outcome, const std::string& root) {
  Keep made;
  made.package = outcome.step.package;
  made.version = outcome.step.new_version;
  made.old_version = outcome.step.old_version;
  made.security = outcome.step.security;
  made.root = root;
  made.failed = root == made.package;
  made.cause = outcome.cause;
  made.db_state = outcome.db_state;
  return made;
}

Keep failed_keep(const StepOutcome& outcome, const Failure& failure) {
  Keep made = keep(outcome, outcome.step.package);
  made.phase = failure.phase;
  made.script = failure.script;
  made.exit_code = failure.exit_code;
  made.signal = failure.signal;
  made.message = failure.message;
  made.output = failure.output;
  return made;
}

bool write_run(Store& store, const std::vector<StepOutcome>& outcomes,
               const std::vector<Failure>& failures, const std::vector<Keep>& keeps) {
  Plan plan;
  for (const StepOutcome& one : outcomes) {
    plan.steps.push_back(one.step);
  }
  PlanFlags flags;
  flags.native_arch = "amd64";
  const auto id = store.begin_plan({42, 7, "apt-get -y dist-upgrade", "boot"}, flags, plan, kBegun);
  if (!id.ok()) {
    return false;
  }
  for (const Failure& one : failures) {
    if (!store.add_failure(*id, one).ok()) {
      return false;
    }
  }
  return store.end_plan(*id, outcomes, keeps, {}, "", kBegun + 60).ok();
}

// foo failed, dep waits for it, zsec is a security update that failed, ind went through.
bool write_kept(Store& store) {
  const Failure foo_failed = failure("foo:amd64", 0);
  Failure sec_failed = failure("zsec:i386", 2);
  sec_failed.phase = Phase::Configure;
  sec_failed.script = "postinst";
  sec_failed.exit_code = -1;
  sec_failed.signal = 9;
  const StepOutcome foo = outcome("foo:amd64", StepState::FailedOld, "ii");
  StepOutcome dep = outcome("dep:amd64", StepState::Kept, "ii");
  dep.cause = {"dep kept: needs foo (= 2.0)", "foo failed"};
  StepOutcome sec = outcome("zsec:i386", StepState::FailedNew, "iF");
  sec.step.security = true;
  StepOutcome fresh = outcome("fresh:amd64", StepState::Done, "ii");
  fresh.step.action = Action::Install;
  fresh.step.old_version.clear();
  return write_run(store, {foo, dep, sec, outcome("ind:amd64", StepState::Done, "ii"), fresh},
                   {foo_failed, sec_failed},
                   {failed_keep(foo, foo_failed), keep(dep, "foo:amd64"),
                    failed_keep(sec, sec_failed)}) &&
         store.set_blocked({{"bar:amd64", "3.0", "would remove foo: Breaks foo (<< 2)"}}).ok();
}

// A purge that failed in the postrm.
bool write_purge(Store& store) {
  StepOutcome gone = outcome("gone:amd64", StepState::FailedNew, "ic");
  gone.step.action = Action::Purge;
  gone.step.new_version.clear();
  gone.step.archive.clear();
  Failure failed = failure("gone:amd64", 0);
  failed.phase = Phase::Purge;
  failed.script = "postrm";
  failed.version.clear();
  return write_run(store, {gone}, {failed}, {failed_keep(gone, failed)});
}

// A run that is at work, or was cut off.
bool write_unended(Store& store) {
  const StepOutcome foo = outcome("foo:amd64", StepState::FailedOld, "ii");
  Plan plan;
  plan.steps.push_back(foo.step);
  const auto id = store.begin_plan({42, 7, "apt-get -y dist-upgrade", "boot"}, {}, plan, kBegun);
  return id.ok() && store.add_failure(*id, failure("foo:amd64", 0)).ok();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: make_state FILE kept|well|purge|unended|empty\n", stderr);
    return 2;
  }
  auto store = Store::open(argv[1], Store::Mode::ReadWrite);
  if (!store.ok()) {
    std::fprintf(stderr, "%s\n", store.error().message.c_str());
    return 1;
  }
  const std::string kind = argv[2];
  if (kind == "kept") {
    return write_kept(*store) ? 0 : 1;
  }
  if (kind == "purge") {
    return write_purge(*store) ? 0 : 1;
  }
  if (kind == "unended") {
    return write_unended(*store) ? 0 : 1;
  }
  if (kind == "well") {
    return write_run(*store, {outcome("ind:amd64", StepState::Done, "ii")}, {}, {}) ? 0 : 1;
  }
  return kind == "empty" ? 0 : 2;
}
