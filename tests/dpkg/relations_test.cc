// clauses_today(): what installed packages and old control data say of each other. What apt says of
// the same is tested with scenarios.
#include "adapters/dpkg_relations.h"

#include <algorithm>

#include "adapters/dpkg_needs.h"
#include "dpkg_root.h"

namespace aptkeep::test {
namespace {

class RelationsTest : public DpkgRoot {
 protected:
  void there(const std::string& name, const std::string& version, const std::string& fields = {},
             const std::string& arch = {}) {
    ASSERT_EQ(dpkg("--force-depends -i " +
                   build({.name = name, .version = version, .arch = arch, .fields = fields})),
              0)
        << output();
  }
  std::uint32_t step(const std::string& name, const std::string& old_version,
                     const std::string& new_version, const std::string& fields = {}) {
    Step one;
    one.package = slot(name);
    one.old_version = old_version;
    one.new_version = new_version;
    steps_.push_back(one);
    controls_.push_back(old_version.empty() ? "" : bare_control(slot(name), old_version) + fields);
    return static_cast<std::uint32_t>(steps_.size() - 1);
  }
  // "OWNER SIDE KIND RELATION: STEP SIDE ..." each, sorted.
  std::vector<std::string> clauses() {
    auto found = clauses_today(steps_, controls_);
    if (!found) return {found.error().message};
    std::vector<std::string> told;
    for (const Clause& clause : *found) {
      std::string text = clause.owner.substr(0, clause.owner.find(':')) + " " +
                         clause.owner_version + " " + to_string(clause.kind) + " " +
                         clause.relation + ":";
      for (const Literal& literal : clause.any_of) {
        const std::string package = steps_[literal.step].package;
        text += " " + package.substr(0, package.find(':')) + " " + to_string(literal.side);
      }
      told.push_back(text);
    }
    std::sort(told.begin(), told.end());
    return told;
  }
  static std::string line(const std::string& owner, ClauseKind kind, const std::string& rest) {
    return owner + " " + to_string(kind) + " " + rest;
  }

