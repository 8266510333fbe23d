// Which rule is named for what it decided, and which as beaten.
#include "core/decision_lines.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/rule_text.h"
#include "rule_builder.h"

namespace aptkeep {
namespace {

using test::facts_with;
using test::rule_for;
using test::step_of;

StepDecisions decided(const std::vector<Rule>& rules) {
  return decide(rules, step_of("postfix:amd64", "1", "2"), facts_with());
}

TEST(DecisionLines, NameTheRuleThatDecidedAndThoseThatItBeats) {
  std::vector<Rule> rules{rule_for({"postfix"}, "a:1"), rule_for({"postfix"}, "a:9"),
                          rule_for({"postfix"}, "b:1")};
  rules[0].service_class = ServiceClass::End;
  rules[2].service_class = ServiceClass::Stop;
  const auto lines = decision_lines(decided(rules));
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_STREQ(lines[0].field, "Class");
  EXPECT_EQ(lines[0].value, "stop");
  EXPECT_EQ(lines[0].by, &rules[2]);
  EXPECT_EQ(lines[0].beaten, (std::vector<const Rule*>{&rules[0]}));
  EXPECT_EQ(said_in(rules[0], "Class"), "end");
  EXPECT_EQ(said_in(rules[1], "Class"), "none");
}

TEST(DecisionLines, AnEntryOfAListIsALine) {
  std::vector<Rule> rules{rule_for({"postfix"}, "a:1"), rule_for({"postfix"}, "b:1")};
  rules[0].services.entries = {"postfix.service"};
  rules[1].services.entries = {"postfix.service", "clamav.service"};
  const auto lines = decision_lines(decided(rules));
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0].value, "postfix.service");
  EXPECT_EQ(lines[0].by, &rules[0]);
  EXPECT_EQ(lines[1].value, "clamav.service");
  EXPECT_EQ(lines[1].by, &rules[1]);
}

TEST(DecisionLines, WhatWasDroppedIsTold) {
  std::vector<Rule> rules{rule_for({"postfix"}, "a:1"), rule_for({"postfix"}, "b:1")};
  rules[0].guards.entries = {{"queue-empty", {"/q"}}};
  rules[1].guards.none = true;
  auto lines = decision_lines(decided(rules));
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_STREQ(lines[0].field, "Guard");
  EXPECT_EQ(lines[0].value, "none");
  EXPECT_EQ(lines[0].by, &rules[1]);
  EXPECT_EQ(lines[0].beaten, (std::vector<const Rule*>{&rules[0]}));
  rules[1].guards.entries = {{"not-running", {"/usr/bin/x"}}};
  lines = decision_lines(decided(rules));
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0].by, &rules[1]);
  EXPECT_EQ(lines[0].beaten, (std::vector<const Rule*>{&rules[0]}));
  EXPECT_EQ(said_in(rules[0], "Guard"), "queue-empty /q");
}

TEST(DecisionLines, WhatOneDropsAndAnotherListsAreTwoLines) {
  std::vector<Rule> rules{rule_for({"postfix"}, "a:1"), rule_for({"postfix"}, "b:1"),
                          rule_for({"postfix"}, "c:1")};
  rules[0].guards.entries = {{"queue-empty", {"/q"}}};
  rules[1].guards.none = true;
  rules[2].guards.entries = {{"not-running", {"/usr/bin/x"}}};
  const auto lines = decision_lines(decided(rules));
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0].value, "none");
  EXPECT_EQ(lines[0].by, &rules[1]);
  EXPECT_EQ(lines[0].beaten, (std::vector<const Rule*>{&rules[0]}));
  EXPECT_EQ(lines[1].value, "not-running /usr/bin/x");
  EXPECT_EQ(lines[1].by, &rules[2]);
  EXPECT_TRUE(lines[1].beaten.empty());
}

// As decided_text() has them: a field that is forgotten here would be kept from a person.
TEST(DecisionLines, HaveEveryField) {
  auto rule = rule_for({"postfix"});
  rule.upgrade_to = {{RelationOp::GreaterEqual, "9"}};
  rule.services.entries = {"a.service"};
  rule.reload.entries = {"a.service"};
  rule.service_class = ServiceClass::Stop;
  rule.sockets = SocketMode::Park;
  rule.together.entries = {"b.service"};
  rule.guards.entries = {{"queue-empty", {"/q"}}};
  rule.if_unmet = IfUnmet::Ask;
  for (auto* list :
       {&rule.check_config, &rule.probe, &rule.idle, &rule.before, &rule.after, &rule.backup}) {
    list->entries = {{{"/bin/x", "a b"}, false, 5, "nobody"}};
  }
  rule.save.entries = {"/etc/x"};
  rule.on_failure = OnFailure::Retry;
  rule.never_back = true;
  rule.repair = "look";
  const auto lines = lines_of(rule);
  ASSERT_EQ(lines.size(), decision_fields().size());
  for (std::size_t i = 0; i < lines.size(); ++i) {
    EXPECT_STREQ(lines[i].field, decision_fields()[i]);
    EXPECT_EQ(lines[i].value, said_in(rule, lines[i].field));
    EXPECT_NE(lines[i].value, "none");
    EXPECT_EQ(lines[i].by, nullptr);
  }
}

}  // namespace
}  // namespace aptkeep
