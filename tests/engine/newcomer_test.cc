// What a run installs newly, and what becomes of it when it fails.
#include "rollback_fixture.h"

namespace aptkeep {
namespace {

using FailedNewcomerTest = RollbackTest;

TEST_F(FailedNewcomerTest, AFailedNewInstallIsRemovedAgain) {
  Archive foo{"foo", "2.0"};
  foo.postinst_fails = true;
  upgrade(foo, true);
  upgrade({"other", "2.0"});
  begin();
  unpack_all();
  EXPECT_EQ(configure_pending().exit_code, 1);
  EXPECT_EQ(world_.state("foo"), "");
  EXPECT_EQ(world_.state("other"), "ii 2.0");
  EXPECT_EQ(open_.states[0], StepState::FailedOld);
  EXPECT_TRUE(open_.rolled_back[0]);
}

TEST_F(FailedNewcomerTest, ANewcomersDiversionsAreUndoneBeforeAnotherIsUnpacked) {
  Archive foo{"foo", "2.0"};
  foo.postinst_fails = true;
  const auto step = upgrade(foo, true);
  needs(step, Side::Old, removal("helper"), Side::Old);
  begin();
  EXPECT_EQ(call(DpkgCall::Verb::Remove, {"helper:amd64"}, false, true).exit_code, 0);
  unpack_all();
  long cleared = -1;
  world_.before_call = [&](const std::vector<std::string>& args) {
    const bool unpacks = std::count(args.begin(), args.end(), "/snapshots/helper:amd64") != 0;
    if (unpacks) cleared = logged("clear-new foo:amd64");
  };
  EXPECT_EQ(configure_pending().exit_code, 1);
  EXPECT_EQ(cleared, 1);
  EXPECT_EQ(world_.state("helper"), "ii 1.0");
}

TEST_F(FailedNewcomerTest, ANewcomersDiversionsAreItsOtherArchitecturesToo) {
  Archive foo{"foo", "2.0"};
  foo.postinst_fails = true;
  const auto step = upgrade(foo, true);
  needs(step, Side::Old, removal("helper"), Side::Old);
  world_.db["foo:i386"] = DbPackage{"2.0", "i386", "ii", false};
  begin();
  EXPECT_EQ(call(DpkgCall::Verb::Remove, {"helper:amd64"}, false, true).exit_code, 0);
  unpack_all();
  EXPECT_EQ(configure_pending().exit_code, 1);
  EXPECT_EQ(world_.state("foo"), "");
  EXPECT_EQ(world_.state("helper"), "ii 1.0");
  EXPECT_EQ(logged("clear-new foo:amd64") + logged("undo foo:amd64"), 0);
}

}  // namespace
}  // namespace aptkeep