  std::vector<Step> steps_;
  std::vector<std::string> controls_;
};

using Lines = std::vector<std::string>;

TEST_F(RelationsTest, OthersNeedTheNewVersion) {
  there("foo", "2.0");
  there("extra", "1.0", "Depends: foo (>= 2.0)\n");
  there("any", "1.0", "Depends: foo\n");
  there("broken", "1.0", "Depends: foo (>= 3.0)\n");
  step("foo", "1.0", "2.0");
  const std::string two = " " + std::string(to_string(Side::New));
  EXPECT_EQ(
      clauses(),
      Lines({line("any 1.0", ClauseKind::Depends,
                  "foo: foo " + std::string(to_string(Side::New)) + " foo " + to_string(Side::Old)),
             line("extra 1.0", ClauseKind::Depends, "foo (>= 2.0): foo" + two)}));
}

TEST_F(RelationsTest, TheOldVersionLacksWhatIsGone) {
  there("foo", "2.0");
  there("here", "1.0");
  there("rc", "1.0");
  step("foo", "1.0", "2.0", "Depends: libold, here | gone\nBreaks: here (<< 2), other\n");
  EXPECT_EQ(clauses(), Lines({line("foo 1.0", ClauseKind::Breaks, "here (<< 2):"),
                              line("foo 1.0", ClauseKind::Depends, "libold:")}));
}

TEST_F(RelationsTest, WhatIsProvidedCountsByVersion) {
  there("foo", "2.0", "Provides: virtual (= 2), plain\n");
  there("strict", "1.0", "Depends: virtual (>= 2)\n");
  there("loose", "1.0", "Depends: plain\n");
  there("enemy", "1.0", "Conflicts: other-virtual\n");
  step("foo", "1.0", "2.0",
       "Provides: virtual (= 1), plain, other-virtual, itself\n"
       "Depends: itself\nConflicts: other-virtual\n");
  const std::string one = to_string(Side::Old);
  const std::string two = to_string(Side::New);
  EXPECT_EQ(clauses(),
            Lines({line("enemy 1.0", ClauseKind::Conflicts, "other-virtual: foo " + two),
                   line("loose 1.0", ClauseKind::Depends, "plain: foo " + two + " foo " + one),
                   line("strict 1.0", ClauseKind::Depends, "virtual (>= 2): foo " + two)}));
}

TEST_F(RelationsTest, StepsAmongThemselves) {
  there("foo", "2.0", "Breaks: bar (<< 2)\n");
  there("bar", "2.0", "Depends: foo (= 2.0)\n");
  there("fresh", "2.0", "Depends: foo (= 2.0) | bar (= 1.0)\n");
  step("foo", "1.0", "2.0");
  step("bar", "1.0", "2.0", "Depends: foo (= 1.0), left\n");
  step("fresh", "", "2.0");
  step("left", "1.0", "");
  const std::string one = to_string(Side::Old);
  const std::string two = to_string(Side::New);
  EXPECT_EQ(clauses(), Lines({line("bar 1.0", ClauseKind::Depends, "foo (= 1.0): foo " + one),
                              line("bar 1.0", ClauseKind::Depends, "left: left " + one),
                              line("bar 2.0", ClauseKind::Depends, "foo (= 2.0): foo " + two),
                              line("foo 2.0", ClauseKind::Breaks, "bar (<< 2): bar " + two),
                              line("fresh 2.0", ClauseKind::Depends,
                                   "foo (= 2.0) | bar (= 1.0): foo " + two + " bar " + one)}));
}

TEST_F(RelationsTest, SiblingsHaveOneVersion) {
  ASSERT_EQ(dpkg("--add-architecture i386"), 0);
  there("lib", "2.0", "Multi-Arch: same\n");
  there("lib", "2.0", "Multi-Arch: same\n", "i386");
  step("lib", "1.0", "2.0", "Multi-Arch: same\n");
  EXPECT_EQ(clauses(),
            Lines({line("lib 1.0", ClauseKind::Lockstep, "lib:i386 (= 1.0):"),
                   line("lib 2.0", ClauseKind::Lockstep,
                        slot("lib") + " (= 2.0): lib " + std::string(to_string(Side::New)))}));
}

TEST_F(RelationsTest, ADamagedStanzaIsAnError) {
  there("foo", "2.0");
  step("foo", "1.0", "2.0", "Depends: (\n");
  const auto told = clauses();
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].find("unable to read dpkg's database: "), 0U) << told[0];
  EXPECT_EQ(files_of(slot("foo")).version, "2.0");  // and it goes on well
}

// What a plain dpkg call's packages need of each other, installed or only unpacked.
TEST_F(RelationsTest, NeedsAmongStepsNameTheOldVersionWhereItWouldDo) {
  there("foo", "2.0");
  there("dep", "2.0", "Depends: foo (= 2.0), elsewhere\nConflicts: old\n");
  there("user", "2.0", "Pre-Depends: nobody | dep (>= 0.5)\nDepends: alone\n");
  step("foo", "1.0", "2.0");
  step("dep", "1.0", "2.0");
  step("user", "", "2.0");
  step("gone", "1.0", "");
  const auto clauses = needs_among(steps_);
  ASSERT_TRUE(clauses) << clauses.error().message;
  ASSERT_EQ(clauses->size(), 2u);
  const Clause& dep = (*clauses)[0];
  EXPECT_EQ(dep.owner_step, 1);
  EXPECT_EQ(dep.relation, "foo (= 2.0)");
  ASSERT_EQ(dep.any_of.size(), 1u);
  EXPECT_EQ(dep.any_of[0].step, 0u);
  EXPECT_EQ(dep.any_of[0].side, Side::New);
  const Clause& user = (*clauses)[1];
  EXPECT_EQ(user.kind, ClauseKind::PreDepends);
  EXPECT_EQ(user.relation, "nobody | dep (>= 0.5)");
  ASSERT_EQ(user.any_of.size(), 2u);
  EXPECT_EQ(user.any_of[1].step, 1u);
  EXPECT_EQ(user.any_of[1].side, Side::Old);
}

