#include "core/step_rules.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace aptkeep {
namespace {

Rule never(std::vector<std::string> names, std::string reason) {
  Rule rule;
  rule.packages = std::move(names);
  rule.never_back = true;
  rule.reason = std::move(reason);
  return rule;
}

Rule allowed(std::vector<std::string> names) {
  auto rule = never(std::move(names), "the test says so");
  rule.never_back = false;
  return rule;
}

const RuleFacts kFacts = {[](auto a, auto b) { return a.compare(b); }, [](auto) { return ""; }};

void mark(const std::vector<Rule>& rules, std::vector<Step>& steps) {
  mark_steps(decide_steps(RuleIndex(rules), kFacts, steps), steps);
}

std::string reason(const std::vector<Rule>& rules, const std::string& package) {
  std::vector<Step> steps(1);
  steps[0].package = package;
  steps[0].old_version = "1.0";
  steps[0].new_version = "2.0";
  mark(rules, steps);
  return steps[0].never_back;
}

TEST(NeverBack, NamesAndPatterns) {
  const std::vector<Rule> rules = {never({"slapd", "postgresql-[0-9]*"}, "data")};
  EXPECT_EQ(reason(rules, "slapd:amd64"), "data");
  EXPECT_EQ(reason(rules, "slapd"), "data");
  EXPECT_EQ(reason(rules, "postgresql-15:amd64"), "data");
  EXPECT_EQ(reason(rules, "slapd-contrib:amd64"), "");
  EXPECT_EQ(reason(rules, "postgresql-common:amd64"), "");
  EXPECT_EQ(reason({}, "slapd:amd64"), "");
}

TEST(NeverBack, EveryArchitectureOfAName) {
  EXPECT_EQ(reason({never({"libc6"}, "all needs it")}, "libc6:i386"), "all needs it");
  EXPECT_EQ(reason({never({"*i386"}, "x")}, "libc6:i386"), "") << "a name, not a slot";
}

TEST(NeverBack, WhatFailedBeforeAsWell) {
  const auto reason_of = [](const std::string& state, const std::string& new_version,
                            const std::string& configured = "1.0", bool never = false) {
    std::vector<Step> steps(1);
    steps[0].package = "foo:amd64";
    steps[0].old_version = "2.0";
    steps[0].new_version = new_version;
    steps[0].old_state = state;
    steps[0].config_version = configured;
    steps[0].never_configured = never;
    mark({}, steps);
    EXPECT_EQ(steps[0].never_back, "") << "another one may take it back";
    const auto& left = steps[0].on_failure;
    EXPECT_TRUE(!left || left->wish == OnFailure::LeaveNew);
    return left ? left->why : std::string();
  };
  const std::string why = "the version before, 2.0, was not configured either";
  EXPECT_EQ(reason_of("iF", "2.1"), why);
  EXPECT_EQ(reason_of("uF", "2.1"), why);
  EXPECT_EQ(reason_of("iU", "2.1"), "") << "it was not tried";
  EXPECT_EQ(reason_of("ii", "2.1"), "");
  EXPECT_EQ(reason_of("", "2.1"), "");
  EXPECT_EQ(reason_of("iF", "2.0"), "") << "it is tried again";
  EXPECT_EQ(reason_of("iF", ""), "") << "it is removed";
  EXPECT_EQ(reason_of("iF", "2.1", ""), "") << "a trigger of it has failed";
  EXPECT_EQ(reason_of("iF", "2.1", "", true), why);
  EXPECT_EQ(reason_of("iU", "2.1", "", true), "");
}

TEST(NeverBack, TheLastRuleDecides) {
  const auto first = never({"mariadb-server*"}, "first");
  const auto second = never({"mariadb-server"}, "second");
  EXPECT_EQ(reason({first, second}, "mariadb-server:amd64"), "second");
  EXPECT_EQ(reason({second, first}, "mariadb-server:amd64"), "first");
  const auto lifted = allowed({"mariadb-server"});
  EXPECT_EQ(reason({first, lifted}, "mariadb-server:amd64"), "");
  EXPECT_EQ(reason({first, lifted}, "mariadb-server-core:amd64"), "first");
  EXPECT_EQ(reason({lifted, first}, "mariadb-server:amd64"), "first");
}

TEST(NeverBack, OnlyWithinTheRulesWindow) {
  auto rule = never({"db"}, "data");
  rule.upgrade_from = {{RelationOp::Less, "2.0"}};
  rule.upgrade_to = {{RelationOp::GreaterEqual, "2.0"}};
  EXPECT_EQ(reason({rule}, "db:amd64"), "data");
  rule.upgrade_from = {{RelationOp::Less, "0.5"}};
  EXPECT_EQ(reason({rule}, "db:amd64"), "");
}

Step step(const std::string& name, const std::string& from, const std::string& to) {
  Step made;
  made.package = name + ":amd64";
  made.old_version = from;
  made.new_version = to;
  return made;
}

TEST(MarkNeverBack, WhatHasAnOldSide) {
  const std::vector<Rule> rules = {never({"db"}, "data"), allowed({"lifted"})};
  std::vector<Step> steps = {step("db", "1.0", "2.0"), step("db", "", "2.0"),
                             step("other", "1.0", "2.0"), step("lifted", "1.0", "2.0")};
  mark(rules, steps);
  EXPECT_EQ(steps[0].never_back, "data");
  EXPECT_EQ(steps[1].never_back, "") << "a new install loses nothing";
  EXPECT_EQ(steps[2].never_back, "");
  EXPECT_EQ(steps[3].never_back, "");
}

TEST(MarkNeverBack, ANewInstallThatTakesOver) {
  const std::vector<Rule> rules = {never({"db", "db-[0-9]*"}, "data"), never({"x"}, "not it")};
  std::vector<Step> steps = {step("db-10", "1.0", ""), step("db", "", "2.0"), step("x", "", "2")};
  mark(rules, steps);
  EXPECT_EQ(steps[0].never_back, "data");
  EXPECT_EQ(steps[1].never_back, "data");
  EXPECT_EQ(steps[2].never_back, "");
}

TEST(MarkSteps, WhatToDoAboutAFailure) {
  Rule rule;
  rule.packages = {"db"};
  rule.on_failure = OnFailure::StopRun;
  rule.save = {false, {"/etc/db.conf", "/etc/db.keys"}};
  rule.reason = "look at it first";
  rule.repair = "see our wiki";
  std::vector<Step> steps = {step("db", "1.0", "2.0"), step("other", "1.0", "2.0")};
  mark({rule}, steps);
  ASSERT_TRUE(steps[0].on_failure);
  EXPECT_EQ(steps[0].on_failure->wish, OnFailure::StopRun);
  EXPECT_EQ(steps[0].on_failure->why, "look at it first");
  EXPECT_EQ(steps[0].save, (std::vector<std::string>{"/etc/db.conf", "/etc/db.keys"}));
  EXPECT_EQ(steps[0].repair, "see our wiki");
  EXPECT_EQ(steps[1].repair, "");
  EXPECT_FALSE(steps[1].on_failure);
  EXPECT_TRUE(steps[1].save.empty());
}

TEST(MarkNeverBack, WithoutRulesNothing) {
  std::vector<Step> steps = {step("db", "1.0", ""), step("db", "", "2.0")};
  mark({}, steps);
  EXPECT_EQ(steps[0].never_back, "");
  EXPECT_EQ(steps[1].never_back, "");
}

}  // namespace
}  // namespace aptkeep
