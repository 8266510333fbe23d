#include "core/held_up.h"

#include <gtest/gtest.h>

namespace aptkeep {
namespace {

// base <- foo <- dep1 <- dep2, each unversioned, so that either side of what is needed would do.
class HeldUpTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"foo", "dep1", "dep2"}) {
      Step step;
      step.package = std::string(name) + ":amd64";
      step.old_version = "1.0";
      step.new_version = "2.0";
      plan_.steps.push_back(step);
    }
    needs(1, 0, "foo");
    needs(2, 1, "dep1");
  }
  void needs(std::uint32_t owner, std::uint32_t target, const char* relation) {
    Clause clause;
    clause.owner_step = static_cast<std::int32_t>(owner);
    clause.owner_side = Side::New;
    clause.owner = plan_.steps[owner].package;
    clause.relation = relation;
    clause.any_of = {{target, Side::Old}, {target, Side::New}};
    plan_.clauses.push_back(clause);
  }
  Plan plan_;
};

TEST_F(HeldUpTest, AStuckPackageServesOnNeitherSide) {
  const std::vector<StepState> states{StepState::FailedNew, StepState::Waiting, StepState::Waiting};
  const auto found = held_up(plan_, states, 1);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->because, 0u);
  EXPECT_FALSE(held_up(plan_, states, 2)) << "dep1 may still be upgraded or stay";
}

TEST_F(HeldUpTest, WhatWaitsForOneThatIsLeftUnconfigured) {
  plan_.steps[0].action = Action::Configure;
  const auto waiting = waiting_for_left(plan_, {true, false, false}, "amd64");
  ASSERT_EQ(waiting.size(), 1U) << "dep2 may be configured with dep1's old version";
  EXPECT_EQ(waiting[0].first, 1U);
  EXPECT_EQ(waiting[0].second, "it needs foo, and foo is left unconfigured");
  EXPECT_TRUE(waiting_for_left(plan_, {false, false, false}, "amd64").empty());
  plan_.steps[1].new_version.clear();  // a removal needs nothing
  EXPECT_TRUE(waiting_for_left(plan_, {true, false, false}, "amd64").empty());
}

TEST_F(HeldUpTest, OneThatIsBackAtItsOldVersionServes) {
  const std::vector<StepState> states{StepState::FailedOld, StepState::Waiting, StepState::Waiting};
  EXPECT_FALSE(held_up(plan_, states, 1));
}

TEST_F(HeldUpTest, OneThatStaysBehindUntouchedServesToo) {
  const std::vector<StepState> states{StepState::FailedNew, StepState::Kept, StepState::Waiting};
  EXPECT_FALSE(held_up(plan_, states, 2));
}

TEST_F(HeldUpTest, TheCauseGoesDownToTheFailedOne) {
  const std::vector<StepState> states{StepState::FailedNew, StepState::Stranded,
                                      StepState::Stranded};
  const Cause cause = cause_of(plan_, KeptSet{}, states, 2, "amd64");
  EXPECT_EQ(cause.lines,
            (std::vector<std::string>{"dep2 not configured: needs dep1",
                                      "dep1 not configured: needs foo", "foo failed"}));
  EXPECT_EQ(cause.root, "foo:amd64");
}

TEST_F(HeldUpTest, AKeptOnesCauseContinuesThroughWhatHeldItsRootUp) {
  needs(2, 1, "dep1 (= 2.0)");
  plan_.clauses.back().any_of = {{1, Side::New}};
  const std::vector<StepState> states{StepState::FailedNew, StepState::Kept, StepState::Kept};
  const std::vector<std::uint32_t> forced{0, 1};
  const KeptSet kept = least_kept_set(plan_, forced);
  const Cause cause = cause_of(plan_, kept, states, 2, "amd64");
  EXPECT_EQ(cause.root, "foo:amd64");
  ASSERT_EQ(cause.lines.size(), 3u);
  EXPECT_EQ(cause.lines[1], "dep1 kept: needs foo");
  EXPECT_EQ(cause.lines[2], "foo failed");
}

// The members of a kept set stand in another order than the steps.
TEST_F(HeldUpTest, ThePlacesOfMembersAreNotThoseOfSteps) {
  plan_.clauses.clear();
  needs(0, 2, "dep2 (= 2.0)");
  plan_.clauses.back().any_of = {{2, Side::New}};
  const std::vector<StepState> states{StepState::Kept, StepState::Done, StepState::FailedOld};
  const std::vector<std::uint32_t> failed{2};
  const KeptSet kept = least_kept_set(plan_, failed);
  const Cause cause = cause_of(plan_, kept, states, 0, "amd64");
  EXPECT_EQ(cause.root, "dep2:amd64");
  EXPECT_EQ(cause.lines, (std::vector<std::string>{"foo kept: needs dep2 (= 2.0)", "dep2 failed"}));
}

TEST_F(HeldUpTest, ACircleOfStrandedPackagesEnds) {
  needs(1, 2, "dep2");
  plan_.clauses.erase(plan_.clauses.begin());
  const std::vector<StepState> states{StepState::Done, StepState::Stranded, StepState::Stranded};
  EXPECT_EQ(cause_of(plan_, KeptSet{}, states, 1, "amd64").root, "");
}

}  // namespace
}  // namespace aptkeep
