// Whole runs of the driver's engine: which package ends where.
#include "run_fixture.h"

namespace aptkeep {
namespace {

TEST_F(RunTest, WithoutFailuresThereIsNoCallMoreThanApts) {
  for (const char* name : {"a", "b", "c"}) upgrade({.package = name, .version = "2.0"});
  begin();
  EXPECT_EQ(unpack_all().exit_code, 0);
  EXPECT_EQ(configure_pending().exit_code, 0);
  EXPECT_EQ(world_.calls.size(), 2u);
  EXPECT_EQ(world_.state("b"), "ii 2.0");
  EXPECT_TRUE(said_.empty());
  EXPECT_EQ(open_.states, std::vector<StepState>(3, StepState::Done));
}

TEST_F(RunTest, AFailingPreinstKeepsItsStrictDependentsAndNobodyElse) {
  const auto depv = upgrade({.package = "depv", .version = "2.0", .depends = {"foo"}});
  const auto foo = upgrade({.package = "foo", .version = "2.0", .preinst_fails = true});
  upgrade({.package = "other", .version = "2.0"});
  needs(depv, Side::New, foo, Side::New);
  needs(depv, Side::Old, foo, Side::Old);
  begin();
  EXPECT_EQ(unpack_all().exit_code, 0) << "only the run's last call may tell";
  EXPECT_EQ(configure_pending().exit_code, 1);
  EXPECT_EQ(world_.state("foo"), "ii 1.0");
  EXPECT_EQ(world_.state("depv"), "ii 1.0");
  EXPECT_EQ(world_.state("other"), "ii 2.0");
  EXPECT_EQ(open_.states[foo], StepState::FailedOld);
  EXPECT_EQ(open_.states[depv], StepState::Kept);
  ASSERT_EQ(open_.failures.size(), 1u);
  EXPECT_EQ(open_.failures[0].script, "preinst");
  EXPECT_EQ(open_.failures[0].exit_code, 3);
  EXPECT_EQ(open_.failures[0].output, "what the script printed");
  EXPECT_EQ(count_calls("--unpack"), 2) << "one call more for one failure";
  // Each script ran once.
  EXPECT_EQ(std::count(world_.scripts.begin(), world_.scripts.end(), "preinst foo 2.0"), 1);
}

TEST_F(RunTest, APostinstThatFailsIsTriedOnceAndItsDependentsAreNot) {
  const auto foo = upgrade({.package = "foo", .version = "2.0", .postinst_fails = true});
  const auto depv = upgrade({.package = "depv", .version = "2.0", .depends = {"foo"}});
  upgrade({.package = "zoo", .version = "2.0"});
  needs(depv, Side::New, foo, Side::New);
  begin();
  EXPECT_EQ(unpack_all().exit_code, 0);
  EXPECT_EQ(configure_pending().exit_code, 1);
  EXPECT_EQ(world_.state("foo"), "iF 2.0");
  EXPECT_EQ(world_.state("depv"), "iU 2.0");
  EXPECT_EQ(world_.state("zoo"), "ii 2.0");
  EXPECT_EQ(open_.states[depv], StepState::Stranded);
  EXPECT_EQ(std::count(world_.scripts.begin(), world_.scripts.end(), "postinst foo 2.0"), 1);
  EXPECT_EQ(open_.failures.size(), 1u) << "a follow-up is no failure of its own";
}

TEST_F(RunTest, AbortUpgradeThatFailsTooLeavesItBetweenAndTheRestGoesOn) {
  const auto foo = upgrade(
      {.package = "foo", .version = "2.0", .preinst_fails = true, .abort_upgrade_fails = true});
  upgrade({.package = "other", .version = "2.0"});
  begin();
  unpack_all();
  EXPECT_EQ(configure_pending().exit_code, 1);
  EXPECT_EQ(world_.state("foo"), "iHR 1.0");
  EXPECT_EQ(open_.states[foo], StepState::FailedNew);
  EXPECT_EQ(world_.state("other"), "ii 2.0");
}

TEST_F(RunTest, AFileInTheWayIsTriedAgainAfterItsOwnersNewVersion) {
  upgrade({.package = "taker", .version = "2.0", .overwrites = "giver"});
  upgrade({.package = "giver", .version = "2.0"});
  begin();
  EXPECT_EQ(unpack_all().exit_code, 0);
  EXPECT_EQ(configure_pending().exit_code, 0) << "healed within the run";
  EXPECT_EQ(world_.state("taker"), "ii 2.0");
  EXPECT_TRUE(open_.failures.empty());
}

TEST_F(RunTest, AFileInTheWayForGoodIsAFailure) {
  world_.install("owner", "1.0");
  upgrade({.package = "taker", .version = "2.0", .overwrites = "owner"});
  upgrade({.package = "other", .version = "2.0"});
  begin();
  unpack_all();
  EXPECT_EQ(configure_pending().exit_code, 1);
  EXPECT_EQ(world_.state("taker"), "ii 1.0");
  EXPECT_EQ(world_.state("other"), "ii 2.0");
  ASSERT_EQ(open_.failures.size(), 1u);
  EXPECT_EQ(open_.failures[0].script, "");
}

TEST_F(RunTest, AFailedNewInstallationIsGone) {
  upgrade({.package = "fresh", .version = "2.0", .preinst_fails = true}, true);
  upgrade({.package = "other", .version = "2.0"});
  begin();
  unpack_all();
  EXPECT_EQ(configure_pending().exit_code, 1);
  EXPECT_EQ(world_.state("fresh"), "");
  EXPECT_EQ(open_.states[0], StepState::FailedOld);
}

TEST_F(RunTest, AFailingRemovalKeepsWhatConflictsWithIt) {
  const auto gone = removal("gone");
  const auto taker = upgrade({.package = "taker", .version = "2.0"});
  removal("alsogone");
  needs(taker, Side::New, gone, Side::New, ClauseKind::Conflicts);
  world_.prerm_fails = {"gone"};
  begin();
  EXPECT_EQ(call(DpkgCall::Verb::Remove, {"gone", "alsogone"}, false, true).exit_code, 0);
  EXPECT_EQ(unpack_all().exit_code, 0);
  EXPECT_EQ(configure_pending().exit_code, 1);
  EXPECT_EQ(world_.state("gone"), "ri 1.0");
  EXPECT_EQ(world_.state("alsogone"), "");
  EXPECT_EQ(world_.state("taker"), "ii 1.0");
  EXPECT_EQ(open_.failures[0].exit_code, 7);
  EXPECT_EQ(open_.failures[0].phase, Phase::Remove);
}

TEST_F(RunTest, ARemovalThatTheKeptSetNeedsIsNotMade) {
  const auto foo = upgrade({.package = "foo", .version = "2.0", .preinst_fails = true});
  const auto lib = removal("lib");
  needs(foo, Side::Old, lib, Side::Old);
  begin();
  unpack_all();
  world_.db["lib:amd64"].state = "ri";  // apt has selected it
  call(DpkgCall::Verb::Remove, {}, true, true);
  EXPECT_EQ(configure_pending().exit_code, 1);
  EXPECT_EQ(world_.state("lib"), "ri 1.0");
}

TEST_F(RunTest, DpkgsOwnFailureStopsTheRun) {
  upgrade({.package = "a", .version = "2.0"});
  begin();
  world_.fail_call_with = 2;
  EXPECT_EQ(unpack_all().exit_code, 2);
  EXPECT_TRUE(open_.failures.empty());
}

TEST_F(RunTest, AnArchitectureAllPackageIsConfiguredByItsOwnName) {
  upgrade({.package = "foo", .version = "2.0", .postinst_fails = true});
  upgrade({.package = "docs", .version = "2.0", .depends = {"zoo"}, .arch = "all"});
  upgrade({.package = "zoo", .version = "2.0"});
  begin();
  unpack_all();
  EXPECT_EQ(configure_pending().exit_code, 1);
  EXPECT_EQ(world_.state("docs"), "ii 2.0");
  EXPECT_EQ(world_.state("zoo"), "ii 2.0");
  EXPECT_EQ(open_.failures.size(), 1u);
}

TEST_F(RunTest, CtrlCInAScriptStopsTheRunAndBlamesNobody) {
  upgrade({.package = "a", .version = "2.0", .preinst_interrupted = true});
  upgrade({.package = "b", .version = "2.0"});
  begin();
  EXPECT_EQ(unpack_all().exit_code, 1);
  EXPECT_TRUE(open_.failures.empty());
  EXPECT_EQ(world_.calls.size(), 1u);
  EXPECT_EQ(world_.state("b"), "ii 1.0");
}

TEST_F(RunTest, CtrlCInAPostinstLeavesTheOthersOfTheCallConfigured) {
  const auto slow = upgrade({.package = "a", .version = "2.0", .postinst_interrupted = true});
  const auto after = upgrade({.package = "after", .version = "2.0", .depends = {"a"}});
  upgrade({.package = "b", .version = "2.0"});
  needs(after, Side::New, slow, Side::New);
  begin();
  unpack_all();
  EXPECT_EQ(configure_pending().exit_code, 1);
  EXPECT_TRUE(open_.failures.empty());
  EXPECT_EQ(world_.state("a"), "iF 2.0");
  EXPECT_EQ(world_.state("after"), "iU 2.0");
  EXPECT_EQ(world_.state("b"), "ii 2.0");
}

TEST_F(RunTest, AFullDiskStopsTheRunInsteadOfBlamingEveryPackage) {
  upgrade({.package = "a", .version = "2.0", .preinst_fails = true});
  upgrade({.package = "b", .version = "2.0"});
  begin();
  disk_full_ = true;
  EXPECT_EQ(unpack_all().exit_code, 1);
  EXPECT_TRUE(open_.failures.empty());
  EXPECT_EQ(world_.calls.size(), 1u);
}

// dpkg has taken back what it wrote, so that there is room again, and no other package is tried.
// What was unpacked before is configured.
TEST_F(RunTest, APackageThatTheDiskHasNoRoomForStopsTheRun) {
  upgrade({.package = "early", .version = "2.0"});
  upgrade({.package = "big", .version = "2.0", .no_room = true});
  upgrade({.package = "late", .version = "2.0"});
  begin();
  no_room_again_ = true;
  EXPECT_EQ(unpack_all().exit_code, 1);
  EXPECT_TRUE(open_.failures.empty());
  EXPECT_EQ(said_.back(), "stopping at big: the disk is full");
  EXPECT_EQ(world_.state("early"), "ii 2.0");
  EXPECT_EQ(world_.state("big"), "ii 1.0");
  EXPECT_EQ(world_.state("late"), "ii 1.0");
}

// Only that package can do nothing without it.
// Each further script would only die halfway.
TEST_F(RunTest, WithoutMemoryNothingMoreIsBegunAndNobodyIsBlamed) {
  upgrade({.package = "early", .version = "2.0"});
  upgrade({.package = "big", .version = "2.0", .preinst_killed_times = 1});
  upgrade({.package = "late", .version = "2.0"});
  begin();
  world_.oom_kill = true;
  EXPECT_EQ(unpack_all().exit_code, 1);
  EXPECT_TRUE(open_.failures.empty());
  EXPECT_EQ(world_.calls.size(), 1u);
  EXPECT_EQ(world_.state("early"), "iU 2.0");
  EXPECT_EQ(world_.state("big"), "ii 1.0");
  EXPECT_EQ(world_.state("late"), "ii 1.0");
}

TEST_F(RunTest, WhereAnotherFileSystemIsFullTheOthersGoOn) {
  upgrade({.package = "big", .version = "2.0", .no_room = true});
  upgrade({.package = "late", .version = "2.0"});
  begin();
  EXPECT_EQ(unpack_all().exit_code, 0);
  EXPECT_EQ(configure_pending().exit_code, 1);
  EXPECT_EQ(open_.failures.size(), 1u);
  EXPECT_EQ(world_.state("big"), "ii 1.0");
  EXPECT_EQ(world_.state("late"), "ii 2.0");
}

TEST_F(RunTest, AnUnknownArchiveIsLeftToTheRealDpkg) {
  upgrade({.package = "a", .version = "2.0"});
  begin();
  EXPECT_FALSE(call(DpkgCall::Verb::Unpack, {"/elsewhere/x.deb"}, false, true).handled);
  EXPECT_TRUE(world_.calls.empty());
}

TEST_F(RunTest, AConffileQuestionWithoutAnswerIsItsOwnFailure) {
  upgrade({.package = "a", .version = "2.0", .conffile_question = true});
  upgrade({.package = "b", .version = "2.0"});
  begin();
  unpack_all();
  EXPECT_EQ(configure_pending().exit_code, 1);
  EXPECT_EQ(world_.state("a"), "iU 2.0");
  EXPECT_EQ(world_.state("b"), "ii 2.0");
  ASSERT_EQ(open_.failures.size(), 1u);
  EXPECT_EQ(open_.failures[0].package, "a:amd64");
}

}  // namespace
}  // namespace aptkeep
