// Which rules apply, and which of them decides. Each case fails if its field is not looked at.
#include "core/rule_match.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "core/rule_text.h"
#include "rule_builder.h"

namespace aptkeep {
namespace {

using test::facts_with;
using test::rule_for;
using test::step_of;

bool apply(const Rule& rule, const std::string& from, const std::string& to,
           const RuleFacts& facts = facts_with()) {
  return applies(rule, step_of("postfix:amd64", from, to), facts);
}

TEST(RuleApplies, ToThePackageThatItNames) {
  EXPECT_TRUE(apply(rule_for({"postfix"}), "1", "2"));
  EXPECT_TRUE(apply(rule_for({"exim4", "post*"}), "1", "2"));
  EXPECT_FALSE(apply(rule_for({"postfix-lmdb", "fix"}), "1", "2"));
  EXPECT_FALSE(apply(rule_for({}), "1", "2"));
}

TEST(RuleApplies, OnItsArchitectures) {
  auto rule = rule_for({"postfix"});
  rule.architectures = {"arm64", "amd64"};
  EXPECT_TRUE(apply(rule, "1", "2"));
  rule.architectures = {"arm64"};
  EXPECT_FALSE(apply(rule, "1", "2"));
}

TEST(RuleApplies, WhenAllTheOthersAreInstalled) {
  auto rule = rule_for({"postfix"});
  rule.when_installed = {{"vmm", std::nullopt}, {"dovecot-core", Relation{RelationOp::Less, "24"}}};
  EXPECT_FALSE(apply(rule, "1", "2"));
  EXPECT_FALSE(apply(rule, "1", "2", facts_with({{"vmm", "6"}})));
  EXPECT_FALSE(apply(rule, "1", "2", facts_with({{"vmm", "6"}, {"dovecot-core", "24"}})));
  EXPECT_TRUE(apply(rule, "1", "2", facts_with({{"vmm", "6"}, {"dovecot-core", "23"}})));
}

TEST(RuleApplies, WithinItsWindow) {
  auto rule = rule_for({"postfix"});
  rule.upgrade_from = {{RelationOp::Less, "36"}, {RelationOp::GreaterEqual, "21"}};
  rule.upgrade_to = {{RelationOp::GreaterEqual, "36"}};
  EXPECT_TRUE(apply(rule, "35", "36"));
  EXPECT_TRUE(apply(rule, "21", "50"));
  EXPECT_FALSE(apply(rule, "20", "36")) << "before the window";
  EXPECT_FALSE(apply(rule, "36", "37")) << "behind it";
  EXPECT_FALSE(apply(rule, "30", "35")) << "does not get there";
  EXPECT_FALSE(apply(rule, "36", "35")) << "a downgrade";
}

TEST(RuleApplies, ADowngradeThatCrossesTheWindowIfItSaysSo) {
  auto rule = rule_for({"postfix"});
  rule.upgrade_from = {{RelationOp::Less, "36"}};
  rule.upgrade_to = {{RelationOp::GreaterEqual, "36"}};
  rule.both_ways = true;
  EXPECT_TRUE(apply(rule, "35", "36"));
  EXPECT_TRUE(apply(rule, "37", "35"));
  EXPECT_FALSE(apply(rule, "38", "37"));
  EXPECT_FALSE(apply(rule, "35", "34"));
}

TEST(RuleApplies, WithOneEndOfAWindow) {
  auto rule = rule_for({"postfix"});
  rule.upgrade_to = {{RelationOp::GreaterEqual, "36"}};
  EXPECT_TRUE(apply(rule, "37", "38"));
  EXPECT_TRUE(apply(rule, "37", "37")) << "installed again, or only configured";
  EXPECT_FALSE(apply(rule, "39", "38")) << "a downgrade, though to a version of the window";
  rule.both_ways = true;
  EXPECT_TRUE(apply(rule, "39", "38"));
}

TEST(RuleApplies, NotWithoutTheSideThatTheWindowIsOf) {
  auto from = rule_for({"postfix"});
  from.upgrade_from = {{RelationOp::Less, "36"}};
  EXPECT_FALSE(apply(from, "", "40")) << "a new install";
  EXPECT_TRUE(apply(from, "35", "")) << "a removal";
  auto to = rule_for({"postfix"});
  to.upgrade_to = {{RelationOp::Less, "36"}};
  to.both_ways = true;
  EXPECT_FALSE(apply(to, "35", ""));
  EXPECT_TRUE(apply(to, "", "35"));
}

TEST(RuleApplies, WithoutAWindowToEverything) {
  const auto rule = rule_for({"postfix"});
  EXPECT_TRUE(apply(rule, "", "1"));
  EXPECT_TRUE(apply(rule, "1", ""));
  EXPECT_TRUE(apply(rule, "2", "1"));
}

TEST(Relation, EachOperator) {
  const auto held = [](RelationOp op) {
    std::string text;
    for (const char* version : {"1", "2", "3"}) {
      text += holds({op, "2"}, version, test::compare_numbers) ? 'y' : 'n';
    }
    return text;
  };
  EXPECT_EQ(held(RelationOp::Less), "ynn");
  EXPECT_EQ(held(RelationOp::LessEqual), "yyn");
  EXPECT_EQ(held(RelationOp::Equal), "nyn");
  EXPECT_EQ(held(RelationOp::GreaterEqual), "nyy");
  EXPECT_EQ(held(RelationOp::Greater), "nny");
}

RuleCommand command(std::string program) {
  RuleCommand made;
  made.argv = {std::move(program)};
  return made;
}

// Every field that says something: how two rules say two things in it.
struct SayingField {
  const char* name;
  std::function<void(Rule&)> first, second;
  const char* first_text;
  const char* second_text;
  const char* between = "";
  std::function<std::vector<const Rule*>(const StepDecisions&)> beaten = {};
};

template <typename T>
SayingField one(const char* name, std::optional<T> Rule::*field,
                std::optional<Decided<T>> StepDecisions::*decided, T first, T second,
                const char* first_text, const char* second_text) {
  return {name,
          [=](Rule& rule) { rule.*field = first; },
          [=](Rule& rule) { rule.*field = second; },
          first_text,
          second_text,
          "",
          [=](const StepDecisions& decisions) { return (decisions.*decided).value().beaten; }};
}

template <typename T>
SayingField list(const char* name, RuleList<T> Rule::*field, T first, T second,
                 const char* first_text, const char* second_text, const char* between = "\n") {
  return {name,
          [=](Rule& rule) { (rule.*field).entries = {first}; },
          [=](Rule& rule) { (rule.*field).entries = {second}; },
          first_text,
          second_text,
          between,
          {}};
}

using S = std::string;
const std::vector<SayingField> kSingle = {
    one("Class", &Rule::service_class, &StepDecisions::service_class, ServiceClass::Stop,
        ServiceClass::Early, "stop", "early"),
    one("Sockets", &Rule::sockets, &StepDecisions::sockets, SocketMode::Quiesce, SocketMode::Park,
        "quiesce", "park"),
    one("If-Unmet", &Rule::if_unmet, &StepDecisions::if_unmet, IfUnmet::Stop, IfUnmet::Ask, "stop",
        "ask"),
    one("On-Failure", &Rule::on_failure, &StepDecisions::on_failure, OnFailure::Retry,
        OnFailure::StopRun, "retry", "stop-run"),
    one("Rollback", &Rule::never_back, &StepDecisions::never_back, true, false, "never", "allowed"),
    one("Repair", &Rule::repair, &StepDecisions::repair, S("type this"), S("type that"),
        "type this", "type that"),
};
const std::vector<SayingField> kLists = {
    list("Services", &Rule::services, S("a.service"), S("b.service"), "a.service", "b.service",
         " "),
    list("Reload", &Rule::reload, S("a.service"), S("b.service"), "a.service", "b.service", " "),
    list("Together", &Rule::together, S("a.service"), S("b.service"), "a.service", "b.service",
         " "),
    list("Save", &Rule::save, S("/a"), S("/b"), "/a", "/b", " "),
    list("Guard", &Rule::guards, GuardCall{"queue-empty", {"/a"}}, GuardCall{"same-ids", {"b"}},
         "queue-empty /a", "same-ids b"),
    list("Check-Config", &Rule::check_config, command("/a"), command("/b"), "/a", "/b"),
    list("Probe", &Rule::probe, command("/a"), command("/b"), "/a", "/b"),
    list("Idle", &Rule::idle, command("/a"), command("/b"), "/a", "/b"),
    list("Before", &Rule::before, command("/a"), command("/b"), "/a", "/b"),
    list("After", &Rule::after, command("/a"), command("/b"), "/a", "/b"),
    list("Backup", &Rule::backup, command("/a"), command("/b"), "/a", "/b"),
};

StepDecisions decide_on(const std::vector<Rule>& rules) {
  return decide(rules, step_of("p:amd64", "1", "2"), facts_with());
}

std::string text_on(const std::vector<Rule>& rules, const char* field) {
  return decided_text(decide_on(rules), field).value_or("no such field");
}

TEST(RuleDecides, EachFieldWithOneValueByTheLastRuleThatHasIt) {
  for (const auto& field : kSingle) {
    auto first = rule_for({"p"});
    auto second = rule_for({"p"});
    const auto silent = rule_for({"p"});
    auto other = rule_for({"q"});
    field.first(first);
    field.second(second);
    field.first(other);
    EXPECT_EQ(text_on({silent}, field.name), "none") << field.name;
    EXPECT_EQ(text_on({first, silent, other}, field.name), field.first_text);
    EXPECT_EQ(text_on({first, second, silent, other}, field.name), field.second_text);
    EXPECT_EQ(text_on({second, first}, field.name), field.first_text);
  }
}

TEST(RuleDecides, EachListByAllRulesUntilNone) {
  for (const auto& field : kLists) {
    auto first = rule_for({"p"});
    auto second = rule_for({"p"});
    field.first(first);
    field.second(second);
    const std::string a = field.first_text;
    const std::string b = field.second_text;
    const auto both = a + field.between + b;
    EXPECT_EQ(text_on({rule_for({"p"})}, field.name), "none") << field.name;
    EXPECT_EQ(text_on({first, second}, field.name), both);
    EXPECT_EQ(text_on({first, second, first}, field.name), both) << "said twice, there once";
    auto none = rule_for({"p"});
    none.services.none = none.together.none = none.save.none = none.guards.none = true;
    none.check_config.none = none.probe.none = none.before.none = none.after.none = true;
    none.backup.none = none.idle.none = none.reload.none = true;
    EXPECT_EQ(text_on({first, none}, field.name), "none");
    EXPECT_EQ(text_on({first, none, second}, field.name), field.second_text);
    field.second(none);
    EXPECT_EQ(text_on({first, none}, field.name), field.second_text) << "none, and one of its own";
  }
}

TEST(RuleDecides, EveryFieldIsTestedHere) {
  EXPECT_EQ(kSingle.size() + kLists.size(), decision_fields().size());
}

TEST(RuleDecides, NothingToSaveOfWhatIsNotReplaced) {
  std::vector<Rule> rules{rule_for({"postfix"})};
  for (auto* list : {&rules[0].before, &rules[0].after, &rules[0].backup})
    list->entries = {{{"/bin/x"}, false, 5, ""}};
  rules[0].together.entries = {"a.service"};
  rules[0].save.entries = {"/etc/x"};
  const RuleIndex index(rules);
  const auto counts = [&](const Step& step) {
    std::vector<std::size_t> both;
    for (const auto& said : {decide(rules, step, facts_with()), index.decide(step, facts_with())}) {
      both.push_back(said.before.entries.size() + said.after.entries.size() +
                     said.backup.entries.size() + said.together.entries.size());
      EXPECT_EQ(said.save.entries.size(), 1U);
    }
    return both;
  };
  EXPECT_EQ(counts(step_of("postfix:amd64", "1", "2")), (std::vector<std::size_t>{4, 4}));
  EXPECT_EQ(counts(step_of("postfix:amd64", "1", "")), (std::vector<std::size_t>{0, 0}));
  EXPECT_EQ(counts(step_of("postfix:amd64", "", "2")), (std::vector<std::size_t>{0, 0}));
  auto configured = step_of("postfix:amd64", "1", "2");
  configured.action = Action::Configure;
  EXPECT_EQ(counts(configured), (std::vector<std::size_t>{0, 0}));
}

TEST(RuleDecides, WhoDecidedAndWhoWasBeaten) {
  std::vector<Rule> rules(4, rule_for({"p"}));
  rules[0].service_class = ServiceClass::Stop;
  rules[1].service_class = ServiceClass::End;
  rules[2].service_class = ServiceClass::Stop;
  rules[3].sockets = SocketMode::Park;
  rules.push_back(rules[0]);
  const auto decided = decide_on(rules);
  EXPECT_EQ(decided.applying.size(), 5U);
  ASSERT_TRUE(decided.service_class);
  EXPECT_EQ(decided.service_class->by, &rules[4]);
  EXPECT_EQ(decided.service_class->beaten, std::vector<const Rule*>{&rules[1]})
      << "the others said the same";
  rules[4].service_class = ServiceClass::Never;
  const std::vector<const Rule*> latest_first = {&rules[2], &rules[1], &rules[0]};
  EXPECT_EQ(decide_on(rules).service_class->beaten, latest_first);
}

TEST(RuleDecides, EachFieldTellsWhomItBeatLatestFirst) {
  for (const auto& field : kSingle) {
    std::vector<Rule> rules(4, rule_for({"p"}));
    field.first(rules[0]);
    field.second(rules[1]);
    field.first(rules[2]);
    field.second(rules[3]);
    const std::vector<const Rule*> latest_first = {&rules[2], &rules[0]};
    EXPECT_EQ(field.beaten(decide_on(rules)), latest_first) << field.name;
  }
}

TEST(RuleDecides, WhoseEntriesWereDropped) {
  std::vector<Rule> rules(4, rule_for({"p"}));
  rules[0].services.entries = {"a.service", "b.service"};
  rules[2].services.none = true;
  rules[3].services.entries = {"c.service"};
  const auto decided = decide_on(rules);
  EXPECT_EQ(decided.services.dropped, std::vector<const Rule*>{&rules[0]});
  ASSERT_EQ(decided.services.entries.size(), 1U);
  EXPECT_EQ(decided.services.entries[0].by, &rules[3]);
}

// foo 2 was unpacked over 1 and never configured; what its postinst would have changed is as 1 left
// it.
TEST(RuleApplies, FromTheVersionThatWasLastConfigured) {
  auto rule = rule_for({"postfix"});
  rule.upgrade_from = {{RelationOp::Less, "20"}};
  rule.upgrade_to = {{RelationOp::GreaterEqual, "20"}};
  auto step = step_of("postfix:amd64", "20", "21");
  EXPECT_FALSE(applies(rule, step, facts_with()));
  step.config_version = "10";
  EXPECT_TRUE(applies(rule, step, facts_with()));
  step.config_version = "20";
  EXPECT_FALSE(applies(rule, step, facts_with()));
  step.config_version = "10";
  step.new_version = "19";
  EXPECT_FALSE(applies(rule, step, facts_with()));
  step.new_version = "";
  rule.upgrade_to = {};
  EXPECT_FALSE(applies(rule, step, facts_with())) << "it goes, and nothing is configured";
}

// What it was before it was unpacked was asked when 2 came; 3, which mends it, is not to be kept.
TEST(RuleApplies, WithoutWhatComesBeforeWhereOnlyTheConfiguredVersionIsFromTheWindow) {
  auto rule = rule_for({"postfix"});
  rule.upgrade_from = {{RelationOp::Less, "20"}};
  rule.upgrade_to = {{RelationOp::GreaterEqual, "20"}};
  rule.guards.entries = {{"queue-empty", {"/var/spool/postfix"}}};
  rule.backup.entries = {RuleCommand{}};
  rule.before.entries = {RuleCommand{}};
  rule.after.entries = {RuleCommand{}};
  rule.check_config.entries = {RuleCommand{}};
  rule.together.entries = {"dovecot.service"};
  rule.service_class = ServiceClass::Stop;
  auto step = step_of("postfix:amd64", "20", "21");
  step.config_version = "10";
  auto decided = decide({rule}, step, facts_with());
  EXPECT_TRUE(decided.guards.entries.empty());
  EXPECT_TRUE(decided.backup.entries.empty());
  EXPECT_TRUE(decided.before.entries.empty());
  EXPECT_EQ(decided.after.entries.size(), 1U);
  EXPECT_EQ(decided.check_config.entries.size(), 1U);
  EXPECT_EQ(decided.together.entries.size(), 1U);
  EXPECT_TRUE(decided.service_class);
  rule.if_unmet = IfUnmet::Stop;
  rule.guards.entries.clear();
  rule.backup.entries.clear();
  EXPECT_FALSE(decide({rule}, step, facts_with()).if_unmet);
  step.old_version = "10";
  decided = decide({rule}, step, facts_with());
  EXPECT_EQ(decided.before.entries.size(), 1U);
  EXPECT_TRUE(decided.if_unmet);
}

}  // namespace
}  // namespace aptkeep
