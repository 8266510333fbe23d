// What guards compare with from one good run to the next.
#include <gtest/gtest.h>

#include "samples.h"

namespace aptkeep {
namespace {

using namespace sample;

class StoreGuardsTest : public ::testing::Test {
 protected:
  static std::int64_t begin(Store& store, const Frontend& who, std::int64_t now, const Plan& what) {
    auto plan = store.begin_plan(who, {}, what, now);
    EXPECT_TRUE(plan.ok()) << plan.error().message;
    return *plan;
  }

  Folder folder_;
};

TEST_F(StoreGuardsTest, WhatGuardsSawCountsOnceThePackageIsInstalledWell) {
  auto opened = Store::open(folder_.path("state.db"), Store::Mode::ReadWrite);
  ASSERT_TRUE(opened.ok()) << opened.error().message;
  Store& store = *opened;
  const Plan both{{{"a:amd64", Action::Upgrade, "1", "2", "/a.deb", false, 1},
                   {"b:amd64", Action::Upgrade, "1", "2", "/b.deb", false, 1}},
                  {}};
  using Answers = std::map<std::string, Remembered>;
  const auto end = [&](std::int64_t plan, StepState of_b) {
    auto ended = outcomes(both, StepState::Done);
    ended[0].state = StepState::Done;
    ended[1].state = of_b;
    ASSERT_TRUE(store.end_plan(plan, ended, {}, {}, "", 2000).ok());
  };
  const Answers first{{"a:amd64", {{"same-ids x", "1"}, {"same-ids y", "7"}}},
                      {"b:amd64", {{"same-ids x", "1"}}}};
  auto plan = begin(store, frontend(100), 1000, both);
  ASSERT_TRUE(store.note_answers(plan, first).ok());
  EXPECT_TRUE(store.remembered()->empty()) << "nothing is installed yet";
  end(plan, StepState::FailedOld);
  EXPECT_EQ(*store.remembered(), (Answers{{"a:amd64", first.at("a:amd64")}}));

  // What was asked again is renewed, the rest stays.
  plan = begin(store, frontend(101), 1100, both);
  ASSERT_TRUE(store.note_answers(plan, {{"a:amd64", {{"same-ids x", "2"}}}}).ok());
  end(plan, StepState::Done);
  EXPECT_EQ(*store.remembered(),
            (Answers{{"a:amd64", {{"same-ids x", "2"}, {"same-ids y", "7"}}}}));

  // A run that was cut off leaves nothing.
  plan = begin(store, frontend(102), 1200, both);
  ASSERT_TRUE(store.note_answers(plan, {{"a:amd64", {{"same-ids x", "3"}}}}).ok());
  plan = begin(store, frontend(103), 1300, both);
  end(plan, StepState::Done);
  EXPECT_EQ(store.remembered()->at("a:amd64").at("same-ids x"), "2");
}

}  // namespace
}  // namespace aptkeep