TEST_F(RelationsTest, NeedsAmongStepsGoThroughWhatIsProvided) {
  there("mta", "2.0", "Provides: mail (= 2), other\n");
  there("dep", "2.0", "Depends: mail (>= 2)\n");
  there("old", "2.0", "Depends: mail (<< 2)\n");
  there("same", "1.0", "Provides: kept\n");
  there("user", "2.0", "Depends: kept\n");
  step("mta", "1.0", "2.0");
  step("dep", "1.0", "2.0");
  step("old", "1.0", "2.0");
  step("same", "1.0", "2.0");  // which failed before its unpacking
  step("user", "1.0", "2.0");
  const auto clauses = needs_among(steps_);
  ASSERT_TRUE(clauses) << clauses.error().message;
  ASSERT_EQ(clauses->size(), 2u);
  EXPECT_EQ((*clauses)[0].owner_step, 1);
  EXPECT_EQ((*clauses)[0].any_of, (std::vector<Literal>{{0, Side::New}}));
  EXPECT_EQ((*clauses)[1].owner_step, 4);
  EXPECT_EQ((*clauses)[1].any_of, (std::vector<Literal>{{3, Side::New}, {3, Side::Old}}));
}

TEST_F(RelationsTest, NeedsAmongStepsAreOfTheArchitectureThatIsMeant) {
  ASSERT_EQ(dpkg("--add-architecture i386"), 0);
  there("lib", "2.0", "Multi-Arch: same\n");
  there("lib", "2.0", "Multi-Arch: same\n", "i386");
  there("far", "2.0", "Depends: lib\n", "i386");
  there("any", "2.0", "Multi-Arch: allowed\n");
  there("farther", "2.0", "Depends: any\n", "i386");
  step("lib", "1.0", "2.0");
  step("any", "1.0", "2.0");
  for (const char* name : {"lib:i386", "far:i386", "farther:i386"}) {
    Step one;
    one.package = name;
    one.old_version = "1.0";
    one.new_version = "2.0";
    steps_.push_back(one);
  }
  const auto clauses = needs_among(steps_);
  ASSERT_TRUE(clauses) << clauses.error().message;
  ASSERT_EQ(clauses->size(), 1u);
  EXPECT_EQ((*clauses)[0].owner, "far:i386");
  EXPECT_EQ((*clauses)[0].any_of, (std::vector<Literal>{{2, Side::New}, {2, Side::Old}}));
}

TEST_F(RelationsTest, UnmetNeedsAreThoseThatNothingConfiguredMeets) {
  there("foo", "1.0", "Provides: virtual\n");
  there("waits", "1.0", "Depends: nowhere\n");
  there("dep", "2.0",
        "Pre-Depends: foo\nDepends: foo (= 2.0), virtual, waits, gone | foo (>= 1)\n"
        "Recommends: more\n");
  const auto unmet = unmet_needs(slot("dep"));
  ASSERT_TRUE(unmet) << unmet.error().message;
  EXPECT_EQ(*unmet, Lines({"foo (= 2.0)"}));
  ASSERT_EQ(sh("sed -i '/^Package: waits$/,/^$/s/ok installed/ok unpacked/' " + admin("status")),
            0);
  EXPECT_EQ(*unmet_needs(slot("dep")), Lines({"foo (= 2.0)", "waits"}));
  EXPECT_TRUE(unmet_needs(slot("nobody"))->empty());
}

TEST_F(RelationsTest, NeedsThatOthersMeetAreNotWaitedFor) {
  there("foo", "2.0");
  there("there", "1.0", "Provides: virtual\n");
  there("dep", "2.0", "Depends: foo | there, virtual | foo\n");
  step("foo", "1.0", "2.0");
  step("dep", "1.0", "2.0");
  const auto clauses = needs_among(steps_);
  ASSERT_TRUE(clauses) << clauses.error().message;
  EXPECT_EQ(clauses->size(), 0u);
}

}  // namespace
}  // namespace aptkeep::test
