// Whole runs of the driver's engine: what is told to apt, to the launcher and to the record.
#include "core/failure_class.h"
#include "run_fixture.h"

namespace aptkeep {
namespace {

TEST_F(RunTest, QuietPlansEndWithZero) {
  upgrade({.package = "a", .version = "2.0", .preinst_fails = true});
  PlanFlags flags;
  flags.quiet_exit = true;
  begin(flags);
  EXPECT_EQ(unpack_all().exit_code, 0);
  EXPECT_EQ(configure_pending().exit_code, 0);
}

// apt fails once of what waits for a package that an earlier run has left, not each night.
TEST_F(RunTest, WhatWaitsForAPackageThatWasLeftIsToldToAptOnce) {
  const auto dep = upgrade({.package = "dep", .version = "2.0"});
  const auto more = upgrade({.package = "more", .version = "2.0"});
  needs(more, Side::New, dep, Side::New);
  const auto run = [&] {
    begin();
    Failure waits;
    waits.package = "dep:amd64";
    waits.step = static_cast<std::int32_t>(dep);
    waits.version = "2.0";
    waits.old_version = "1.0";
    waits.failure_class = FailureClass::Waiting;
    EXPECT_TRUE(store_->add_failure(open_.id, waits));
    EXPECT_TRUE(store_->set_states(open_.id, {{dep, StepState::FailedOld}}));
    open_.failures = {waits};
    open_.states[dep] = StepState::FailedOld;
    EXPECT_EQ(unpack_all().exit_code, 0);
    const int code = configure_pending().exit_code;
    auto ports = finish_ports(memory_);
    EXPECT_TRUE(finish_plan(open_.frontend, ports, (folder_ / "pins").string(), 2000));
    ++pid_;
    return code;
  };
  EXPECT_EQ(run(), 1);
  EXPECT_EQ(run(), 0);
  EXPECT_EQ(world_.state("more"), "ii 1.0");
  plan_.steps[more].new_version = "2.1";  // nobody was told of it
  EXPECT_EQ(run(), 1);
  upgrade({.package = "wanted", .version = "2.0"}, true);
  EXPECT_EQ(run(), 0) << "one that goes well";
  const auto fresh = upgrade({.package = "fresh", .version = "2.0"}, true);
  needs(fresh, Side::New, dep, Side::New);
  EXPECT_EQ(run(), 1);
  EXPECT_EQ(run(), 1) << "somebody wants it";
  needs(more, Side::New, fresh, Side::New);
  EXPECT_EQ(run(), 0) << "what was told wants it";
}

TEST_F(RunTest, WhatIsLeftIsToldBeforeEachCall) {
  upgrade({.package = "a", .version = "2.0", .preinst_fails = true});
  upgrade({.package = "b", .version = "2.0"});
  upgrade({.package = "c", .version = "2.0"});
  begin();
  unpack_all();
  ASSERT_EQ(progress_.in_calls.size(), 2u);
  EXPECT_EQ(progress_.in_calls[0].size(), 3u);
  EXPECT_EQ(progress_.in_calls[1],
            (std::vector<std::string>{"/archives/b.deb", "/archives/c.deb"}));
}

TEST_F(RunTest, ConfigureByNameAfterAFailureLeavesOutWhatIsDone) {
  const auto foo = upgrade({.package = "foo", .version = "2.0", .preinst_fails = true});
  const auto dep = upgrade({.package = "dep", .version = "2.0"});
  upgrade({.package = "ess", .version = "2.0"});
  needs(dep, Side::New, foo, Side::New);
  begin();
  unpack_all();
  EXPECT_EQ(call(DpkgCall::Verb::Configure, {"ess:amd64", "foo:amd64", "dep:amd64"}, false, true)
                .exit_code,
            0);
  EXPECT_EQ(world_.state("ess"), "ii 2.0");
  EXPECT_EQ(world_.state("dep"), "ii 1.0");
}

TEST_F(RunTest, AFailureThatCannotBeWrittenDownIsToldAtOnce) {
  upgrade({.package = "a", .version = "2.0", .preinst_fails = true});
  upgrade({.package = "b", .version = "2.0"});
  begin();
  open_.id = 999;  // a plan that the store does not have, so that every write fails
  EXPECT_EQ(unpack_all().exit_code, 1);
  EXPECT_EQ(said_.size(), 2u) << "one line for the record, one for the package";
}

TEST_F(RunTest, WhereNoFurtherCallWillKnowTheRestIsDoneBeforeTheFailureIsTold) {
  upgrade({.package = "a", .version = "2.0", .preinst_fails = true});
  upgrade({.package = "b", .version = "2.0"});
  begin();
  record_holds_ = false;
  EXPECT_EQ(unpack_all().exit_code, 1);
  EXPECT_EQ(world_.state("a"), "ii 1.0");
  EXPECT_EQ(world_.state("b"), "ii 2.0");
}

TEST_F(RunTest, WithoutAFailureNothingIsDoneAheadOfItsCall) {
  upgrade({.package = "a", .version = "2.0"});
  begin();
  record_holds_ = false;
  EXPECT_EQ(unpack_all().exit_code, 0);
  EXPECT_EQ(world_.state("a"), "iU 2.0");
}

TEST_F(RunTest, OnlyTheLastCallOwesTheFailure) {
  upgrade({.package = "a", .version = "2.0", .preinst_fails = true});
  upgrade({.package = "b", .version = "2.0"});
  begin();
  unpack_all();
  EXPECT_FALSE(progress_.owed);
  configure_pending();
  EXPECT_TRUE(progress_.owed);
}

TEST_F(RunTest, ARecordThatCannotBeWrittenHarmsNoRunWithoutFailures) {
  upgrade({.package = "a", .version = "2.0"});
  begin();
  open_.id = 999;
  EXPECT_EQ(unpack_all().exit_code, 0);
  EXPECT_EQ(configure_pending().exit_code, 0);
  EXPECT_EQ(world_.state("a"), "ii 2.0");
}

TEST_F(RunTest, TheRecordSurvivesTheProcess) {
  upgrade({.package = "foo", .version = "2.0", .preinst_fails = true});
  begin();
  unpack_all();
  Frontend frontend;
  frontend.pid = 4711;
  frontend.start_time = 1;
  const auto again = store_->open_plan(frontend);
  ASSERT_TRUE(again);
  ASSERT_TRUE(*again);
  EXPECT_EQ((*again)->states[0], StepState::FailedOld);
  ASSERT_EQ((*again)->failures.size(), 1u);
  EXPECT_EQ((*again)->failures[0].message,
            "new foo package pre-installation script subprocess returned error exit status 3");
}

}  // namespace
}  // namespace aptkeep
