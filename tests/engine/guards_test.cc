// Guards that are looked at once more before a package is unpacked.
#include <algorithm>

#include "core/failure_class.h"
#include "core/rule.h"
#include "run_fixture.h"

namespace aptkeep {
namespace {

class GuardsAgainTest : public RunTest {
 protected:
  void SetUp() override {
    RunTest::SetUp();
    db_ = upgrade({"db", "2.0"});
    user_ = upgrade({"user", "2.0", {"db"}});
    other_ = upgrade({"other", "2.0"});
    needs(user_, Side::New, db_, Side::New);
    plan_.steps[db_].guards = {"queue-empty /q", "free-space /var 1G"};
    plan_.steps[db_].if_unmet = IfUnmet::Keep;
  }
  bool said(const std::string& words) const {
    return std::any_of(said_.begin(), said_.end(), [&](const std::string& line) {
      return line.find(words) != std::string::npos;
    });
  }

  std::uint32_t db_ = 0, user_ = 0, other_ = 0;
};

TEST_F(GuardsAgainTest, OneThatHoldsChangesNothing) {
  begin();
  EXPECT_EQ(unpack_all().exit_code, 0);
  EXPECT_EQ(configure_pending().exit_code, 0);
  EXPECT_EQ(world_.calls.size(), 2U);
  EXPECT_EQ(looked_,
            (std::vector<std::string>{"db:amd64: queue-empty /q", "db:amd64: free-space /var 1G"}));
}

TEST_F(GuardsAgainTest, OneThatHoldsNoMoreKeepsItsPackageAndWhatNeedsIt) {
  unmet_ = {"queue-empty /q"};
  begin();
  EXPECT_EQ(unpack_all().exit_code, 0);
  EXPECT_EQ(configure_pending().exit_code, 1);
  EXPECT_EQ(world_.state("db"), "ii 1.0");
  EXPECT_EQ(world_.state("user"), "ii 1.0");
  EXPECT_EQ(world_.state("other"), "ii 2.0");
  EXPECT_EQ(open_.states[db_], StepState::FailedOld);
  EXPECT_EQ(open_.states[user_], StepState::Kept);
  ASSERT_EQ(open_.failures.size(), 1U);
  EXPECT_EQ(open_.failures[0].failure_class, FailureClass::Guard);
  EXPECT_EQ(open_.failures[0].message, "guard queue-empty /q is unmet: so it is");
  EXPECT_TRUE(said("db is not touched: guard queue-empty /q is unmet"));
}

TEST_F(GuardsAgainTest, NobodyIsAskedAmidARun) {
  unmet_ = {"queue-empty /q"};
  plan_.steps[db_].if_unmet = IfUnmet::Ask;
  begin();
  unpack_all();
  EXPECT_EQ(world_.state("db"), "ii 1.0");
}

TEST_F(GuardsAgainTest, AWarningIsSaidAndGoneOnWith) {
  unmet_ = {"queue-empty /q"};
  plan_.steps[db_].if_unmet = IfUnmet::Warn;
  begin();
  EXPECT_EQ(unpack_all().exit_code, 0);
  EXPECT_EQ(configure_pending().exit_code, 0);
  EXPECT_EQ(world_.state("db"), "ii 2.0");
  EXPECT_TRUE(said("db goes on: guard queue-empty /q is unmet"));
}

TEST_F(GuardsAgainTest, ForcePassesWhatHoldsNoMoreAndIsRecorded) {
  unmet_ = {"queue-empty /q"};
  plan_.steps[db_].if_unmet = IfUnmet::Force;
  begin();
  EXPECT_EQ(unpack_all().exit_code, 0);
  EXPECT_EQ(configure_pending().exit_code, 0);
  EXPECT_EQ(world_.state("db"), "ii 2.0");
  EXPECT_TRUE(said("db goes on: forced past: guard queue-empty /q is unmet: so it is"));
  const auto again = store_->plan(open_.id);
  ASSERT_TRUE(again && *again);
  EXPECT_EQ((*again)->plan.steps[db_].passed,
            "forced past: guard queue-empty /q is unmet: so it is");
}

TEST_F(GuardsAgainTest, StopEndsTheRun) {
  unmet_ = {"free-space /var 1G"};
  plan_.steps[db_].if_unmet = IfUnmet::Stop;
  begin();
  EXPECT_EQ(unpack_all().exit_code, 1);
  EXPECT_EQ(world_.state("db"), "ii 1.0");
  EXPECT_EQ(world_.state("other"), "ii 1.0");
  EXPECT_TRUE(said("stopping at db: guard free-space"));
}

TEST_F(GuardsAgainTest, WhatWasNotBegunNeedsNoWayBack) {
  with_snapshots_ = true;
  unmet_ = {"queue-empty /q"};
  begin();
  unpack_all();
  configure_pending();
  EXPECT_EQ(std::count(memory_.log.begin(), memory_.log.end(), "take db:amd64"), 0);
  EXPECT_FALSE(open_.rolled_back[db_]);
}

}  // namespace
}  // namespace aptkeep
