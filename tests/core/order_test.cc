#include "core/order.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "plan_builder.h"

namespace aptkeep {
namespace {

using test::new_of;
using test::old_of;
using test::PlanBuilder;

using Steps = std::vector<std::uint32_t>;
using Calls = std::vector<Steps>;

class OrderTest : public testing::Test, protected PlanBuilder {
 protected:
  std::vector<StepState> states() const {
    std::vector<StepState> all(plan.steps.size(), StepState::Waiting);
    for (const auto& [step, state] : known) all[step] = state;
    return all;
  }
  Steps order(const Steps& call) const { return unpack_order(plan, call, states()); }
  Calls calls(const Steps& call) const { return unpack_calls(plan, call, states()); }
  Steps refused(const Steps& pending) {
    for (const auto step : pending) known.emplace_back(step, StepState::Unpacked);
    return unconfigurable(plan, pending, states());
  }

  std::vector<std::pair<std::uint32_t, StepState>> known;
};

TEST_F(OrderTest, NothingToDo) {
  upgrade("a");
  EXPECT_EQ(order({}), Steps{});
  EXPECT_EQ(calls({}), Calls{});
  EXPECT_EQ(refused({}), Steps{});
}

TEST_F(OrderTest, AptsOrderStandsWhereNothingElseIsAskedFor) {
  const auto a = upgrade("a");
  const auto b = upgrade("b");
  const auto c = upgrade("c");
  EXPECT_EQ(order({c, a, b}), (Steps{c, a, b}));
}

TEST_F(OrderTest, WhatIsNeededComesFirst) {
  const auto c = upgrade("c");
  const auto b = upgrade("b");
  const auto a = upgrade("a");
  const auto z = upgrade("z");
  clause(new_of(c), ClauseKind::Depends, "b (= 2.0)", {new_of(b)});
  clause(new_of(b), ClauseKind::PreDepends, "a (>= 2)", {new_of(a)});
  EXPECT_EQ(order({c, b, a, z}), (Steps{a, b, c, z}));
}

TEST_F(OrderTest, WhatHoldsAndGoesOnHoldingAsksForNothing) {
  const auto x = upgrade("x");
  const auto a = upgrade("a");
  const auto b = upgrade("b");
  clause(new_of(x), ClauseKind::Depends, "a (>= 2) | b", {new_of(a), new_of(b)});
  EXPECT_EQ(order({x, a}), (Steps{a, x})) << "b may come in a later call, or fail";
  known = {{b, StepState::Done}};
  EXPECT_EQ(order({x, a}), (Steps{x, a}));
}

TEST_F(OrderTest, AnOldSideGoesOnHoldingOnlyWhereItIsKept) {
  const auto x = upgrade("x");
  const auto a = upgrade("a");
  const auto gone = remove("gone");
  clause(new_of(x), ClauseKind::Depends, "a (>= 2) | gone", {new_of(a), old_of(gone)});
  EXPECT_EQ(order({x, a}), (Steps{a, x}));
  known = {{gone, StepState::Kept}};
  EXPECT_EQ(order({x, a}), (Steps{x, a}));
}

TEST_F(OrderTest, ARelationThatEitherSideSatisfiesAsksForNothing) {
  const auto x = upgrade("x");
  const auto a = upgrade("a");
  clause(new_of(x), ClauseKind::Depends, "a", {old_of(a), new_of(a)});
  EXPECT_EQ(order({x, a}), (Steps{x, a}));
}

TEST_F(OrderTest, WhatIsBrokenComesBeforeWhatBreaksItWhateverDependsSays) {
  const auto x = upgrade("x");
  const auto y = upgrade("y");
  // y needs the new x, but the new x breaks the old y.
  clause(new_of(x), ClauseKind::Breaks, "y (<< 2)", {new_of(y)});
  clause(new_of(y), ClauseKind::Depends, "x (>= 2)", {new_of(x)});
  EXPECT_EQ(order({x, y}), (Steps{y, x}));
  EXPECT_EQ(calls({y, x}), (Calls{{y, x}})) << "nothing is hit any more";
  EXPECT_EQ(calls({x, y}), (Calls{{x}, {y}}));
}

TEST_F(OrderTest, ConflictsLikeBreaks) {
  const auto x = install("x");
  const auto y = upgrade("y");
  clause(new_of(x), ClauseKind::Conflicts, "y (<< 2)", {new_of(y)});
  EXPECT_EQ(order({x, y}), (Steps{y, x}));
  known = {{y, StepState::Unpacked}};
  EXPECT_EQ(order({x, y}), (Steps{x, y})) << "y is new already";
  known = {{y, StepState::FailedNew}};
  EXPECT_EQ(order({x, y}), (Steps{x, y})) << "and here, too, if not configured";
}

TEST_F(OrderTest, AnOldVersionThatConflictsGoesFirst) {
  const auto x = upgrade("x");
  const auto y = upgrade("y");
  clause(old_of(y), ClauseKind::Conflicts, "x (>= 2)", {old_of(x)});
  EXPECT_EQ(order({x, y}), (Steps{y, x}));
  EXPECT_EQ(calls({x, y}), (Calls{{x}, {y}}));
  EXPECT_EQ(calls({y, x}), (Calls{{y, x}}));
}

TEST_F(OrderTest, InACycleOnlyWhatMustBeRemains) {
  const auto a = upgrade("a");
  const auto b = upgrade("b");
  const auto c = upgrade("c");
  const auto d = upgrade("d");
  clause(new_of(a), ClauseKind::Depends, "c (>= 2)", {new_of(c)});
  clause(new_of(b), ClauseKind::Depends, "a (>= 2)", {new_of(a)});
  clause(new_of(c), ClauseKind::Depends, "b (>= 2)", {new_of(b)});
  EXPECT_EQ(order({a, b, c, d}), (Steps{a, b, c, d}));
  clause(new_of(a), ClauseKind::Breaks, "c (<< 2)", {new_of(c)});
  EXPECT_EQ(order({a, b, c, d}), (Steps{b, c, a, d})) << "c before a, the rest as apt has it";
  // What needs the cycle comes after it, and what it needs before.
  clause(new_of(b), ClauseKind::Depends, "d (>= 2)", {new_of(d)});
  EXPECT_EQ(order({a, b, c, d}), (Steps{d, b, c, a}));
}

TEST_F(OrderTest, PackagesThatBreakEachOtherStayInAptsOrder) {
  const auto a = upgrade("a");
  const auto b = upgrade("b");
  clause(new_of(a), ClauseKind::Breaks, "b (<< 2)", {new_of(b)});
  clause(new_of(b), ClauseKind::Breaks, "a (<< 2)", {new_of(a)});
  EXPECT_EQ(order({b, a}), (Steps{b, a}));
  EXPECT_EQ(calls({b, a}), (Calls{{b}, {a}})) << "only the first of them hits an old version";
}

TEST_F(OrderTest, SiblingsStandSideBySide) {
  const auto foo = upgrade("foo");
  const auto a = upgrade("a");
  const auto b = upgrade("b");
  const auto foo32 = upgrade("foo:i386");
  lockstep(foo, foo32);
  EXPECT_EQ(order({a, foo, b, foo32}), (Steps{a, foo, foo32, b}));
  clause(new_of(foo), ClauseKind::Depends, "b (>= 2)", {new_of(b)});
  EXPECT_EQ(order({a, foo, b, foo32}), (Steps{a, b, foo, foo32}));
}

TEST_F(OrderTest, ButNotWhereSomethingMustComeBetween) {
  const auto foo = upgrade("foo");
  const auto a = upgrade("a");
  const auto foo32 = upgrade("foo:i386");
  lockstep(foo, foo32);
  clause(new_of(a), ClauseKind::Breaks, "foo:i386 (<< 2)", {new_of(foo32)});
  clause(new_of(foo), ClauseKind::Breaks, "a (<< 2)", {new_of(a)});
  EXPECT_EQ(order({foo, a, foo32}), (Steps{foo32, a, foo}));
}

TEST_F(OrderTest, AHitGetsACallOfItsOwn) {
  const auto a = upgrade("a");
  const auto x = upgrade("x");
  const auto b = upgrade("b");
  const auto gone = remove("gone");
  clause(new_of(x), ClauseKind::Conflicts, "gone", {new_of(gone)});
  EXPECT_EQ(calls({a, x, b}), (Calls{{a}, {x}, {b}}));
  known = {{gone, StepState::Done}};
  EXPECT_EQ(calls({a, x, b}), (Calls{{a, x, b}}));
  known = {{gone, StepState::FailedOld}};
  EXPECT_EQ(calls({x, a, b}), (Calls{{x}, {a, b}}));
}

TEST_F(OrderTest, AnOutsiderThatConflictsIsAHitButOneThatBreaksIsNot) {
  const auto a = upgrade("a");
  const auto x = upgrade("x");
  outside("o", ClauseKind::Breaks, "x (>= 2)", {old_of(x)});
  EXPECT_EQ(calls({a, x}), (Calls{{a, x}})) << "dpkg asks about it when it configures";
  outside("o", ClauseKind::Conflicts, "x (>= 2)", {old_of(x)});
  EXPECT_EQ(calls({a, x}), (Calls{{a}, {x}}));
}

TEST_F(OrderTest, WhatNeedsABrokenPackageIsNotConfigured) {
  const auto a = upgrade("a");
  const auto b = upgrade("b");
  const auto c = upgrade("c");
  const auto d = upgrade("d");
  clause(new_of(b), ClauseKind::Depends, "a", {old_of(a), new_of(a)});
  clause(new_of(c), ClauseKind::Depends, "b (>= 2)", {new_of(b)});
  known = {{a, StepState::FailedNew}};
  EXPECT_EQ(refused({d, c, b}), (Steps{c, b}));
  known = {{a, StepState::Done}};
  EXPECT_EQ(refused({d, c, b}), Steps{});
  known = {{a, StepState::FailedOld}};
  EXPECT_EQ(refused({d, c, b}), Steps{}) << "configured at its old version, which will do";
}

TEST_F(OrderTest, WhatWasUnpackedButIsNotToBeConfiguredDoesNotCount) {
  const auto a = upgrade("a");
  const auto b = upgrade("b");
  clause(new_of(b), ClauseKind::Depends, "a (>= 2)", {new_of(a)});
  known = {{a, StepState::Unpacked}};
  EXPECT_EQ(refused({b}), (Steps{b}));
  EXPECT_EQ(refused({b, a}), Steps{});
}

TEST_F(OrderTest, ACycleCanBeConfiguredUnlessItNeedsABrokenPackage) {
  const auto a = upgrade("a");
  const auto b = upgrade("b");
  const auto broken = upgrade("broken");
  clause(new_of(a), ClauseKind::Depends, "b (>= 2)", {new_of(b)});
  clause(new_of(b), ClauseKind::Depends, "a (>= 2)", {new_of(a)});
  EXPECT_EQ(refused({a, b}), Steps{});
  clause(new_of(b), ClauseKind::Depends, "broken (>= 2)", {new_of(broken)});
  known = {{broken, StepState::FailedNew}};
  EXPECT_EQ(refused({a, b}), (Steps{a, b}));
}

TEST_F(OrderTest, WhatAnOldVersionBreaksIsNotConfigured) {
  const auto x = upgrade("x");
  const auto o = upgrade("o");
  clause(old_of(o), ClauseKind::Breaks, "x (>= 2)", {old_of(x)});
  known = {{o, StepState::FailedOld}};
  EXPECT_EQ(refused({x}), (Steps{x}));
  known = {{o, StepState::FailedNew}};
  EXPECT_EQ(refused({x}), Steps{}) << "the version that broke it is gone";
}

TEST_F(OrderTest, WhatBreaksAnotherIsConfigured) {
  const auto x = upgrade("x");
  const auto o = upgrade("o");
  clause(new_of(x), ClauseKind::Breaks, "o (<< 2)", {new_of(o)});
  known = {{o, StepState::FailedOld}};
  EXPECT_EQ(refused({x}), Steps{});
}

TEST_F(OrderTest, UnequalSiblingsAreNotConfigured) {
  const auto foo = upgrade("foo");
  const auto foo32 = upgrade("foo:i386");
  lockstep(foo, foo32);
  EXPECT_EQ(refused({foo, foo32}), Steps{});
  known = {{foo32, StepState::FailedOld}};
  EXPECT_EQ(refused({foo}), (Steps{foo}));
  known = {{foo32, StepState::FailedNew}};
  EXPECT_EQ(refused({foo}), Steps{}) << "dpkg compares versions only";
}

}  // namespace
}  // namespace aptkeep
