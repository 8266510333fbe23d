// Ways back that fail in a manner that may pass.
#include "rollback_fixture.h"

namespace aptkeep {
namespace {

class ReturnAgainTest : public RollbackTest {
 protected:
  // foo's new postinst fails, so that it goes back, in the way that memory_ tells.
  void play() {
    Archive foo{"foo", "2.0"};
    foo.postinst_fails = true;
    chain(foo);
    begin();
    unpack_all();
    EXPECT_EQ(configure_pending().exit_code, 1);
  }
};

// Somebody killed a script of the old version, say, or it met a bug that is not always met.
TEST_F(ReturnAgainTest, AWayBackThatCrashesIsTriedOnceMore) {
  memory_.old_preinst_killed["foo:amd64"] = 1;
  play();
  EXPECT_TRUE(said("trying to put foo back once more"));
  expect_chain_kept();
}

TEST_F(ReturnAgainTest, AWayBackThatCrashesAgainHasFailed) {
  memory_.old_preinst_killed["foo:amd64"] = 2;
  play();
  EXPECT_TRUE(said("unable to put foo back"));
  EXPECT_EQ(world_.state("foo"), "iF 2.0");
  EXPECT_EQ(world_.state("other"), "ii 2.0");
}

TEST_F(ReturnAgainTest, AWayBackWhosePostinstCrashesIsConfiguredOnceMore) {
  memory_.old_postinst_killed_once = {"foo:amd64"};
  play();
  expect_chain_kept();
}

}  // namespace
}  // namespace aptkeep
