// Ways back that fail in a manner that may pass.
#include "rollback_fixture.h"

namespace aptkeep {
namespace {

// Somebody killed a script of the old version, say, or it met a bug that is not always met.
TEST_F(RollbackTest, AWayBackThatCrashesIsTriedOnceMore) {
  Archive foo{"foo", "2.0"};
  foo.postinst_fails = true;
  chain(foo);
  memory_.old_preinst_killed["foo:amd64"] = 1;
  begin();
  unpack_all();
  EXPECT_EQ(configure_pending().exit_code, 1);
  EXPECT_TRUE(said("trying to put foo back once more"));
  expect_chain_kept();
}

TEST_F(RollbackTest, AWayBackThatCrashesAgainHasFailed) {
  Archive foo{"foo", "2.0"};
  foo.postinst_fails = true;
  chain(foo);
  memory_.old_preinst_killed["foo:amd64"] = 2;
  begin();
  unpack_all();
  EXPECT_EQ(configure_pending().exit_code, 1);
  EXPECT_TRUE(said("unable to put foo back"));
  EXPECT_EQ(world_.state("foo"), "iF 2.0");
  EXPECT_EQ(world_.state("other"), "ii 2.0");
}

TEST_F(RollbackTest, AWayBackWhosePostinstCrashesIsConfiguredOnceMore) {
  Archive foo{"foo", "2.0"};
  foo.postinst_fails = true;
  chain(foo);
  memory_.old_postinst_killed_once = {"foo:amd64"};
  begin();
  unpack_all();
  EXPECT_EQ(configure_pending().exit_code, 1);
  expect_chain_kept();
}

}  // namespace
}  // namespace aptkeep
