// What follows if a guard or a backup does not hold, and which rule is named for that.
#include "core/if_unmet.h"

#include <gtest/gtest.h>

#include <optional>
#include <vector>

#include "core/decision_lines.h"
#include "core/rule_text.h"
#include "rule_builder.h"

namespace aptkeep {
namespace {

using test::facts_with;
using test::rule_for;
using test::step_of;
using RulePointers = std::vector<const Rule*>;

const GuardCall kOne{"queue-empty", {"/one"}};
const GuardCall kOther{"queue-empty", {"/other"}};

StepDecisions decided_by_all(const std::vector<Rule>& rules) {
  return decide(rules, step_of("postfix:amd64", "1", "2"), facts_with());
}

Rule guarding(const GuardCall& guard, std::optional<IfUnmet> if_unmet = {}) {
  auto rule = rule_for({"postfix"});
  rule.guards.entries = {guard};
  rule.if_unmet = if_unmet;
  return rule;
}

Rule saving(const char* program, std::optional<IfUnmet> if_unmet = {}) {
  auto rule = rule_for({"postfix"});
  rule.backup.entries = {{{program}, false, 5, ""}};
  rule.if_unmet = if_unmet;
  return rule;
}

Rule about_all(IfUnmet if_unmet) {
  auto rule = rule_for({"postfix"});
  rule.if_unmet = if_unmet;
  return rule;
}

TEST(IfUnmet, OfAGuardWhatItsOwnStanzaSaysOrALaterOneAboutAll) {
  const GuardCall ours{"queue-empty", {"/ours"}};
  const GuardCall theirs{"queue-empty", {"/theirs"}};
  std::vector<Rule> rules{rule_for({"postfix"}), rule_for({"postfix"})};
  rules[0].guards.entries = {ours};
  rules[0].if_unmet = IfUnmet::Warn;
  rules[1].guards.entries = {theirs};
  const auto said = [&](const GuardCall& guard) {
    return if_unmet_of(decide(rules, step_of("postfix:amd64", "1", "2"), facts_with()), guard);
  };
  EXPECT_EQ(said(ours), IfUnmet::Warn);
  EXPECT_EQ(said(theirs), IfUnmet::Keep) << "ours does not weaken it";
  rules[1].if_unmet = IfUnmet::Stop;
  EXPECT_EQ(said(ours), IfUnmet::Warn);
  EXPECT_EQ(said(theirs), IfUnmet::Stop);
  rules.push_back(rule_for({"postfix"}));
  rules[2].if_unmet = IfUnmet::Ask;
  EXPECT_EQ(said(ours), IfUnmet::Ask);
  EXPECT_EQ(said(theirs), IfUnmet::Ask);
  // An admin's own word about a guard of ours.
  rules.push_back(rule_for({"postfix"}));
  rules[3].guards.entries = {ours};
  rules[3].if_unmet = IfUnmet::Stop;
  EXPECT_EQ(said(ours), IfUnmet::Stop);
  EXPECT_EQ(said(theirs), IfUnmet::Ask);
}

TEST(IfUnmet, OfBackupsTheStrictestAndOfTheirRoomTheSame) {
  std::vector<Rule> rules{rule_for({"postfix"}), rule_for({"postfix"})};
  rules[0].backup.entries = {{{"/bin/a"}, false, 5, ""}};
  rules[0].if_unmet = IfUnmet::Warn;
  rules[1].backup.entries = {{{"/bin/b"}, false, 5, ""}};
  rules[1].if_unmet = IfUnmet::Stop;
  const auto decisions = decide(rules, step_of("postfix:amd64", "1", "2"), facts_with());
  EXPECT_EQ(if_unmet_of_backups(decisions), IfUnmet::Stop);
  EXPECT_EQ(if_unmet_of(decisions, {"free-space", {"/b", "1"}}), IfUnmet::Stop);
  EXPECT_EQ(if_unmet_of_backups({}), IfUnmet::Keep);
}

TEST(IfUnmet, WhatNoneTookAwayDecidesNothing) {
  std::vector<Rule> rules{guarding(kOne, IfUnmet::Warn), rule_for({"postfix"}), guarding(kOne)};
  EXPECT_EQ(if_unmet_of(decided_by_all(rules), kOne), IfUnmet::Warn);
  rules[1].guards.none = true;
  EXPECT_EQ(if_unmet_of(decided_by_all(rules), kOne), IfUnmet::Keep);
  EXPECT_EQ(if_unmet_decided(decided_by_all(rules), kOne).by, nullptr);
  // In one stanza, none and the guard anew.
  rules[1].guards.entries = {kOne};
  rules[1].if_unmet = IfUnmet::Stop;
  EXPECT_EQ(if_unmet_decided(decided_by_all(rules), kOne).by, &rules[1]);
  EXPECT_TRUE(if_unmet_decided(decided_by_all(rules), kOne).beaten.empty());
  // It takes guards away, and neither backups nor what is about all.
  rules = {saving("/bin/a", IfUnmet::Warn), about_all(IfUnmet::Ask), rule_for({"postfix"}),
           guarding(kOne)};
  rules[0].guards.entries = {kOne};
  rules[2].guards.none = true;
  EXPECT_EQ(if_unmet_decided(decided_by_all(rules), kOne).by, &rules[1]);
  EXPECT_TRUE(if_unmet_decided(decided_by_all(rules), kOne).beaten.empty());
  EXPECT_EQ(if_unmet_decided_of_backups(decided_by_all(rules)).beaten, RulePointers{&rules[0]});
  rules[1].if_unmet.reset();
  EXPECT_EQ(if_unmet_decided_of_backups(decided_by_all(rules)).by, &rules[0]);
  rules[2].backup.none = true;
  rules.push_back(saving("/bin/a"));
  EXPECT_EQ(if_unmet_of_backups(decided_by_all(rules)), IfUnmet::Keep);
}

TEST(IfUnmet, ListingAGuardAnewWithoutTheFieldSaysNothingAboutIt) {
  const std::vector<Rule> rules{guarding(kOne, IfUnmet::Warn), guarding(kOne)};
  EXPECT_EQ(if_unmet_of(decided_by_all(rules), kOne), IfUnmet::Warn);
}

TEST(IfUnmet, NamesWhoDecidedAndWhoSaidOtherwiseOfThatGuard) {
  const std::vector<Rule> rules{about_all(IfUnmet::Stop),       guarding(kOne, IfUnmet::Warn),
                                guarding(kOther, IfUnmet::Ask), guarding(kOne, IfUnmet::Keep),
                                about_all(IfUnmet::Keep),       guarding(kOne, IfUnmet::Ask)};
  const auto decisions = decided_by_all(rules);
  const auto one = if_unmet_decided(decisions, kOne);
  EXPECT_EQ(one.value, IfUnmet::Ask);
  EXPECT_EQ(one.by, &rules[5]);
  EXPECT_EQ(one.beaten, (RulePointers{&rules[4], &rules[3], &rules[1], &rules[0]}));
  const auto other = if_unmet_decided(decisions, kOther);
  EXPECT_EQ(other.value, IfUnmet::Keep);
  EXPECT_EQ(other.by, &rules[4]);
  EXPECT_EQ(other.beaten, (RulePointers{&rules[2], &rules[0]}));
}

TEST(IfUnmet, BackupsAreOneAndTheStrictestWinsThem) {
  std::vector<Rule> rules{saving("/bin/a", IfUnmet::Stop), saving("/bin/b", IfUnmet::Warn)};
  auto decision = if_unmet_decided_of_backups(decided_by_all(rules));
  EXPECT_EQ(decision.value, IfUnmet::Stop);
  EXPECT_EQ(decision.by, &rules[0]);
  EXPECT_EQ(decision.beaten, RulePointers{&rules[1]});
  // Nobody says anything of the first one: keep.
  rules[0].if_unmet.reset();
  decision = if_unmet_decided_of_backups(decided_by_all(rules));
  EXPECT_EQ(decision.value, IfUnmet::Keep);
  EXPECT_EQ(decision.by, nullptr);
  EXPECT_EQ(decision.beaten, RulePointers{&rules[1]});
}

TEST(IfUnmet, OfAllAsTextTheStrictest) {
  const auto text = [](const std::vector<Rule>& rules) {
    return decided_text(decided_by_all(rules), "If-Unmet").value_or("no such field");
  };
  EXPECT_EQ(text({guarding(kOne)}), "none");
  EXPECT_EQ(text({about_all(IfUnmet::Ask)}), "ask");
  EXPECT_EQ(text({guarding(kOne, IfUnmet::Warn)}), "warn");
  EXPECT_EQ(text({guarding(kOne, IfUnmet::Warn), guarding(kOther)}), "keep");
  EXPECT_EQ(text({guarding(kOne, IfUnmet::Stop), guarding(kOther, IfUnmet::Warn)}), "stop");
  EXPECT_EQ(text({guarding(kOne, IfUnmet::Ask), saving("/bin/a", IfUnmet::Warn)}), "ask");
}

TEST(IfUnmet, IsALineOfItsOwnOnlyWhereThereIsNothingToStandWith) {
  std::vector<Rule> rules{guarding(kOne, IfUnmet::Stop), guarding(kOther, IfUnmet::Warn),
                          saving("/bin/a")};
  auto lines = decision_lines(decided_by_all(rules));
  ASSERT_EQ(lines.size(), 3U);
  for (std::size_t i = 0; i < lines.size(); ++i) ASSERT_TRUE(lines[i].if_unmet) << i;
  EXPECT_EQ(lines[0].if_unmet->by, &rules[0]);
  EXPECT_EQ(lines[1].if_unmet->by, &rules[1]);
  EXPECT_STREQ(lines[2].field, "Backup");
  EXPECT_EQ(lines[2].if_unmet->value, IfUnmet::Keep);
  EXPECT_EQ(lines[2].if_unmet->by, nullptr);
  // That of the guard which was taken away is nobody's.
  rules = {guarding(kOne, IfUnmet::Stop), rule_for({"postfix"})};
  rules[1].guards.none = true;
  lines = decision_lines(decided_by_all(rules));
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0].value, "none");
  EXPECT_FALSE(lines[0].if_unmet);
  rules = {about_all(IfUnmet::Stop)};
  lines = decision_lines(decided_by_all(rules));
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_STREQ(lines[0].field, "If-Unmet");
  EXPECT_EQ(lines[0].by, &rules[0]);
}

}  // namespace
}  // namespace aptkeep
