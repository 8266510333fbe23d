#include "core/kept_set.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "plan_builder.h"

namespace aptkeep {
namespace {

using test::new_of;
using test::old_of;
using test::PlanBuilder;

using Steps = std::vector<std::uint32_t>;
using Chain = std::vector<std::string>;

Steps steps_of(const KeptSet& kept) {
  Steps steps;
  for (const KeptMember& member : kept.members) steps.push_back(member.step);
  std::ranges::sort(steps);
  return steps;
}

Steps least(const PlanBuilder& made, const Steps& failed) {
  return steps_of(least_kept_set(made.plan, failed));
}

Chain why(const PlanBuilder& made, const Steps& failed, std::uint32_t step) {
  return cause_chain(made.plan, least_kept_set(made.plan, failed), step, "amd64");
}

class KeptSetTest : public testing::Test, protected PlanBuilder {};

TEST_F(KeptSetTest, NothingFailedKeepsNothing) {
  const auto a = upgrade("a");
  clause(new_of(a), ClauseKind::Depends, "nowhere", {});
  const KeptSet kept = least_kept_set(plan, {});
  EXPECT_TRUE(kept.members.empty());
  EXPECT_TRUE(kept.exact);
  EXPECT_FALSE(kept.contains(a));
}

TEST_F(KeptSetTest, FailedStepsAloneWhereNobodyCares) {
  const auto a = upgrade("a");
  const auto b = upgrade("b");
  upgrade("c");
  EXPECT_EQ(least(*this, {b, a, b}), (Steps{a, b}));
  const KeptSet kept = least_kept_set(plan, Steps{b, a, b});
  ASSERT_EQ(kept.members.size(), 2U);
  EXPECT_EQ(kept.members[0].step, b);
  EXPECT_TRUE(kept.members[0].failed);
  EXPECT_TRUE(kept.contains(a));
  EXPECT_EQ(why(*this, {a}, a), (Chain{"a failed"}));
  EXPECT_EQ(why(*this, {a}, b), Chain{});
}

TEST_F(KeptSetTest, WhatNeedsANewVersionStaysWithIt) {
  const auto c = upgrade("c");
  const auto b = upgrade("b");
  const auto a = upgrade("a");
  upgrade("other");
  clause(new_of(c), ClauseKind::Depends, "b (>= 2)", {new_of(b)});
  clause(new_of(b), ClauseKind::PreDepends, "a (= 2.0)", {new_of(a)});
  EXPECT_EQ(least(*this, {a}), (Steps{c, b, a}));
  EXPECT_EQ(least(*this, {b}), (Steps{c, b}));
  EXPECT_EQ(why(*this, {a}, c),
            (Chain{"c kept: needs b (>= 2)", "b kept: needs a (= 2.0)", "a failed"}));
  const KeptSet kept = least_kept_set(plan, Steps{a});
  EXPECT_EQ(kept.explored, 0U) << "no choice, no search";
}

TEST_F(KeptSetTest, WhatAnOldVersionNeedsStaysWithIt) {
  const auto o = upgrade("o");
  const auto t = upgrade("t");
  clause(old_of(o), ClauseKind::Depends, "t (= 1.0)", {old_of(t)});
  EXPECT_EQ(least(*this, {o}), (Steps{o, t}));
  EXPECT_EQ(least(*this, {t}), (Steps{t})) << "o at its new version does not mind";
  EXPECT_EQ(why(*this, {o}, t), (Chain{"t kept: old o (1.0) needs t (= 1.0)", "o failed"}));
}

TEST_F(KeptSetTest, BreaksOfANewVersion) {
  const auto t = upgrade("t");
  const auto o = upgrade("o");
  clause(new_of(t), ClauseKind::Breaks, "o (<< 2)", {new_of(o)});
  EXPECT_EQ(least(*this, {o}), (Steps{t, o}));
  EXPECT_EQ(least(*this, {t}), (Steps{t}));
  EXPECT_EQ(why(*this, {o}, t), (Chain{"t kept: breaks o (<< 2)", "o failed"}));
}

TEST_F(KeptSetTest, BreaksOfAnOldVersion) {
  const auto t = upgrade("t");
  const auto o = upgrade("o");
  clause(old_of(o), ClauseKind::Breaks, "t (>= 2)", {old_of(t)});
  EXPECT_EQ(least(*this, {o}), (Steps{t, o}));
  EXPECT_EQ(why(*this, {o}, t), (Chain{"t kept: old o (1.0) breaks t (>= 2)", "o failed"}));
}

TEST_F(KeptSetTest, ConflictsWithAPackageWhoseRemovalFailed) {
  const auto r = remove("r");
  const auto x = install("x");
  clause(new_of(x), ClauseKind::Conflicts, "r", {new_of(r)});
  EXPECT_EQ(least(*this, {r}), (Steps{r, x}));
  EXPECT_EQ(why(*this, {r}, x), (Chain{"x kept: conflicts with r", "r failed"}));
}

TEST_F(KeptSetTest, AFailedInstallTakesAlongWhatNeedsIt) {
  const auto n = install("n");
  const auto m = install("m");
  const auto u = upgrade("u");
  clause(new_of(m), ClauseKind::Depends, "n", {new_of(n)});
  clause(new_of(u), ClauseKind::Depends, "m", {new_of(m)});
  EXPECT_EQ(least(*this, {n}), (Steps{n, m, u}));
}

TEST_F(KeptSetTest, ARemovalWaitsForWhatReplacesIt) {
  const auto gone = remove("gone");
  const auto fresh = install("fresh");
  outside("user", ClauseKind::Depends, "gone | fresh", {old_of(gone), new_of(fresh)});
  EXPECT_EQ(least(*this, {fresh}), (Steps{gone, fresh}));
  EXPECT_EQ(least(*this, {gone}), (Steps{gone}));
  EXPECT_EQ(why(*this, {fresh}, gone),
            (Chain{"gone kept: user 1.0 needs gone | fresh", "fresh failed"}));
}

TEST_F(KeptSetTest, AnOwnerOutsideTheRunCanForbid) {
  const auto t = upgrade("t");
  const auto p = upgrade("p");
  // The outside o breaks t at 2 only as long as p is at 1; told as a clause of two literals.
  outside("o", ClauseKind::Breaks, "t (>= 2)", {old_of(t), new_of(p)});
  EXPECT_EQ(least(*this, {p}), (Steps{t, p}));
  EXPECT_EQ(why(*this, {p}, t), (Chain{"t kept: o 1.0 breaks t (>= 2)", "p failed"}));
}

TEST_F(KeptSetTest, KeepingALiteralOfAnotherNewVersion) {
  const auto x = upgrade("x", 3);
  const auto gone = remove("gone", 0);
  const auto fresh = install("fresh");
  clause(new_of(x), ClauseKind::Depends, "gone | fresh", {old_of(gone), new_of(fresh)});
  EXPECT_EQ(least(*this, {fresh}), (Steps{gone, fresh})) << "the less trusted of the two";
  EXPECT_EQ(why(*this, {fresh}, gone),
            (Chain{"gone kept: new x (2.0) needs gone | fresh", "fresh failed"}));
}

TEST_F(KeptSetTest, AlternativesHoldWhileOneOfThemDoes) {
  const auto x = upgrade("x");
  const auto a = upgrade("a");
  const auto b = upgrade("b");
  clause(new_of(x), ClauseKind::Depends, "a (>= 2) | b (>= 2)", {new_of(a), new_of(b)});
  EXPECT_EQ(least(*this, {a}), (Steps{a}));
  EXPECT_EQ(least(*this, {a, b}), (Steps{x, a, b}));
}

TEST_F(KeptSetTest, ARelationThatHoldsOnBothSidesBindsNobody) {
  const auto x = upgrade("x");
  const auto a = upgrade("a");
  clause(new_of(x), ClauseKind::Depends, "a", {old_of(a), new_of(a)});
  EXPECT_EQ(least(*this, {a}), (Steps{a}));
  EXPECT_EQ(least(*this, {x}), (Steps{x}));
}

TEST_F(KeptSetTest, SiblingsOfOtherArchitecturesMoveTogether) {
  const auto foo = upgrade("foo");
  const auto foo32 = upgrade("foo:i386");
  lockstep(foo, foo32);
  EXPECT_EQ(least(*this, {foo}), (Steps{foo, foo32}));
  EXPECT_EQ(least(*this, {foo32}), (Steps{foo, foo32}));
  EXPECT_EQ(why(*this, {foo}, foo32),
            (Chain{"foo:i386 kept: must have the same version as foo", "foo failed"}));
  EXPECT_EQ(why(*this, {foo32}, foo),
            (Chain{"foo kept: must have the same version as foo:i386", "foo:i386 failed"}));
}

// Violated before the run.

TEST_F(KeptSetTest, WhatAnOldVersionNeverHadIsNotAskedFor) {
  const auto o = upgrade("o");
  const auto fresh = install("fresh");
  clause(old_of(o), ClauseKind::Depends, "fresh", {new_of(fresh)});
  EXPECT_EQ(least(*this, {o}), (Steps{o}));
  EXPECT_EQ(least(*this, {o, fresh}), (Steps{o, fresh}));
  EXPECT_TRUE(is_consistent(plan, {true, true}));
}

TEST_F(KeptSetTest, WhatAnOutsiderNeverHadIsNotAskedFor) {
  const auto fresh = install("fresh");
  outside("broken", ClauseKind::Depends, "fresh", {new_of(fresh)});
  EXPECT_EQ(least(*this, {fresh}), (Steps{fresh}));
}

TEST_F(KeptSetTest, WhatTheOldVersionNeverHadTheNewOneNeedNotHave) {
  const auto x = upgrade("x");
  const auto fresh = install("fresh");
  clause(old_of(x), ClauseKind::Depends, "fresh", {new_of(fresh)});
  clause(new_of(x), ClauseKind::Depends, "fresh", {new_of(fresh)});
  EXPECT_EQ(least(*this, {fresh}), (Steps{fresh}));
}

TEST_F(KeptSetTest, ButOtherRelationsOfTheNewVersionCount) {
  const auto x = upgrade("x");
  const auto fresh = install("fresh");
  const auto y = upgrade("y");
  clause(old_of(x), ClauseKind::Depends, "fresh", {new_of(fresh)});
  clause(new_of(x), ClauseKind::PreDepends, "fresh", {new_of(fresh)});
  clause(new_of(y), ClauseKind::Depends, "fresh", {new_of(fresh)});
  EXPECT_EQ(least(*this, {fresh}), (Steps{x, fresh, y})) << "another field, and another package";
}

TEST_F(KeptSetTest, WhatHeldBeforeTheRunCountsForBothVersions) {
  const auto x = upgrade("x");
  const auto a = remove("a");
  const auto b = upgrade("b");
  clause(old_of(x), ClauseKind::Depends, "a | b (>= 2)", {old_of(a), new_of(b)});
  clause(new_of(x), ClauseKind::Depends, "a | b (>= 2)", {old_of(a), new_of(b)});
  EXPECT_EQ(least(*this, {b}), (Steps{a, b})) << "keeping x would not help: the old x needs it too";
}

// Choices.

TEST_F(KeptSetTest, OfTwoWaysTheShorterIsTaken) {
  const auto x = upgrade("x");
  const auto y = upgrade("y");
  const auto gone = remove("gone");
  const auto fresh = install("fresh");
  clause(new_of(x), ClauseKind::Depends, "gone | fresh", {old_of(gone), new_of(fresh)});
  clause(new_of(y), ClauseKind::Breaks, "gone", {new_of(gone)});
  EXPECT_EQ(least(*this, {fresh}), (Steps{x, fresh})) << "gone would keep y as well";
}

TEST_F(KeptSetTest, OneStepThatSettlesTwoClausesBeatsTwo) {
  const auto x = upgrade("x", 0);
  const auto y = upgrade("y", 0);
  const auto gone = remove("gone", 3);
  const auto fresh = install("fresh");
  clause(new_of(x), ClauseKind::Depends, "gone | fresh", {old_of(gone), new_of(fresh)});
  clause(new_of(y), ClauseKind::Depends, "gone | fresh", {old_of(gone), new_of(fresh)});
  EXPECT_EQ(least(*this, {fresh}), (Steps{gone, fresh}));
}

TEST_F(KeptSetTest, TiesGoByTrustAndThenByName) {
  const auto bravo = upgrade("bravo", 2);
  const auto alpha = upgrade("alpha", 2);
  const auto trusted = upgrade("aaa", 3);
  const auto fresh = install("fresh");
  outside("user", ClauseKind::Depends, "one of three",
          {old_of(trusted), old_of(bravo), old_of(alpha), new_of(fresh)});
  EXPECT_EQ(least(*this, {fresh}), (Steps{alpha, fresh}));
  plan.steps[bravo].trust = 1;
  EXPECT_EQ(least(*this, {fresh}), (Steps{bravo, fresh}));
}

TEST_F(KeptSetTest, CausesAreNeverCircular) {
  // f's failure asks for a or b, and each of them for the other: in the end, each is a reason for
  // the other, but only one of them joined because of f.
  const auto f = upgrade("f");
  const auto a = upgrade("a");
  const auto b = upgrade("b");
  clause(old_of(f), ClauseKind::Depends, "a (<< 2) | b (<< 2)", {old_of(a), old_of(b)});
  clause(old_of(a), ClauseKind::Depends, "b (= 1.0)", {old_of(b)});
  clause(old_of(b), ClauseKind::Depends, "a (= 1.0)", {old_of(a)});
  EXPECT_EQ(least(*this, {f}), (Steps{f, a, b}));
  EXPECT_EQ(why(*this, {f}, b),
            (Chain{"b kept: old a (1.0) needs b (= 1.0)",
                   "a kept: old f (1.0) needs a (<< 2) | b (<< 2)", "f failed"}));
}

TEST_F(KeptSetTest, WhatTheRunBreaksByItselfIsKeptToo) {
  const auto f = upgrade("f");
  const auto x = upgrade("x");
  clause(new_of(x), ClauseKind::Depends, "nowhere", {});
  const KeptSet kept = least_kept_set(plan, Steps{f});
  EXPECT_EQ(steps_of(kept), (Steps{f, x}));
  EXPECT_EQ(cause_chain(plan, kept, x, "amd64"), (Chain{"x kept: needs nowhere"}));
}

// Limits.

TEST_F(KeptSetTest, ManySmallChoicesAreNotOneBigOne) {
  const auto fresh = install("fresh");
  for (int i = 0; i < 60; ++i) {
    const auto one = upgrade("one" + std::to_string(i));
    const auto two = upgrade("two" + std::to_string(i));
    outside("user", ClauseKind::Depends, "any", {old_of(two), old_of(one), new_of(fresh)});
  }
  const KeptSet kept = least_kept_set(plan, Steps{fresh});
  EXPECT_TRUE(kept.exact) << "2 to the 60th ways, but in groups that have nothing in common";
  EXPECT_EQ(kept.members.size(), 61U);
  for (const KeptMember& member : kept.members) {
    EXPECT_FALSE(plan.steps[member.step].package.starts_with("two"));
  }
}

TEST_F(KeptSetTest, BeyondTheBoundItSaysSoAndHasNoNeedlessMember) {
  const auto fresh = install("fresh");
  Steps ring;
  for (int i = 0; i < 31; ++i) ring.push_back(upgrade("p" + std::to_string(i)));
  for (std::size_t i = 0; i < ring.size(); ++i) {
    for (const std::size_t far : {1U, 5U, 12U}) {
      outside("user", ClauseKind::Depends, "any",
              {old_of(ring[i]), old_of(ring[(i + far) % ring.size()]), new_of(fresh)});
    }
  }
  KeptSetLimits limits;
  limits.max_nodes = 10;
  const KeptSet quick = least_kept_set(plan, Steps{fresh}, limits);
  EXPECT_FALSE(quick.exact);
  EXPECT_TRUE(quick.minimal);
  std::vector<bool> kept(plan.steps.size(), false);
  for (const KeptMember& member : quick.members) kept[member.step] = true;
  EXPECT_TRUE(is_consistent(plan, kept));
  // Here a superset never violates more, so that single members tell about all subsets.
  for (const KeptMember& member : quick.members) {
    kept[member.step] = false;
    EXPECT_TRUE(member.failed || !is_consistent(plan, kept));
    kept[member.step] = true;
  }
  const KeptSet exact = least_kept_set(plan, Steps{fresh});
  EXPECT_TRUE(exact.exact);
  EXPECT_LE(exact.members.size(), quick.members.size());
  EXPECT_GT(exact.explored, limits.max_nodes);
}

TEST_F(KeptSetTest, AChainOfThousandsHasACauseForEach) {
  constexpr std::uint32_t kLength = 5000;
  for (std::uint32_t i = 0; i < kLength; ++i) upgrade("p" + std::to_string(i));
  for (std::uint32_t i = 1; i < kLength; ++i) {
    clause(new_of(i), ClauseKind::Depends, "before", {new_of(i - 1)});
  }
  const KeptSet kept = least_kept_set(plan, Steps{0});
  EXPECT_EQ(kept.members.size(), kLength);
  EXPECT_EQ(cause_chain(plan, kept, kLength - 1, "amd64").size(), kLength);
}

TEST_F(KeptSetTest, ConsistencyIsAskedOfAnySet) {
  const auto a = upgrade("a");
  const auto b = upgrade("b");
  clause(new_of(b), ClauseKind::Depends, "a (>= 2)", {new_of(a)});
  EXPECT_TRUE(is_consistent(plan, {false, false}));
  EXPECT_FALSE(is_consistent(plan, {true, false}));
  EXPECT_TRUE(is_consistent(plan, {false, true}));
  EXPECT_TRUE(is_consistent(plan, {true, true}));
}

TEST(DisplayName, LeavesOutTheNativeArchitecture) {
  EXPECT_EQ(display_name("foo:amd64", "amd64"), "foo");
  EXPECT_EQ(display_name("foo:i386", "amd64"), "foo:i386");
  EXPECT_EQ(display_name("foo", "amd64"), "foo");
  EXPECT_EQ(display_name("foo:amd64", ""), "foo:amd64");
}

}  // namespace
}  // namespace aptkeep
