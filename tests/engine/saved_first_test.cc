// What is saved or prepared before a package is replaced: failures, force, Ctrl-C, a killed driver.
#include "core/failure_class.h"
#include "islands_fixture.h"

namespace aptkeep {
namespace {

using Lines = std::vector<std::string>;

TEST_F(IslandsTest, IsNotTouchedWithoutItsBackup) {
  const auto step = daemon("foo");
  plan_.steps[step].island->backup = {"save"};
  fails_ = {"save"};
  begin();
  unpack_all();
  EXPECT_EQ(world_.state("foo"), "ii 1.0");
  EXPECT_TRUE(is_active("foo.service"));
  EXPECT_EQ(said_.back(), "foo is not touched: its backup failed: save: exit status 1");
  ASSERT_EQ(open_.failures.size(), 1U);
  EXPECT_EQ(open_.failures[0].failure_class, FailureClass::Backup);
}

// No guard can be asked whether it would go well, and force does not go past it.
TEST_F(IslandsTest, WhatIsToBeDoneBeforeFailsAsThat) {
  const auto step = daemon("foo");
  plan_.steps[step].island->before = {"migrate"};
  plan_.steps[step].if_unmet = IfUnmet::Force;
  fails_ = {"migrate"};
  begin();
  unpack_all();
  EXPECT_EQ(world_.state("foo"), "ii 1.0");
  EXPECT_EQ(said_.back(),
            "foo is not touched: what is to be done before it failed: migrate: exit status 1");
  ASSERT_EQ(open_.failures.size(), 1U);
  EXPECT_EQ(open_.failures[0].failure_class, FailureClass::Preparation);
}

// As any guard that is not met.
TEST_F(IslandsTest, GoesOnWithoutItsBackupWhereARuleOnlyWarns) {
  const auto step = daemon("foo");
  plan_.steps[step].island->backup = {"save"};
  plan_.steps[step].if_unmet = IfUnmet::Warn;
  fails_ = {"save"};
  begin();
  EXPECT_EQ(unpack_all().exit_code, 0);
  EXPECT_EQ(configure_pending().exit_code, 0);
  EXPECT_EQ(world_.state("foo"), "ii 2.0");
  EXPECT_TRUE(is_active("foo.service"));
  EXPECT_EQ(std::ranges::count(said_, "foo goes on: its backup failed: save: exit status 1"), 1);
}

TEST_F(IslandsTest, ForceGoesPastAFailedBackupAndIsRecorded) {
  const auto step = daemon("foo");
  plan_.steps[step].island->backup = {"save"};
  plan_.steps[step].if_unmet = IfUnmet::Force;
  plan_.steps[step].passed = "forced past: a guard";
  fails_ = {"save"};
  begin();
  EXPECT_EQ(unpack_all().exit_code, 0);
  EXPECT_EQ(configure_pending().exit_code, 0);
  EXPECT_EQ(world_.state("foo"), "ii 2.0");
  const std::string line = "forced past: its backup failed: save: exit status 1";
  EXPECT_EQ(std::ranges::count(said_, "foo goes on: " + line), 1);
  const auto again = store_->plan(open_.id);
  ASSERT_TRUE(again && *again);
  EXPECT_EQ((*again)->plan.steps[step].passed, "forced past: a guard; " + line);
}

TEST_F(IslandsTest, StopsTheRunWithoutItsBackupWhereARuleSaysSo) {
  const auto first = daemon("foo");
  plan_.steps[first].island->backup = {"save"};
  plan_.steps[first].if_unmet = IfUnmet::Stop;
  daemon("later");
  fails_ = {"save"};
  begin();
  EXPECT_EQ(unpack_all().exit_code, 1);
  EXPECT_EQ(world_.state("foo"), "ii 1.0");
  EXPECT_EQ(world_.state("later"), "ii 1.0");
  EXPECT_TRUE(is_active("foo.service"));
  EXPECT_EQ(std::ranges::count(said_, "stopping at foo: its backup failed: save: exit status 1"),
            1);
}

// What is prepared for a new version that does not come may not fit the old one.
TEST_F(IslandsTest, AGuardComesBeforeWhatIsDoneBefore) {
  const auto step = daemon("foo");
  plan_.steps[step].guards = {"queue-empty /var/spool/foo"};
  plan_.steps[step].island->before = {"migrate"};
  unmet_ = {"queue-empty /var/spool/foo"};
  begin();
  world_.calls.clear();
  unpack_all();
  EXPECT_EQ(log(), (Lines{"stop foo.service", "start foo.service"}));
}

TEST_F(IslandsTest, OneOfAGroupThatIsKeptTakesNothingTwice) {
  const auto first = daemon("foo");
  const auto second = daemon("bar");
  plan_.steps[first].island->backup = {"save foo"};
  plan_.steps[first].island->before = {"before foo"};
  plan_.steps[second].island->before = {"before bar"};
  plan_.steps[second].island->together = {"foo.service"};
  fails_ = {"before bar"};
  begin();
  world_.calls.clear();
  unpack_all();
  const auto lines = log();
  EXPECT_EQ(std::ranges::count(lines, "command save foo"), 1);
  EXPECT_EQ(std::ranges::count(lines, "command before foo"), 1);
  EXPECT_EQ(world_.state("foo"), "ii 2.0");
  EXPECT_EQ(world_.state("bar"), "ii 1.0");
  EXPECT_TRUE(is_active("foo.service"));
  EXPECT_TRUE(is_active("bar.service"));
  EXPECT_TRUE(holds_.held.empty());
}

// dpkg alone would replace it unsaved.
TEST_F(IslandsTest, WhatIsSavedFirstIsNotLeftToDpkgAlone) {
  const auto step = daemon("foo");
  const auto user = upgrade({.package = "user", .version = "2.0"});
  upgrade({.package = "other", .version = "2.0"});
  needs(user, Side::New, step, Side::New);
  plan_.steps[step].island->backup = {"save"};
  begin();
  unpack_all();
  ASSERT_GE(progress_.in_calls.size(), 4U);
  EXPECT_EQ(progress_.in_calls[0], (Lines{"/archives/other.deb"}));
  EXPECT_EQ(progress_.left_out[0], 2U);
  EXPECT_EQ(progress_.afters[0], Lines{});
  // With what needs it, in one call.
  const Lines both{"/archives/foo.deb", "/archives/user.deb"};
  const auto begun = std::ranges::find(progress_.in_calls, both);
  ASSERT_NE(begun, progress_.in_calls.end());
  const auto at = static_cast<std::size_t>(begun - progress_.in_calls.begin());
  EXPECT_EQ(progress_.left_out[at - 1], 2U);
  EXPECT_EQ(progress_.left_out[at], 0U);
  EXPECT_EQ(progress_.afters[at], Lines{});
}

TEST_F(IslandsTest, CtrlCAmidABackupStopsTheRunAndBlamesNobody) {
  const auto step = daemon("foo");
  upgrade({.package = "other", .version = "2.0"});
  daemon("later");
  plan_.steps[step].island->backup = {"save"};
  interrupts_ = {"save"};
  begin();
  EXPECT_EQ(unpack_all().exit_code, 1);
  EXPECT_EQ(world_.state("foo"), "ii 1.0");
  EXPECT_EQ(world_.state("later"), "ii 1.0");
  EXPECT_EQ(world_.state("other"), "ii 2.0");
  EXPECT_EQ(open_.states[step], StepState::NotReached);
  EXPECT_TRUE(open_.failures.empty());
  EXPECT_TRUE(is_active("foo.service"));
  EXPECT_TRUE(holds_.held.empty());
}

TEST_F(IslandsTest, CtrlCAmidWhatIsDoneBeforeDoesToo) {
  const auto step = daemon("foo");
  plan_.steps[step].island->before = {"before"};
  interrupts_ = {"before"};
  begin();
  EXPECT_EQ(unpack_all().exit_code, 1);
  EXPECT_EQ(world_.state("foo"), "ii 1.0");
  EXPECT_TRUE(open_.failures.empty());
  EXPECT_TRUE(is_active("foo.service"));
}

}  // namespace
}  // namespace aptkeep
