// What a rollback by hand takes from a plan that has ended.
#include "core/put_back.h"

#include <gtest/gtest.h>

#include "plan_builder.h"

namespace aptkeep {
namespace {

using test::new_of;
using test::old_of;

class PutBackTest : public ::testing::Test {
 protected:
  test::PlanBuilder builder_;
  Plan& plan_ = builder_.plan;
};

TEST_F(PutBackTest, APlanOfSomeStepsHasTheirClausesOnly) {
  const auto foo = builder_.upgrade("foo");
  const auto bar = builder_.upgrade("bar");
  const auto baz = builder_.upgrade("baz");
  builder_.clause(new_of(baz), ClauseKind::Depends, "foo (>= 2.0)", {new_of(foo)});
  builder_.clause(new_of(baz), ClauseKind::Depends, "bar (>= 2.0)", {new_of(bar)});
  builder_.clause(new_of(bar), ClauseKind::Depends, "foo (>= 2.0)", {new_of(foo)});
  builder_.clause(old_of(bar), ClauseKind::Depends, "foo (= 1.0)", {old_of(foo)});
  builder_.clause(old_of(baz), ClauseKind::Depends, "bar (= 1.0) | foo",
                  {old_of(bar), old_of(foo)});
  builder_.clause(old_of(foo), ClauseKind::Depends, "bar | baz", {new_of(bar), old_of(baz)});
  const Plan part = plan_of(plan_, {baz, foo});
  ASSERT_EQ(part.steps.size(), 2U);
  EXPECT_EQ(part.steps[0].package, "baz:amd64");
  EXPECT_EQ(part.steps[1].package, "foo:amd64");
  ASSERT_EQ(part.clauses.size(), 3U);
  // bar stays new: baz's need of it is met, its own is one from outside.
  EXPECT_EQ(part.clauses[0].owner_step, 0);
  EXPECT_EQ(part.clauses[0].any_of, std::vector<Literal>{new_of(1)});
  EXPECT_EQ(part.clauses[1].owner, "bar:amd64");
  EXPECT_EQ(part.clauses[1].owner_step, Clause::kOutside);
  EXPECT_EQ(part.clauses[1].any_of, std::vector<Literal>{new_of(1)});
  EXPECT_EQ(part.clauses[2].owner_step, 0);
  EXPECT_EQ(part.clauses[2].any_of, std::vector<Literal>{old_of(1)});
}

TEST_F(PutBackTest, WhatHoldsNowHasToHoldAfterwards) {
  const auto foo = builder_.upgrade("foo");
  const auto bar = builder_.upgrade("bar");
  builder_.outside("broken", ClauseKind::Depends, "foo (= 1.0)", {old_of(foo)});
  EXPECT_FALSE(newly_violated(plan_, {true, false}));
  const auto extra = builder_.outside("extra", ClauseKind::Depends, "foo (>= 2.0) | bar (>= 2.0)",
                                      {new_of(foo), new_of(bar)});
  const auto old_foo = builder_.clause(old_of(foo), ClauseKind::Breaks, "gone (>= 1)", {});
  EXPECT_FALSE(newly_violated(plan_, {false, true}));
  EXPECT_EQ(newly_violated(plan_, {true, false}), old_foo);
  EXPECT_EQ(newly_violated(plan_, {true, true}), extra);
  EXPECT_EQ(culprit_of(plan_.clauses[extra], {true, true}), foo);
  EXPECT_EQ(culprit_of(plan_.clauses[extra], {false, true}), bar);
  EXPECT_EQ(culprit_of(plan_.clauses[old_foo], {true, true}), foo);
}

TEST_F(PutBackTest, ARelationIsToldWithTheOldVersionThatStatesIt) {
  const auto foo = builder_.upgrade("foo");
  builder_.outside("extra", ClauseKind::Depends, "foo (>= 2.0)", {new_of(foo)});
  builder_.clause(old_of(foo), ClauseKind::Breaks, "bar (>= 3)", {});
  builder_.clause(old_of(foo), ClauseKind::Conflicts, "baz", {});
  builder_.clause(old_of(foo), ClauseKind::PreDepends, "libold | libolder", {});
  EXPECT_EQ(relation_of(plan_.clauses[0], "amd64"), "extra needs foo (>= 2.0)");
  EXPECT_EQ(relation_of(plan_.clauses[0], "i386"), "extra:amd64 needs foo (>= 2.0)");
  EXPECT_EQ(relation_of(plan_.clauses[1], "amd64"), "foo 1.0 breaks bar (>= 3)");
  EXPECT_EQ(relation_of(plan_.clauses[2], "amd64"), "foo 1.0 conflicts with baz");
  EXPECT_EQ(relation_of(plan_.clauses[3], "amd64"), "foo 1.0 needs libold | libolder");
}

}  // namespace
}  // namespace aptkeep
