#include "core/guard_policy.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace aptkeep {
namespace {

using Texts = std::vector<std::string>;

const GuardFinding kMet{{"free-space", {"/var", "1G"}}, {GuardState::Met, "3 GiB"}};
const GuardFinding kUnmet{{"queue-empty", {"/q"}}, {GuardState::Unmet, "2 files in /q"}};
const GuardFinding kUnknown{{"service-active", {"x"}},
                            {GuardState::Unknown, "systemd is not running"}};

GuardSetting setting(IfUnmet if_unmet, bool person = false) {
  GuardSetting all;
  all.if_unmet = if_unmet;
  all.person = person;
  return all;
}

TEST(JudgeGuards, GoesWhereAllAreMet) {
  for (const auto if_unmet : {IfUnmet::Keep, IfUnmet::Stop, IfUnmet::Warn, IfUnmet::Ask}) {
    EXPECT_EQ(judge_guards({}, setting(if_unmet)).verdict, GuardVerdict::Go);
    const auto decision = judge_guards({kMet, kMet}, setting(if_unmet));
    EXPECT_EQ(decision.verdict, GuardVerdict::Go);
    EXPECT_EQ(decision.reason, "");
    EXPECT_EQ(decision.unmet, Texts{});
  }
}

TEST(JudgeGuards, DoesWhatTheRuleSays) {
  EXPECT_EQ(judge_guards({kUnmet}, setting(IfUnmet::Keep)).verdict, GuardVerdict::Keep);
  EXPECT_EQ(judge_guards({kUnmet}, setting(IfUnmet::Stop)).verdict, GuardVerdict::Stop);
  EXPECT_EQ(judge_guards({kUnmet}, setting(IfUnmet::Warn)).verdict, GuardVerdict::Warn);
  EXPECT_EQ(judge_guards({kUnmet}, GuardSetting{}).verdict, GuardVerdict::Keep)
      << "no rule says anything";
}

TEST(JudgeGuards, AsksOnlyWhereSomebodyIs) {
  EXPECT_EQ(judge_guards({kUnmet}, setting(IfUnmet::Ask, true)).verdict, GuardVerdict::Ask);
  const auto alone = judge_guards({kUnmet}, setting(IfUnmet::Ask, false));
  EXPECT_EQ(alone.verdict, GuardVerdict::Keep);
  EXPECT_EQ(alone.reason,
            "guard queue-empty /q is unmet: 2 files in /q (nobody is at a terminal to be asked)");
  EXPECT_EQ(judge_guards({kUnmet}, setting(IfUnmet::Keep, true)).verdict, GuardVerdict::Keep)
      << "a person alone is no reason to ask";
  GuardSetting refused = setting(IfUnmet::Ask, true);
  refused.asked = true;
  EXPECT_EQ(judge_guards({kUnmet}, refused).verdict, GuardVerdict::Keep);
  EXPECT_EQ(judge_guards({kUnmet}, refused).reason,
            "guard queue-empty /q is unmet: 2 files in /q (who was asked has not said yes)");
}

TEST(JudgeGuards, WhatCannotBeEvaluatedIsUnmetAndSaysWhy) {
  const auto decision = judge_guards({kMet, kUnknown}, setting(IfUnmet::Keep));
  EXPECT_EQ(decision.verdict, GuardVerdict::Keep);
  EXPECT_EQ(decision.reason, "guard service-active x cannot be evaluated: systemd is not running");
  EXPECT_EQ(decision.unmet, Texts{"service-active x"});
}

TEST(JudgeGuards, NamesAllThatAreUnmet) {
  const auto decision = judge_guards({kUnmet, kMet, kUnknown}, setting(IfUnmet::Warn));
  EXPECT_EQ(decision.verdict, GuardVerdict::Warn);
  EXPECT_EQ(decision.reason,
            "guard queue-empty /q is unmet: 2 files in /q; guard service-active x cannot be "
            "evaluated: systemd is not running");
  EXPECT_EQ(decision.unmet, (Texts{"queue-empty /q", "service-active x"}));
}

TEST(JudgeGuards, ForceLetsItPassAndIsOnRecord) {
  for (const auto if_unmet : {IfUnmet::Keep, IfUnmet::Stop, IfUnmet::Warn, IfUnmet::Ask}) {
    auto forced = setting(if_unmet, true);
    forced.forced = true;
    const auto decision = judge_guards({kUnmet, kMet, kUnknown}, forced);
    EXPECT_EQ(decision.verdict, GuardVerdict::Go);
    EXPECT_EQ(decision.passed, (Texts{"queue-empty /q", "service-active x"}));
    EXPECT_EQ(decision.unmet, Texts{});
    EXPECT_TRUE(decision.reason.starts_with("forced past: guard queue-empty /q is unmet"));
    EXPECT_EQ(judge_guards({kMet}, forced).reason, "") << "nothing was forced";
  }
}

// After "yes" the same guard passes once more when the service is stopped; a new one does not.
TEST(JudgeGuards, APersonsYesCountsForThatGuardAlone) {
  auto said_yes = setting(IfUnmet::Ask, false);
  said_yes.accepted = {"queue-empty /q"};
  const auto same = judge_guards({kUnmet}, said_yes);
  EXPECT_EQ(same.verdict, GuardVerdict::Go);
  EXPECT_EQ(same.passed, Texts{"queue-empty /q"});
  EXPECT_EQ(same.reason, "accepted: guard queue-empty /q is unmet: 2 files in /q");
  const auto another = judge_guards({kUnmet, kUnknown}, said_yes);
  EXPECT_EQ(another.verdict, GuardVerdict::Keep);
  EXPECT_EQ(another.unmet, Texts{"service-active x"});
}

TEST(JudgeGuards, TellsInOneHarmlessLine) {
  const GuardFinding hostile{{"queue-empty", {"/q\n\x1b[2J"}}, {GuardState::Unmet, "a\nb"}};
  const auto decision = judge_guards({hostile}, setting(IfUnmet::Keep));
  EXPECT_EQ(decision.reason, "guard queue-empty '/q\\x0a\\x1b[2J' is unmet: a\\x0ab");
}

TEST(JudgeGuards, OfSeveralTheStrictestDecidesOfThoseThatDoNotHold) {
  auto warns = kUnmet;
  warns.if_unmet = IfUnmet::Warn;
  auto asks = kUnknown;
  asks.if_unmet = IfUnmet::Ask;
  auto stops = kMet;
  stops.if_unmet = IfUnmet::Stop;
  const auto verdict = [](const std::vector<GuardFinding>& findings, bool person = true) {
    return judge_guards(findings, setting(IfUnmet::Keep, person)).verdict;
  };
  EXPECT_EQ(verdict({warns, stops}), GuardVerdict::Warn);
  EXPECT_EQ(verdict({warns, asks}), GuardVerdict::Ask);
  EXPECT_EQ(verdict({warns, asks}, false), GuardVerdict::Keep);
  EXPECT_EQ(verdict({asks, kUnmet}), GuardVerdict::Keep);
  stops.result.state = GuardState::Unmet;
  EXPECT_EQ(verdict({kUnmet, stops, warns}), GuardVerdict::Stop);
  // Who said yes to one has not said so of the other.
  auto accepted = setting(IfUnmet::Keep, true);
  accepted.accepted = {to_string(asks.call)};
  EXPECT_EQ(judge_guards({asks, warns}, accepted).verdict, GuardVerdict::Warn);
}

TEST(GuardsAfterStop, AreThoseThatAServiceCanChange) {
  std::vector<GuardCall> all;
  for (const auto& kind : guard_kinds()) all.push_back({kind.name, {}});
  all.push_back({"no-such-guard", {}});
  Texts names;
  for (const auto& call : guards_after_stop(all)) names.push_back(call.name);
  EXPECT_EQ(names, (Texts{"file-contains", "file-lacks", "free-space", "not-running", "queue-empty",
                          "same-file-value"}));
}

TEST(GuardsAfterStop, ACommandOnlyWhereItSaysSo) {
  const GuardCall once{"command", {"/bin/x", "expects", "0"}};
  const GuardCall again{"command", {"/bin/x", "expects", "0", "again"}};
  EXPECT_EQ(guards_after_stop({once, again}), (std::vector<GuardCall>{again}));
}

TEST(GuardsToRepeat, AreThoseThatHoldAndMayChange) {
  const std::vector<GuardFinding> findings = {
      {{"queue-empty", {"/a b"}}, {GuardState::Met, ""}},
      {{"queue-empty", {"/known"}}, {GuardState::Unmet, "2 files"}},
      {{"same-ids", {"postfix"}}, {GuardState::Met, ""}},
      {{"free-space", {"/var", "1G"}}, {GuardState::Met, ""}}};
  GuardSetting setting;
  setting.if_unmet = IfUnmet::Warn;
  for (const bool forced : {false, true}) {
    setting.forced = forced;
    const auto texts = guards_to_repeat(findings, judge_guards(findings, setting));
    ASSERT_EQ(texts.size(), 2U);
    EXPECT_EQ(read_guard(texts[0]), findings[0].call);
    EXPECT_EQ(read_guard(texts[1]), findings[3].call);
  }
  // With what its own rule says.
  auto own = findings[0];
  own.if_unmet = IfUnmet::Warn;
  const auto texts = guards_to_repeat({own}, {});
  ASSERT_EQ(texts.size(), 1U);
  EXPECT_EQ(read_guard(texts[0]), own.call);
  EXPECT_EQ(recorded_if_unmet(texts[0]), IfUnmet::Warn);
  EXPECT_EQ(recorded_if_unmet("queue-empty /q"), std::nullopt);
  EXPECT_EQ(read_guard("'open"), GuardCall{});
  EXPECT_EQ(read_guard(""), GuardCall{});
}

TEST(Force, TakesPackagesWithCommasOrBlanksBetween) {
  const auto force = read_force(" postfix,dovecot-core  g++:amd64,, ");
  EXPECT_EQ(force.packages, (Texts{"postfix", "dovecot-core", "g++:amd64"}));
  EXPECT_EQ(force.refused, Texts{});
  EXPECT_EQ(read_force("").packages, Texts{});
}

TEST(Force, RefusesWhatIsNoPackage) {
  const auto force = read_force("* post* -x a/b \x1b[2J postfix:");
  EXPECT_EQ(force.packages, Texts{});
  EXPECT_EQ(force.refused, (Texts{"*", "post*", "-x", "a/b", "\\x1b[2J", "postfix:"}));
}

TEST(Force, IsForThatPackageAlone) {
  EXPECT_TRUE(is_forced({"postfix"}, "postfix:amd64"));
  EXPECT_TRUE(is_forced({"postfix:i386"}, "postfix:i386"));
  EXPECT_FALSE(is_forced({"postfix:i386"}, "postfix:amd64"));
  EXPECT_FALSE(is_forced({"postfix"}, "postfix-mysql:amd64"));
  EXPECT_FALSE(is_forced({}, "postfix:amd64"));
}

}  // namespace
}  // namespace aptkeep
