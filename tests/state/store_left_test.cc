// Islands that have not come to their end, among all that is on record.
#include <gtest/gtest.h>

#include "samples.h"

namespace aptkeep {
namespace {

using namespace sample;

class StoreLeftTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto store = Store::open(folder_.path("state.db"), Store::Mode::ReadWrite);
    ASSERT_TRUE(store.ok()) << store.error().message;
    store_.emplace(std::move(*store));
  }
  static Step step(bool island = true, Action action = Action::Upgrade) {
    Step made;
    made.package = "foo:amd64";
    made.action = action;
    made.old_version = "1.0";
    made.new_version = "2.0";
    if (island) {
      made.island = Island{};
      made.island->after = {"after"};
    }
    return made;
  }
  // A plan that ended so.
  std::int64_t ended(const Step& step, StepState state, const std::string& afterwards = "",
                     bool rolled_back = false) {
    Plan plan;
    plan.steps = {step};
    const auto id = begun(plan);
    EXPECT_TRUE(store_->set_afterwards(id, 0, afterwards));
    auto all = outcomes(plan, state);
    all[0].state = state;
    if (rolled_back) {
      EXPECT_TRUE(store_->set_rolled_back(id, 0, {}));
    }
    all[0].step.afterwards = afterwards;
    EXPECT_TRUE(store_->end_plan(id, all, {}, {}, "", 2000));
    return id;
  }
  std::int64_t begun(const Plan& plan) {
    const auto id = store_->begin_plan(frontend(++pid_), {}, plan, 1000);
    EXPECT_TRUE(id.ok());
    return id ? *id : 0;
  }
  std::vector<std::int64_t> left() {
    const auto found = store_->left_islands();
    EXPECT_TRUE(found.ok());
    std::vector<std::int64_t> plans;
    for (const LeftIsland& one : *found) {
      plans.push_back(one.plan);
      EXPECT_EQ(one.step.package, "foo:amd64");
      EXPECT_EQ(one.run, one.plan) << "each of a run of its own here";
    }
    return plans;
  }

  Folder folder_;
  std::optional<Store> store_;
  std::int64_t pid_ = 100;
};

TEST_F(StoreLeftTest, WhatIsUnconfiguredAndWhatDidNotGoWell) {
  const auto unconfigured = ended(step(), StepState::FailedNew);
  EXPECT_EQ(left(), (std::vector{unconfigured}));
  const auto failed = ended(step(), StepState::Done, "foo is not done");
  EXPECT_EQ(left(), (std::vector{failed})) << "it was replaced since";
  const auto again = ended(step(), StepState::Stranded);
  EXPECT_EQ(left(), (std::vector{again})) << "each package's newest, or all were done at once";
}

// Nothing of it was begun, so nothing comes after it, whoever installs it one day.
TEST_F(StoreLeftTest, NotWhatWasNeverUnpackedOrIsBack) {
  for (const StepState state :
       {StepState::Kept, StepState::NotReached, StepState::Waiting, StepState::FailedOld}) {
    ended(step(), state);
  }
  ended(step(), StepState::FailedNew, "", true);
  EXPECT_TRUE(left().empty());
}

TEST_F(StoreLeftTest, NotWhatCameToItsEnd) {
  ended(step(), StepState::Done, kIslandDone);
  ended(step(), StepState::Done);
  ended(step(false), StepState::FailedNew);
  EXPECT_TRUE(left().empty());
}

TEST_F(StoreLeftTest, NotOfAPlanThatIsAtWork) {
  Plan plan;
  plan.steps = {step()};
  begun(plan);
  EXPECT_TRUE(left().empty());
}

TEST_F(StoreLeftTest, OnlyWhatReplacedThePackageWellIsInItsPlace) {
  const auto first = ended(step(), StepState::FailedNew);
  ended(step(false, Action::Configure), StepState::Done);
  ended(step(false), StepState::Kept);
  EXPECT_EQ(left(), (std::vector{first}));
  ended(step(false), StepState::Done);
  EXPECT_EQ(left(), (std::vector{first})) << "by dpkg alone, which did not do it either";
  ended(step(), StepState::Done, kIslandDone);
  EXPECT_TRUE(left().empty());
}

TEST_F(StoreLeftTest, ANewerVersionThatComesToNothingTakesNothingAway) {
  const auto first = ended(step(), StepState::FailedNew);
  Step newer = step();
  newer.new_version = "3";
  const auto kept = ended(newer, StepState::FailedNew);
  EXPECT_EQ(left(), (std::vector{first, kept})) << "which of them is there dpkg knows";
}

TEST_F(StoreLeftTest, WhatWentWithItsPackageDoesNotComeBackWithANewInstallation) {
  for (const bool removed : {true, false}) {
    ended(step(), StepState::FailedNew);
    Step gone = step(false, removed ? Action::Remove : Action::Install);
    (removed ? gone.new_version : gone.old_version) = "";
    ended(gone, StepState::Done);
    EXPECT_TRUE(left().empty()) << removed;
  }
}

}  // namespace
}  // namespace aptkeep
