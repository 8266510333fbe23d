// Whole runs in which something has to be put back.
#include "rollback_fixture.h"

namespace aptkeep {
namespace {

TEST_F(RollbackTest, AFailedPostinstGoesBackWithWhatNeedsIt) {
  Archive foo{"foo", "2.0"};
  foo.postinst_fails = true;
  chain(foo);
  begin();
  EXPECT_EQ(unpack_all().exit_code, 0);
  EXPECT_EQ(configure_pending().exit_code, 1);
  expect_chain_kept();
  EXPECT_EQ(open_.states[foo_], StepState::FailedOld);
  EXPECT_EQ(open_.states[depv_], StepState::Kept);
  EXPECT_TRUE(open_.rolled_back[foo_]);
  EXPECT_TRUE(open_.rolled_back[depv_]);
  EXPECT_FALSE(open_.rolled_back[dep_]);
  EXPECT_EQ(logged("settle foo:amd64"), 1);
  EXPECT_EQ(logged("complete foo:amd64"), 1);
  EXPECT_EQ(logged("complete depv:amd64"), 1);
}

TEST_F(RollbackTest, TheOldOnesAreUnpackedInOneCall) {
  Archive foo{"foo", "2.0"};
  foo.postinst_fails = true;
  chain(foo);
  begin();
  unpack_all();
  configure_pending();
  EXPECT_EQ(count_calls("--unpack"), 2);
  EXPECT_EQ(count_calls("/snapshots/foo:amd64"), 1);
  EXPECT_EQ(count_calls("/snapshots/depv:amd64"), 1);
}

// dpkg left a file of depv's to foo 2.0, which went after it.
TEST_F(RollbackTest, WhatLacksFilesIsUnpackedOnceMore) {
  Archive foo{"foo", "2.0"};
  foo.postinst_fails = true;
  chain(foo);
  begin();
  unpack_all();
  memory_.lacking = {"depv:amd64"};
  configure_pending();
  expect_chain_kept();
  EXPECT_EQ(count_calls("/snapshots/foo:amd64"), 1);
  EXPECT_EQ(count_calls("/snapshots/depv:amd64"), 2);
  EXPECT_EQ(logged("settle depv:amd64"), 2);
  EXPECT_EQ(logged("lacks depv:amd64"), 1);
}

TEST_F(RollbackTest, WithoutAFailureNothingButTheSnapshotsIsDone) {
  chain({"foo", "2.0"});
  begin();
  EXPECT_EQ(unpack_all().exit_code, 0);
  EXPECT_EQ(configure_pending().exit_code, 0);
  EXPECT_EQ(world_.calls.size(), 2U);
  EXPECT_EQ(memory_.log.size(), 4U);  // each taken once
}

TEST_F(RollbackTest, SnapshotsOfAllAreTakenBeforeTheFirstCall) {
  // What conflicts gets a call of its own, as what is Pre-Depended on gets from apt.
  foo_ = upgrade({"foo", "2.0"});
  other_ = upgrade({"other", "2.0"});
  const auto gone = removal("gone");
  const auto never = upgrade({"never", "2.0"});
  plan_.steps[never].never_back = "its data would be lost";
  begin();
  call(DpkgCall::Verb::Unpack, {plan_.steps[foo_].archive}, false, true);
  EXPECT_EQ(logged("take foo:amd64"), 1);
  EXPECT_EQ(logged("take other:amd64"), 1);
  EXPECT_EQ(logged("take " + plan_.steps[gone].package), 1);
  EXPECT_EQ(logged("take never:amd64"), 0);
  EXPECT_EQ(logged("renew foo:amd64"), 0);
  call(DpkgCall::Verb::Unpack, {plan_.steps[other_].archive}, false, true);
  EXPECT_EQ(logged("take other:amd64"), 1);
  EXPECT_EQ(logged("renew other:amd64"), 1);
  EXPECT_EQ(logged("renew " + plan_.steps[gone].package), 0);
}

TEST_F(RollbackTest, WhatCannotBeTakenIsSaidWhenItsTurnComes) {
  foo_ = upgrade({"foo", "2.0"});
  other_ = upgrade({"other", "2.0"});
  memory_.refuse["other:amd64"] = "no room";
  begin();
  call(DpkgCall::Verb::Unpack, {plan_.steps[foo_].archive}, false, true);
  EXPECT_FALSE(said("unable to go back"));
  call(DpkgCall::Verb::Unpack, {plan_.steps[other_].archive}, false, true);
  EXPECT_TRUE(said("unable to go back from the new other if it fails: no room"));
}

TEST_F(RollbackTest, WhatDpkgLeftHalfInstalledGoesBackToo) {
  Archive foo{"foo", "2.0"};
  foo.preinst_fails = true;
  foo.abort_upgrade_fails = true;
  chain(foo);
  begin();
  EXPECT_EQ(unpack_all().exit_code, 0);
  EXPECT_EQ(configure_pending().exit_code, 1);
  expect_chain_kept();
  EXPECT_EQ(logged("strays foo:amd64 " + plan_.steps[foo_].archive), 1);
  EXPECT_EQ(logged("strays depv:amd64 " + plan_.steps[depv_].archive), 0);
}

TEST_F(RollbackTest, WhatWasUnpackedBeforeTheFailureGoesBackToo) {
  // No clause between them makes depv wait, as in a cycle.
  depv_ = upgrade({"depv", "2.0", {"foo"}});
  Archive foo{"foo", "2.0"};
  foo.preinst_fails = true;
  foo_ = upgrade(foo);
  needs(depv_, Side::New, foo_, Side::New);
  needs(foo_, Side::New, depv_, Side::New);
  world_.depends["foo"] = {};
  begin();
  EXPECT_EQ(unpack_all().exit_code, 0);
  EXPECT_EQ(configure_pending().exit_code, 1);
  EXPECT_EQ(world_.state("foo"), "ii 1.0");
  EXPECT_EQ(world_.state("depv"), "ii 1.0");
}

TEST_F(RollbackTest, WhatMayNotGoBackStaysAloneWithWhatNeedsIt) {
  Archive foo{"foo", "2.0"};
  foo.postinst_fails = true;
  chain(foo);
  plan_.steps[foo_].never_back = "its data would be lost";
  begin();
  unpack_all();
  EXPECT_EQ(configure_pending().exit_code, 1);
  EXPECT_EQ(world_.state("foo"), "iF 2.0");
  EXPECT_EQ(world_.state("depv"), "iU 2.0");
  EXPECT_EQ(world_.state("dep"), "iU 2.0");
  EXPECT_EQ(world_.state("other"), "ii 2.0");
  EXPECT_EQ(logged("take foo:amd64"), 0);
  EXPECT_EQ(count_calls("/snapshots/depv:amd64"), 0);
}

TEST_F(RollbackTest, NothingGoesBackWhenWhatMustGoWithItMayNot) {
  Archive foo{"foo", "2.0"};
  foo.postinst_fails = true;
  chain(foo);
  plan_.steps[depv_].never_back = "its data would be lost";
  begin();
  unpack_all();
  configure_pending();
  EXPECT_EQ(world_.state("foo"), "iF 2.0");
  EXPECT_EQ(world_.state("depv"), "iU 2.0");
  EXPECT_EQ(world_.state("other"), "ii 2.0");
}

TEST_F(RollbackTest, OneThatMayNotGoBackDoesNotKeepAnotherFromIt) {
  Archive foo{"foo", "2.0"};
  foo.postinst_fails = true;
  chain(foo);
  Archive database{"database", "2.0"};
  database.postinst_fails = true;
  const auto step = upgrade(database);
  plan_.steps[step].never_back = "its data would be lost";
  begin();
  unpack_all();
  configure_pending();
  expect_chain_kept();
  EXPECT_EQ(world_.state("database"), "iF 2.0");
}

TEST_F(RollbackTest, AFailedWayBackLeavesThePackageAndHarmsNoOther) {
  Archive foo{"foo", "2.0"};
  foo.postinst_fails = true;
  chain(foo);
  memory_.old_postinst_fails.insert("foo:amd64");
  begin();
  unpack_all();
  EXPECT_EQ(configure_pending().exit_code, 1);
  EXPECT_EQ(world_.state("foo"), "iF 1.0");
  EXPECT_EQ(world_.state("other"), "ii 2.0");
  EXPECT_TRUE(said("unable to put foo back"));
  // What waits for it is not on its way any more, or the run's end would take the driver for dead.
  EXPECT_EQ(world_.state("depv"), "iU 1.0");
  EXPECT_EQ(open_.states[depv_], StepState::Stranded);
}

// foo is back when depv, whose new version needs the new foo, cannot follow.
TEST_F(RollbackTest, WhatCannotGoBackHasWhatItNeeds) {
  Archive foo{"foo", "2.0"};
  foo.postinst_fails = true;
  chain(foo);
  memory_.old_preinst_fails.insert("depv:amd64");
  begin();
  unpack_all();
  EXPECT_EQ(configure_pending().exit_code, 1);
  EXPECT_EQ(world_.state("foo"), "iU 2.0");
  EXPECT_EQ(world_.state("depv"), "iU 2.0");
  EXPECT_EQ(world_.state("other"), "ii 2.0");
  EXPECT_TRUE(said("unpacking the new foo again, because of what cannot go back"));
  EXPECT_EQ(open_.states[foo_], StepState::FailedNew);
  EXPECT_EQ(open_.states[depv_], StepState::FailedNew);
}

// apt configures some before it unpacks the rest: what is back may wait for one of these.
TEST_F(RollbackTest, WhatIsBackAndWaitsIsConfiguredByALaterCall) {
  Archive foo{"foo", "2.0"};
  foo.preinst_fails = foo.abort_upgrade_fails = true;
  upgrade(foo);
  upgrade({.package = "needed", .version = "2.0"});
  upgrade({.package = "first", .version = "2.0"});
  world_.depends["foo"] = {"needed"};
  begin();
  unpack_all();
  ASSERT_EQ(world_.state("foo"), "iU 1.0");
  call(DpkgCall::Verb::Configure, {"first"}, false, false);
  ASSERT_EQ(world_.state("foo"), "iU 1.0");
  EXPECT_EQ(configure_pending().exit_code, 1);
  EXPECT_EQ(world_.state("foo"), "ii 1.0");
  EXPECT_EQ(world_.state("needed"), "ii 2.0");
}

TEST_F(RollbackTest, AnArchiveThatCannotBeMadeHarmsNoOther) {
  Archive foo{"foo", "2.0"};
  foo.postinst_fails = true;
  chain(foo);
  Archive bar{"bar", "2.0"};
  bar.postinst_fails = true;
  upgrade(bar);
  memory_.archive_fails.insert("foo:amd64");
  begin();
  unpack_all();
  configure_pending();
  EXPECT_EQ(world_.state("foo"), "iF 2.0");
  EXPECT_EQ(world_.state("bar"), "ii 1.0");
  EXPECT_EQ(world_.state("other"), "ii 2.0");
}

TEST_F(RollbackTest, WithoutASnapshotItStaysAsItIs) {
  Archive foo{"foo", "2.0"};
  foo.postinst_fails = true;
  chain(foo);
  memory_.refuse["foo:amd64"] = "no space left";
  begin();
  unpack_all();
  configure_pending();
  EXPECT_TRUE(said("unable to go back from the new foo if it fails: no space left"));
  EXPECT_EQ(world_.state("foo"), "iF 2.0");
  EXPECT_EQ(world_.state("other"), "ii 2.0");
}

TEST_F(RollbackTest, WhatWasRemovedForTheFailedOneComesBack) {
  Archive foo{"foo", "2.0"};
  foo.postinst_fails = true;
  const auto step = upgrade(foo);
  const auto gone = removal("helper");
  needs(step, Side::Old, gone, Side::Old);
  begin();
  EXPECT_EQ(call(DpkgCall::Verb::Remove, {"helper:amd64"}, false, true).exit_code, 0);
  EXPECT_EQ(world_.state("helper"), "");
  unpack_all();
  EXPECT_EQ(configure_pending().exit_code, 1);
  EXPECT_EQ(world_.state("foo"), "ii 1.0");
  EXPECT_EQ(world_.state("helper"), "ii 1.0");
  EXPECT_TRUE(open_.rolled_back[gone]);
}

TEST_F(RollbackTest, WhatCouldNotBeRestoredIsSaidAndRecorded) {
  Archive foo{"foo", "2.0"};
  foo.postinst_fails = true;
  chain(foo);
  memory_.remains["foo:amd64"] = {"/etc/x: mode 0600, was 0640"};
  begin();
  unpack_all();
  configure_pending();
  EXPECT_TRUE(said("/etc/x: mode 0600, was 0640"));
  EXPECT_EQ(open_.remains[foo_], memory_.remains["foo:amd64"]);
}

TEST_F(RollbackTest, SwitchedOffNothingIsSavedOrPutBack) {
  Archive foo{"foo", "2.0"};
  foo.postinst_fails = true;
  chain(foo);
  PlanFlags flags;
  flags.rollback = false;
  begin(flags);
  unpack_all();
  configure_pending();
  EXPECT_EQ(world_.state("foo"), "iF 2.0");
  EXPECT_TRUE(memory_.log.empty());
}

TEST_F(RollbackTest, AReinstallationThatFailsBothWaysEnds) {
  Archive foo{"foo", "1.0"};
  foo.postinst_fails = true;
  foo_ = upgrade(foo);
  plan_.steps[foo_].action = Action::Reinstall;
  other_ = upgrade({"other", "2.0"});
  memory_.old_postinst_fails.insert("foo:amd64");
  begin();
  unpack_all();
  EXPECT_EQ(configure_pending().exit_code, 1);
  EXPECT_EQ(world_.state("foo"), "iF 1.0");
  EXPECT_EQ(world_.state("other"), "ii 2.0");
  EXPECT_EQ(count_calls("/snapshots/foo:amd64"), 1);
  EXPECT_LT(world_.calls.size(), 10U);
}

TEST_F(RollbackTest, AFailureThatMayPassIsTriedAgainAfterTheRest) {
  Archive foo{"foo", "2.0"};
  foo.postinst_fails_times = 1;
  foo.says = "post-installation script subprocess returned error exit status 75";
  chain(foo);
  begin();
  unpack_all();
  EXPECT_EQ(configure_pending().exit_code, 0);
  EXPECT_EQ(world_.state("foo"), "ii 2.0");
  EXPECT_EQ(world_.state("depv"), "ii 2.0");
  ASSERT_EQ(open_.failures.size(), 1U);
  EXPECT_TRUE(open_.failures[0].healed);
  const auto of = [&](const std::string& script) {
    return std::find(world_.scripts.begin(), world_.scripts.end(), script);
  };
  EXPECT_LT(of("postinst other 2.0"),
            std::find(of("postinst foo 2.0") + 1, world_.scripts.end(), "postinst foo 2.0"));
}

// Where something has failed before, packages are configured by name, and triggers come last.
TEST_F(RollbackTest, WhatFailsInItsTriggerAtTheEndGoesBackToo) {
  Archive foo{"foo", "2.0"};
  foo.postinst_fails = true;
  upgrade(foo);
  for (const char* name : {"bar", "baz"}) {
    Archive late{name, "2.0"};
    late.trigger_fails = true;
    upgrade(late);
  }
  upgrade({"other", "2.0"});
  begin();
  unpack_all();
  configure_pending();
  for (const char* name : {"foo", "bar", "baz"}) EXPECT_EQ(world_.state(name), "ii 1.0") << name;
  EXPECT_EQ(world_.state("other"), "ii 2.0");
}

TEST_F(RollbackTest, WhatWasUnpackedBeforeDpkgWasKilledIsSettled) {
  Archive foo{"foo", "2.0"};
  foo.postinst_fails = true;
  chain(foo);
  begin();
  unpack_all();
  world_.killed_at = "depv";
  configure_pending();
  EXPECT_EQ(world_.state("foo"), "ii 1.0");
  const auto settled = std::find(memory_.log.begin(), memory_.log.end(), "settle foo:amd64");
  const auto completed = std::find(memory_.log.begin(), memory_.log.end(), "complete foo:amd64");
  EXPECT_LT(settled, completed);
  EXPECT_NE(completed, memory_.log.end());
  expect_chain_kept();
}

TEST_F(RollbackTest, ACrashIsTriedOnceMoreAndThenGoesBack) {
  Archive foo{"foo", "2.0"};
  foo.postinst_fails = true;
  foo.says =
      "post-installation script subprocess was killed by signal (Segmentation fault), core "
      "dumped";
  chain(foo);
  begin();
  unpack_all();
  EXPECT_EQ(configure_pending().exit_code, 1);
  expect_chain_kept();
  EXPECT_EQ(std::count(world_.scripts.begin(), world_.scripts.end(), "postinst foo 2.0"), 2);
}

TEST_F(RollbackTest, AMissingUnitIsTriedAgainAfterTheUnitsWereReadAnew) {
  Archive foo{"foo", "2.0"};
  foo.postinst_fails_times = 1;
  foo.prints = "Failed to start foo.service: Unit foo.service not found.";
  chain(foo);
  begin();
  unpack_all();
  EXPECT_EQ(configure_pending().exit_code, 0);
  EXPECT_EQ(reloads_, 1);
  EXPECT_EQ(world_.state("foo"), "ii 2.0");
}

}  // namespace
}  // namespace aptkeep
