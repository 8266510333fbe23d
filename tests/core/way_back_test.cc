// Which packages go back when some have failed, and which cannot.
#include "core/way_back.h"

#include <gtest/gtest.h>

#include "plan_builder.h"

namespace aptkeep {
namespace {

using test::new_of;
using test::old_of;

// foo; bar, whose new version needs the new foo; user, which goes with bar, both ways.
class WayBackTest : public ::testing::Test {
 protected:
  void SetUp() override {
    foo_ = made_.upgrade("foo");
    bar_ = made_.upgrade("bar");
    user_ = made_.upgrade("user");
    made_.clause(new_of(bar_), ClauseKind::Depends, "foo (= 2.0)", {new_of(foo_)});
    made_.clause(new_of(user_), ClauseKind::Depends, "bar (= 2.0)", {new_of(bar_)});
    made_.clause(old_of(user_), ClauseKind::Depends, "bar (= 1.0)", {old_of(bar_)});
    states_.assign(3, StepState::Unpacked);
    touched_.assign(3, true);
    obstacles_.resize(3);
  }
  WayBack way() const { return way_back(made_.plan, states_, touched_, obstacles_); }

  test::PlanBuilder made_;
  std::uint32_t foo_ = 0, bar_ = 0, user_ = 0;
  std::vector<StepState> states_;
  std::vector<bool> touched_;
  std::vector<std::string> obstacles_;
};

TEST_F(WayBackTest, WhatNeedsTheFailedOneGoesWithIt) {
  states_[foo_] = StepState::FailedNew;
  EXPECT_EQ(way().returning, (std::vector<std::uint32_t>{foo_, bar_, user_}));
  EXPECT_TRUE(way().stuck.empty());
}

TEST_F(WayBackTest, AFailedOneStaysWhereWhatNeedsItHasFailedForGood) {
  states_[foo_] = states_[bar_] = StepState::FailedNew;
  obstacles_[bar_] = "its data would be lost";
  const WayBack found = way();
  EXPECT_TRUE(found.returning.empty());
  ASSERT_EQ(found.stuck.size(), 2u);
  EXPECT_EQ(found.stuck[0].step, bar_);
  EXPECT_EQ(found.stuck[1].step, foo_);
  EXPECT_EQ(found.stuck[1].because, bar_);
  EXPECT_EQ(found.stuck[1].reason, "its data would be lost");
}

TEST_F(WayBackTest, WhatGoesWithOneThatStaysNewStaysToo) {
  states_[foo_] = StepState::FailedOld;
  touched_[foo_] = false;
  obstacles_[bar_] = "its data would be lost";
  const WayBack found = way();
  EXPECT_TRUE(found.returning.empty());
  ASSERT_EQ(found.stuck.size(), 1u);
  EXPECT_EQ(found.stuck[0].step, bar_);
}

TEST_F(WayBackTest, ButNotWhereItNeedsTheOldOneOfAnother) {
  made_.clause(new_of(user_), ClauseKind::Depends, "foo (= 2.0)", {new_of(foo_)});
  states_[foo_] = StepState::FailedOld;
  touched_[foo_] = false;
  obstacles_[bar_] = "its data would be lost";
  // Of both it can have one only: it lacks bar 1.0 then, and foo 2.0 otherwise.
  EXPECT_EQ(way().stuck.size(), 1u);
  made_.plan.clauses.erase(made_.plan.clauses.begin() + 1, made_.plan.clauses.begin() + 3);
  EXPECT_EQ(way().returning, std::vector<std::uint32_t>{user_});
}

}  // namespace
}  // namespace aptkeep
