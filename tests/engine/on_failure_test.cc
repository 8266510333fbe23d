// What a rule says is done about a failure (On-Failure).
#include "rollback_fixture.h"

namespace aptkeep {
namespace {

class OnFailureTest : public RollbackTest {
 protected:
  void play(OnFailure wish, Archive foo, const std::string& why = "a person says so") {
    chain(foo);
    plan_.steps[foo_].on_failure = FailureRule{wish, why};
    begin();
    EXPECT_EQ(unpack_all().exit_code, 0);
    exit_code_ = configure_pending().exit_code;
    tries_ = std::count(world_.scripts.begin(), world_.scripts.end(), "postinst foo 2.0");
  }
  static Archive crashing() {
    Archive foo{"foo", "2.0"};
    foo.postinst_fails = true;
    foo.says = "post-installation script subprocess was killed by signal (Segmentation fault)";
    return foo;
  }

  int exit_code_ = 0;
  long tries_ = 0;
};

TEST_F(OnFailureTest, RollBackTriesNothingAgain) {
  play(OnFailure::RollBack, crashing());
  EXPECT_EQ(exit_code_, 1);
  EXPECT_EQ(tries_, 1);
  expect_chain_kept();
}

TEST_F(OnFailureTest, LeaveUnconfiguredPutsNothingBack) {
  play(OnFailure::LeaveUnconfigured, crashing());
  EXPECT_EQ(exit_code_, 1);
  EXPECT_EQ(tries_, 1);
  EXPECT_EQ(world_.state("foo"), "iF 2.0");
  EXPECT_EQ(world_.state("depv"), "iU 2.0");
  EXPECT_EQ(world_.state("other"), "ii 2.0");
}

TEST_F(OnFailureTest, LeaveUnconfiguredIsAboutItsOwnFailureOnly) {
  Archive foo{"foo", "2.0"};
  foo.postinst_fails = true;
  chain(foo);
  plan_.steps[depv_].on_failure = FailureRule{OnFailure::LeaveUnconfigured, "its own"};
  begin();
  unpack_all();
  configure_pending();
  expect_chain_kept();
}

TEST_F(OnFailureTest, StopRunEndsItThere) {
  play(OnFailure::StopRun, crashing(), "look at it first");
  EXPECT_EQ(exit_code_, 1);
  EXPECT_EQ(tries_, 1);
  EXPECT_EQ(world_.state("foo"), "iF 2.0");
  EXPECT_EQ(world_.state("other"), "ii 2.0") << "unpacked, and worse off left so";
  EXPECT_TRUE(said("stopping at foo: look at it first"));
  ASSERT_EQ(open_.failures.size(), 1U);
  EXPECT_EQ(open_.failures[0].package, "foo:amd64");
}

TEST_F(OnFailureTest, StopRunEndsTheUnpackingToo) {
  Archive foo{"foo", "2.0"};
  foo.preinst_fails = true;
  chain(foo);
  plan_.steps[foo_].on_failure = FailureRule{OnFailure::StopRun, "look at it first"};
  begin();
  EXPECT_EQ(unpack_all().exit_code, 1);
  EXPECT_EQ(world_.state("foo"), "ii 1.0");
  EXPECT_EQ(world_.state("other"), "ii 1.0");
  EXPECT_EQ(open_.states[foo_], StepState::FailedOld);
}

TEST_F(OnFailureTest, StopRunEndsTheRemovals) {
  const auto gone = removal("gone");
  const auto next = removal("next");
  world_.prerm_fails.insert("gone");
  plan_.steps[gone].on_failure = FailureRule{OnFailure::StopRun, "look at it first"};
  begin();
  EXPECT_EQ(call(DpkgCall::Verb::Remove, {"gone", "next"}, false, true).exit_code, 1);
  EXPECT_EQ(world_.state("next"), "ii 1.0");
  EXPECT_EQ(open_.states[next], StepState::NotReached);
}

TEST_F(OnFailureTest, RetryTriesOnceMoreWhatOtherwiseIsKept) {
  Archive foo{"foo", "2.0"};
  foo.postinst_fails_times = 1;
  play(OnFailure::Retry, foo);
  EXPECT_EQ(exit_code_, 0);
  EXPECT_EQ(tries_, 2);
  EXPECT_EQ(world_.state("foo"), "ii 2.0");
}

TEST_F(OnFailureTest, RetryEndsAfterTheSecondTry) {
  Archive foo{"foo", "2.0"};
  foo.postinst_fails = true;
  play(OnFailure::Retry, foo);
  EXPECT_EQ(exit_code_, 1);
  EXPECT_EQ(tries_, 2);
  expect_chain_kept();
}

}  // namespace
}  // namespace aptkeep
