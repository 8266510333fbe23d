// Each kind of relation as clauses. The names of the cases say what is expected.
#include <gtest/gtest.h>

#include <fstream>

#include "apt_root.h"

namespace aptkeep::test {
namespace {

using Lines = std::vector<std::string>;

TEST(Clauses, StrictDependencyTiesBothSides) {
  AptRoot root;
  root.installed({"foo", "1.0", ""});
  root.available({"foo", "2.0", ""});
  root.installed({"dep", "1.0", "Depends: foo (= 1.0)\n"});
  root.available({"dep", "2.0", "Depends: foo (= 2.0)\n"});
  root.write();
  const auto plan = plan_in(root, {upgrade("foo"), upgrade("dep")});
  EXPECT_EQ(clause_lines(plan), (Lines{"dep:amd64 1.0 old depends foo (= 1.0): foo:amd64=old",
                                       "dep:amd64 2.0 new depends foo (= 2.0): foo:amd64=new"}));
  EXPECT_EQ(kept_names(plan, {"foo:amd64"}), (Lines{"dep:amd64", "foo:amd64"}));
  EXPECT_EQ(kept_names(plan, {"dep:amd64"}), (Lines{"dep:amd64", "foo:amd64"}));
}

TEST(Clauses, LooseDependencyKeepsNobodyBackButIsKnown) {
  AptRoot root;
  root.installed({"foo", "1.0", ""});
  root.available({"foo", "2.0", ""});
  root.installed({"dep", "1.0", "Depends: foo\n"});
  root.available({"dep", "2.0", "Depends: foo\n"});
  root.write();
  const auto plan = plan_in(root, {upgrade("foo"), upgrade("dep")});
  // dpkg configures dep only when foo is configured, whichever version it has.
  EXPECT_EQ(clause_lines(plan),
            (Lines{"dep:amd64 2.0 new depends foo: foo:amd64=new foo:amd64=old"}));
  EXPECT_EQ(kept_names(plan, {"foo:amd64"}), (Lines{"foo:amd64"}));
}

TEST(Clauses, PreDependsIsAKindOfItsOwn) {
  AptRoot root;
  root.installed({"foo", "1.0", ""});
  root.available({"foo", "2.0", ""});
  root.available({"new", "2.0", "Pre-Depends: foo (>= 2)\n"});
  root.write();
  const auto plan = plan_in(root, {upgrade("foo"), install("new")});
  EXPECT_EQ(clause_lines(plan), (Lines{"new:amd64 2.0 new pre-depends foo (>= 2): foo:amd64=new"}));
}

TEST(Clauses, RecommendsSuggestsReplacesEnhancesAreNone) {
  AptRoot root;
  root.installed({"foo", "1.0", ""});
  root.available({"foo", "2.0", ""});
  root.installed({"dep", "1.0", ""});
  root.available({"dep", "2.0",
                  "Recommends: foo (= 2.0)\nSuggests: foo (= 2.0)\nReplaces: foo (<< 2)\n"
                  "Enhances: foo (= 2.0)\n"});
  root.write();
  EXPECT_EQ(clause_lines(plan_in(root, {upgrade("foo"), upgrade("dep")})), Lines{});
}

TEST(Clauses, AlternativesAreOneClause) {
  AptRoot root;
  root.installed({"a", "1.0", ""});
  root.available({"a", "2.0", ""});
  root.installed({"b", "1.0", ""});
  root.available({"b", "2.0", ""});
  root.installed({"dep", "1.0", ""});
  root.available({"dep", "2.0", "Depends: a (>= 2) | b (= 1.0)\n"});
  root.write();
  const auto plan = plan_in(root, {upgrade("a"), upgrade("b"), upgrade("dep")});
  EXPECT_EQ(clause_lines(plan), (Lines{"dep:amd64 2.0 new depends a (>= 2) | b (= 1.0): "
                                       "a:amd64=new b:amd64=old"}));
  EXPECT_EQ(kept_names(plan, {"a:amd64", "b:amd64"}), (Lines{"a:amd64", "b:amd64"}));
  EXPECT_EQ(kept_names(plan, {"a:amd64"}).size(), 2U);  // with b or with dep
}

TEST(Clauses, AnInstalledAlternativeOutsideTheRunEndsTheMatter) {
  AptRoot root;
  root.installed({"a", "1.0", ""});
  root.available({"a", "2.0", ""});
  root.installed({"c", "1.0", ""});
  root.installed({"dep", "1.0", ""});
  root.available({"dep", "2.0", "Depends: a (>= 2) | c\n"});
  root.write();
  EXPECT_EQ(clause_lines(plan_in(root, {upgrade("a"), upgrade("dep")})), Lines{});
}

TEST(Clauses, AVersionedProvidesCountsForWhatItSays) {
  AptRoot root;
  root.installed({"impl", "1.0", "Provides: api (= 1)\n"});
  root.available({"impl", "2.0", "Provides: api (= 2)\n"});
  root.installed({"either", "1.0", "Depends: api (= 1) | api (= 2)\n"});
  root.installed({"dep", "1.0", "Depends: api (= 1)\n"});
  root.available({"dep", "2.0", "Depends: api (>= 2)\n"});
  root.write();
  const auto plan = plan_in(root, {upgrade("impl"), upgrade("dep")});
  EXPECT_EQ(clause_lines(plan), (Lines{"dep:amd64 1.0 old depends api (= 1): impl:amd64=old",
                                       "dep:amd64 2.0 new depends api (>= 2): impl:amd64=new"}));
}

TEST(Clauses, AnUnversionedProvidesDoesNotMeetAVersion) {
  AptRoot root;
  root.installed({"impl", "1.0", ""});
  root.available({"impl", "2.0", "Provides: api\n"});
  root.available({"dep", "2.0", "Depends: api\n"});
  root.available({"alt", "2.0", "Depends: api (>= 1) | impl (>= 2)\n"});
  root.write();
  EXPECT_EQ(clause_lines(plan_in(root, {upgrade("impl"), install("dep"), install("alt")})),
            (Lines{"alt:amd64 2.0 new depends api (>= 1) | impl (>= 2): impl:amd64=new",
                   "dep:amd64 2.0 new depends api: impl:amd64=new"}));
}

TEST(Clauses, BreaksForbidsTheOldSide) {
  AptRoot root;
  root.installed({"foo", "1.0", ""});
  root.available({"foo", "2.0", ""});
  root.installed({"bar", "1.0", ""});
  root.available({"bar", "2.0", "Breaks: foo (<< 2)\n"});
  root.write();
  const auto plan = plan_in(root, {upgrade("bar"), upgrade("foo")});
  // The second is the same word said for the other architecture, where foo is not.
  EXPECT_EQ(clause_lines(plan), (Lines{"bar:amd64 2.0 new breaks foo (<< 2): foo:amd64=new"}));
  EXPECT_EQ(kept_names(plan, {"foo:amd64"}), (Lines{"bar:amd64", "foo:amd64"}));
  EXPECT_EQ(kept_names(plan, {"bar:amd64"}), (Lines{"bar:amd64"}));
}

TEST(Clauses, AnOldVersionMayBreakAndConflictToo) {
  AptRoot root;
  root.installed({"foo", "1.0", "Breaks: bar (>= 2)\nConflicts: new\n"});
  root.available({"foo", "2.0", ""});
  root.installed({"bar", "1.0", ""});
  root.available({"bar", "2.0", ""});
  root.available({"new", "2.0", ""});
  root.write();
  const auto plan = plan_in(root, {upgrade("foo"), upgrade("bar"), install("new")});
  EXPECT_EQ(clause_lines(plan), (Lines{"foo:amd64 1.0 old breaks bar (>= 2): bar:amd64=old",
                                       "foo:amd64 1.0 old conflicts new: new:amd64=old"}));
  EXPECT_EQ(kept_names(plan, {"foo:amd64"}), (Lines{"bar:amd64", "foo:amd64", "new:amd64"}));
}

TEST(Clauses, ARemovalThatFailsBringsBackWhatItConflictedWith) {
  AptRoot root;
  root.installed({"old", "1.0", ""});
  root.available({"new", "2.0", "Conflicts: old\nReplaces: old\nProvides: old\n"});
  root.installed({"dep", "1.0", "Depends: old\n"});
  root.write();
  const auto plan = plan_in(root, {removal("old"), install("new")});
  EXPECT_EQ(clause_lines(plan),
            (Lines{"dep:amd64 1.0 outside depends old: new:amd64=new old:amd64=old",
                   "new:amd64 2.0 new conflicts old: old:amd64=new"}));
  EXPECT_EQ(kept_names(plan, {"old:amd64"}), (Lines{"new:amd64", "old:amd64"}));
  EXPECT_EQ(kept_names(plan, {"new:amd64"}), (Lines{"new:amd64", "old:amd64"}));
}

TEST(Clauses, AConflictWithOnesOwnProvidesIsNone) {
  AptRoot root;
  root.installed({"mta1", "1.0", "Provides: mta\nConflicts: mta\n"});
  root.available({"mta1", "2.0", "Provides: mta\nConflicts: mta\n"});
  root.write();
  EXPECT_EQ(clause_lines(plan_in(root, {upgrade("mta1")})), Lines{});
}

TEST(Clauses, ABreaksHitsThroughAVersionedProvides) {
  AptRoot root;
  root.installed({"impl", "1.0", "Provides: api (= 1)\n"});
  root.available({"impl", "2.0", "Provides: api (= 2)\n"});
  root.available({"new", "2.0", "Breaks: api (<< 2)\n"});
  root.write();
  EXPECT_EQ(clause_lines(plan_in(root, {upgrade("impl"), install("new")})),
            (Lines{"new:amd64 2.0 new breaks api (<< 2): impl:amd64=new"}));
}

TEST(Clauses, SiblingsMoveInLockstep) {
  AptRoot root;
  for (const char* arch : {"amd64", "i386"}) {
    root.installed({"lib", "1.0", "Multi-Arch: same\n", arch});
    root.available({"lib", "2.0", "Multi-Arch: same\n", arch});
  }
  root.write();
  const auto plan = plan_in(root, {upgrade("lib"), upgrade("lib:i386")});
  EXPECT_EQ(clause_lines(plan), (Lines{"lib:amd64 1.0 old lockstep lib:i386 (= 1.0): lib:i386=old",
                                       "lib:amd64 2.0 new lockstep lib:i386 (= 2.0): lib:i386=new",
                                       "lib:i386 1.0 old lockstep lib (= 1.0): lib:amd64=old",
                                       "lib:i386 2.0 new lockstep lib (= 2.0): lib:amd64=new"}));
  EXPECT_EQ(kept_names(plan, {"lib:i386"}), (Lines{"lib:amd64", "lib:i386"}));
}

TEST(Clauses, WithoutMultiArchTheOtherArchitectureConflicts) {
  AptRoot root;
  root.installed({"tool", "1.0", "", "i386"});
  root.available({"tool", "2.0", "", "amd64"});
  root.write();
  EXPECT_EQ(clause_lines(plan_in(root, {removal("tool:i386"), install("tool")})),
            (Lines{"tool:amd64 2.0 new conflicts tool:i386: tool:i386=new",
                   "tool:i386 1.0 old conflicts tool: tool:amd64=old"}));
}

TEST(Clauses, AForeignPackageServesEveryArchitecture) {
  AptRoot root;
  root.installed({"tool", "1.0", "Multi-Arch: foreign\n"});
  root.available({"tool", "2.0", "Multi-Arch: foreign\n"});
  root.available({"app", "2.0", "Depends: tool (>= 2)\n", "i386"});
  root.write();
  EXPECT_EQ(clause_lines(plan_in(root, {upgrade("tool"), install("app:i386")})),
            (Lines{"app:i386 2.0 new depends tool:i386 (>= 2): tool:amd64=new"}));
}

TEST(Clauses, AnArchitectureAllPackageFillsTheNativeSlot) {
  AptRoot root;
  root.installed({"data", "1.0", "", "all"});
  root.available({"data", "2.0", "", "all"});
  root.available({"app", "2.0", "Depends: data (= 2.0)\n"});
  root.write();
  EXPECT_EQ(clause_lines(plan_in(root, {upgrade("data"), install("app")})),
            (Lines{"app:amd64 2.0 new depends data (= 2.0): data:amd64=new"}));
}

TEST(Clauses, PackagesOutsideTheRunHaveTheirSay) {
  AptRoot root;
  root.installed({"lib", "1.0", "Provides: abi-1\n"});
  root.available({"lib", "2.0", "Provides: abi-1, abi-2\n"});
  root.available({"lib-old", "2.0", "Provides: abi-1\n"});
  root.installed({"app", "5", "Depends: lib-old | lib (<< 2)\n"});
  root.installed({"other", "5", "Depends: abi-1\n"});
  root.installed({"quiet", "5", "Depends: other\n"});
  root.write();
  const auto plan = plan_in(root, {upgrade("lib"), install("lib-old")});
  EXPECT_EQ(clause_lines(plan),
            (Lines{"app:amd64 5 outside depends lib-old | lib (<< 2): lib-old:amd64=new "
                   "lib:amd64=old"}));
  EXPECT_EQ(kept_names(plan, {"lib-old:amd64"}), (Lines{"lib-old:amd64", "lib:amd64"}));
}

TEST(Clauses, WhatTheFrontendItselfViolatesBindsNobody) {
  AptRoot root;
  root.installed({"foo", "1.0", ""});
  root.available({"foo", "2.0", ""});
  root.installed({"broken", "1.0", "Depends: foo (= 1.0)\n"});
  root.write();
  EXPECT_EQ(clause_lines(plan_in(root, {upgrade("foo")})), Lines{});
}

TEST(Clauses, ALocalArchiveIsReadFromItsFile) {
  AptRoot root;
  root.installed({"foo", "1.0", ""});
  root.available({"foo", "2.0", ""});
  root.installed({"local", "1.0", ""});
  const auto file = root.archive({"local", "3.0", "Depends: foo (>= 2)\n"});
  const auto fresh = root.archive({"fresh", "1", "Depends: local (>= 3)\n"});
  root.write();
  Step local = upgrade("local", "1.0", "3.0");
  local.archive = file;
  Step unheard_of = install("fresh", "1");
  unheard_of.archive = fresh;
  const auto plan = plan_in(root, {upgrade("foo"), local, unheard_of});
  EXPECT_EQ(clause_lines(plan), (Lines{"fresh:amd64 1 new depends local (>= 3): local:amd64=new",
                                       "local:amd64 3.0 new depends foo (>= 2): foo:amd64=new"}));
}

TEST(Clauses, ALocalArchiveWinsOverAListsBuildOfTheSameVersion) {
  AptRoot root;
  root.installed({"foo", "1.0", ""});
  root.available({"foo", "2.0", ""});
  root.installed({"local", "1.0", ""});
  root.available({"local", "3.0", ""});
  const auto file = root.archive({"local", "3.0", "Depends: foo (>= 2)\n"});
  root.write();
  Step local = upgrade("local", "1.0", "3.0");
  local.archive = file;
  EXPECT_EQ(clause_lines(plan_in(root, {upgrade("foo"), local})),
            (Lines{"local:amd64 3.0 new depends foo (>= 2): foo:amd64=new"}));
}

TEST(Clauses, AVersionThatNobodyKnowsIsAnError) {
  AptRoot root;
  root.installed({"foo", "1.0", ""});
  root.available({"foo", "2.0", ""});
  root.write();
  auto cache = AptCache::open();
  ASSERT_TRUE(cache.ok());
  const auto plan = cache->make_plan({upgrade("foo", "1.0", "9.9")});
  ASSERT_FALSE(plan.ok());
  EXPECT_NE(plan.error().message.find("unable to read /var/cache/apt/archives/foo_9.9.deb"),
            std::string::npos)
      << plan.error().message;
}

TEST(Clauses, PurgingLeftOverConfigurationIsAbsentOnBothSides) {
  AptRoot root;
  root.installed({"foo", "1.0", ""});
  root.installed({"gone", "1.0", "Breaks: foo\n"});
  root.write();
  std::ofstream status(root.path("status"));
  status << "Package: gone\nVersion: 1.0\nArchitecture: amd64\nBreaks: foo\n"
            "Maintainer: Test <test@example.org>\nDescription: test\n"
            "Status: deinstall ok config-files\n\n";
  status.close();
  const auto plan = plan_in(root, {removal("gone")});
  ASSERT_EQ(plan.steps.size(), 1U);
  EXPECT_EQ(plan.steps[0].old_version, "");
  EXPECT_EQ(clause_lines(plan), Lines{});
}

TEST(Clauses, APackageToBeConfiguredIsTheSameOnBothSides) {
  AptRoot root;
  root.installed({"foo", "1.0", ""});
  root.installed({"bar", "1.0", "Depends: foo (= 1.0)\n"});
  root.installed({"outside", "1.0", "Depends: foo (= 1.0)\n"});
  root.write();
  std::vector<Step> steps = {upgrade("foo", "1.0", "1.0"), upgrade("bar", "1.0", "1.0")};
  for (auto& step : steps) {
    step.action = Action::Configure;
    step.archive.clear();
  }
  EXPECT_EQ(clause_lines(plan_in(root, steps)),
            (Lines{"bar:amd64 1.0 new depends foo (= 1.0): foo:amd64=new foo:amd64=old"}));
}

}  // namespace
}  // namespace aptkeep::test
