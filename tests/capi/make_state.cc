// Makes a record to read: make_state FILE KIND. The C interface cannot write runs, on purpose.
#include <unistd.h>

#include <cstdio>
#include <string>

#include "adapters/proc.h"
#include "core/failure_class.h"
#include "engine/undo.h"
#include "state/store.h"

namespace {

using namespace aptkeep;

constexpr std::int64_t kBegun = 1'700'000'000;

StepOutcome outcome(const std::string& package, StepState state, const std::string& db_state) {
  StepOutcome made;
  made.step = {package, Action::Upgrade, "1.0", "2.0", "/" + package + ".deb", false, 2, {}};
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
  made.failure_class = failure.failure_class;
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
  for (std::uint32_t i = 0; i < outcomes.size(); ++i) {
    if (outcomes[i].rolled_back && !store.set_rolled_back(*id, i, outcomes[i].remains).ok()) {
      return false;
    }
    if (!store.note_backups(*id, i, outcomes[i].backups).ok()) {
      return false;
    }
  }
  return store.end_plan(*id, outcomes, keeps, {}, "", kBegun + 60).ok();
}

// foo failed, dep waits for it, zsec is a security update that failed, ind went through.
bool write_kept(Store& store) {
  Failure foo_failed = failure("foo:amd64", 0);
  foo_failed.failure_class = FailureClass::Refusal;
  Failure sec_failed = failure("zsec:i386", 2);
  sec_failed.phase = Phase::Configure;
  sec_failed.script = "postinst";
  sec_failed.exit_code = -1;
  sec_failed.signal = 9;
  sec_failed.failure_class = FailureClass::Crash;
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

// foo was put back with dep and new, not quite; db may not go back, so that user waits; no's way
// back failed.
bool write_back(Store& store) {
  const auto configuring = [](const std::string& package, std::int32_t step) {
    Failure made = failure(package, step);
    made.phase = Phase::Configure;
    made.script = "postinst";
    return made;
  };
  StepOutcome foo = outcome("foo:amd64", StepState::FailedOld, "ii");
  foo.rolled_back = true;
  foo.remains = {"/etc/foo: mode 0600, was 0640", "/var/foo: owner 0:0, was 0:8"};
  StepOutcome dep = outcome("dep:amd64", StepState::Kept, "ii");
  dep.cause = {"dep kept: needs foo (= 2.0)", "foo failed"};
  dep.rolled_back = true;
  StepOutcome fresh = outcome("fresh:amd64", StepState::FailedOld, "");
  fresh.step.action = Action::Install;
  fresh.step.old_version.clear();
  fresh.rolled_back = true;
  StepOutcome db = outcome("db:amd64", StepState::FailedNew, "uF");
  db.step.never_back = "its data were converted";
  db.step.repair = "restore the dump";
  db.backups = {"/var/lib/aptkeep/backups/1/db/1-pg_dump", "/var/lib/aptkeep/backups/1/db/states"};
  db.step.passed = "forced past: guard queue-empty /q is unmet";
  db.step.afterwards = "db is not done with what comes after: /bin/x: exit status 1";
  db.cause = {"db failed", "db not put back, because its data were converted"};
  StepOutcome user = outcome("user:amd64", StepState::Stranded, "uU");
  user.cause = {"user not configured: needs db", "db failed"};
  StepOutcome no = outcome("no:amd64", StepState::FailedNew, "uF");
  no.cause = {"no failed", "no not put back, because putting it back failed"};
  Failure no_return = configuring("no:amd64", 5);
  no_return.version = "1.0";
  Failure healed = configuring("ind:amd64", 6);
  healed.healed = true;
  healed.failure_class = FailureClass::Transient;
  Failure fresh_failed = configuring("fresh:amd64", 2);
  fresh_failed.old_version.clear();
  const Failure foo_failed = configuring("foo:amd64", 0);
  const Failure db_failed = configuring("db:amd64", 3);
  const Failure no_failed = configuring("no:amd64", 5);
  return write_run(
      store, {foo, dep, fresh, db, user, no, outcome("ind:amd64", StepState::Done, "ii")},
      {foo_failed, fresh_failed, db_failed, no_failed, no_return, healed},
      {failed_keep(foo, foo_failed), keep(dep, "foo:amd64"), failed_keep(fresh, fresh_failed),
       failed_keep(db, db_failed), keep(user, "db:amd64"), failed_keep(no, no_failed)});
}

// What a person had put back.
bool write_request(Store& store) {
  Failure asked = failure("foo:amd64", 0);
  asked.phase = Phase::Configure;
  asked.script.clear();
  asked.exit_code = -1;
  asked.message = kPutBackOnRequest;
  asked.output.clear();
  StepOutcome foo = outcome("foo:amd64", StepState::FailedOld, "ii");
  foo.rolled_back = true;
  foo.cause = {"foo put back on request"};
  StepOutcome dep = outcome("dep:amd64", StepState::Kept, "ii");
  dep.cause = {"dep kept: needs foo (= 2.0)", "foo put back on request"};
  dep.rolled_back = true;
  return write_run(store, {foo, dep}, {asked}, {failed_keep(foo, asked), keep(dep, "foo:amd64")});
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

// A run that was cut off, or one of that process.
bool write_unended(Store& store, const Frontend& frontend) {
  const StepOutcome foo = outcome("foo:amd64", StepState::FailedOld, "ii");
  Plan plan;
  plan.steps.push_back(foo.step);
  const auto id = store.begin_plan(frontend, {}, plan, kBegun);
  return id.ok() && store.add_failure(*id, failure("foo:amd64", 0)).ok();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: make_state FILE kept|back|request|well|purge|unended|at-work|empty\n",
               stderr);
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
  if (kind == "back") {
    return write_back(*store) ? 0 : 1;
  }
  if (kind == "request") {
    return write_request(*store) ? 0 : 1;
  }
  if (kind == "purge") {
    return write_purge(*store) ? 0 : 1;
  }
  if (kind == "unended") {
    return write_unended(*store, {42, 7, "apt-get -y dist-upgrade", "boot"}) ? 0 : 1;
  }
  if (kind == "at-work") {
    const auto here = process_info(::getppid());
    return here && write_unended(*store, *here) ? 0 : 1;
  }
  if (kind == "well") {
    return write_run(*store, {outcome("ind:amd64", StepState::Done, "ii")}, {}, {}) ? 0 : 1;
  }
  return kind == "empty" ? 0 : 2;
}
