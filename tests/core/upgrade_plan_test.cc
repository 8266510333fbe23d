// From apt's steps, the rules' decisions and the guards' state to a plan.
#include "core/upgrade_plan.h"

#include <gtest/gtest.h>

#include <string>
#include <tuple>
#include <vector>

#include "core/step_rules.h"
#include "plan_builder.h"
#include "rule_builder.h"

namespace aptkeep {
namespace {

using test::facts_with;
using test::new_of;
using test::old_of;
using test::PlanBuilder;
using test::rule_for;

struct Case {
  PlanBuilder builder;
  std::vector<Rule> rules;
  std::vector<std::vector<GuardFinding>> guards;
  std::vector<int> calls;
  std::vector<std::string> left;
  PlanSettings settings;

  Case() { settings.native_arch = "amd64"; }

  // b needs a at its new version; c stands alone.
  void chain() {
    const auto a = builder.upgrade("a");
    const auto b = builder.upgrade("b");
    builder.upgrade("c");
    builder.clause(new_of(b), ClauseKind::Depends, "a (= 2.0)", {new_of(a)});
  }

  void unmet(std::uint32_t step, const std::string& why) {
    guards.resize(builder.plan.steps.size());
    guards[step] = {{{"queue-empty", {"/q"}}, {GuardState::Unmet, why}}};
  }

  std::vector<PlannedStep> run() {
    const RuleIndex index(rules);
    auto decisions = decide_steps(index, facts_with(), builder.plan.steps);
    mark_steps(decisions, builder.plan.steps);
    guards.resize(builder.plan.steps.size());
    calls.resize(builder.plan.steps.size(), 0);
    return plan_upgrade({builder.plan, decisions, guards, calls, left}, settings);
  }

  std::string name(const PlannedStep& planned) const {
    return display_name(builder.plan.steps[planned.step].package, "amd64");
  }

  std::string order(const std::vector<PlannedStep>& planned) const {
    std::string text;
    for (const auto& one : planned) text += (text.empty() ? "" : " ") + name(one);
    return text;
  }
};

const PlannedStep& of(const std::vector<PlannedStep>& planned, std::uint32_t step) {
  for (const auto& one : planned) {
    if (one.step == step) return one;
  }
  ADD_FAILURE() << "no step " << step;
  return planned.front();
}

TEST(UpgradePlan, AllGoesWhereNothingSpeaksAgainstIt) {
  Case it;
  it.chain();
  for (const auto& one : it.run()) {
    EXPECT_EQ(one.fate, Fate::Goes);
    EXPECT_TRUE(one.cause.empty());
    EXPECT_EQ(one.if_it_fails, IfItFails::PutBack);
  }
}

TEST(UpgradePlan, AnUnmetGuardKeepsAPackageAndWhatNeedsIt) {
  Case it;
  it.chain();
  it.unmet(0, "3 files");
  const auto planned = it.run();
  EXPECT_EQ(of(planned, 0).fate, Fate::Kept);
  EXPECT_EQ(of(planned, 0).cause,
            (std::vector<std::string>{"a kept: guard queue-empty /q is unmet: 3 files"}));
  EXPECT_EQ(of(planned, 1).fate, Fate::Kept);
  EXPECT_EQ(of(planned, 1).cause,
            (std::vector<std::string>{"b kept: needs a (= 2.0)",
                                      "a kept: guard queue-empty /q is unmet: 3 files"}));
  EXPECT_EQ(of(planned, 2).fate, Fate::Goes);
}

TEST(UpgradePlan, NothingIsKeptFromAFrontendThatRunsDpkgItself) {
  Case it;
  it.chain();
  it.unmet(0, "3 files");
  it.settings.bypassed = true;
  const auto planned = it.run();
  for (const auto& one : planned) EXPECT_EQ(one.fate, Fate::Goes);
  EXPECT_EQ(of(planned, 0).judged.reason, "guard queue-empty /q is unmet: 3 files");
  // But that nothing may begin is heeded.
  it.rules = {rule_for({"a"})};
  it.rules[0].if_unmet = IfUnmet::Stop;
  EXPECT_EQ(of(it.run(), 2).fate, Fate::NotBegun);
}

TEST(UpgradePlan, WhatWasLeftUnconfiguredStaysSo) {
  Case it;
  it.builder.upgrade("fine");
  const auto left = it.builder.upgrade("left");
  it.builder.plan.steps[left].action = Action::Configure;
  it.calls = {0, -1};
  it.left = {"", "it was left so"};
  const auto planned = it.run();
  EXPECT_EQ(of(planned, 0).fate, Fate::Goes);
  EXPECT_EQ(of(planned, left).fate, Fate::Kept);
  EXPECT_EQ(of(planned, left).cause,
            (std::vector<std::string>{"left not configured: it was left so"}));
}

TEST(UpgradePlan, WhatNeedsWhatIsLeftUnconfiguredComesToNothing) {
  Case it;
  const auto left = it.builder.upgrade("left");
  const auto user = it.builder.upgrade("user");
  const auto behind = it.builder.upgrade("behind");
  it.builder.upgrade("other");
  it.builder.plan.steps[left].action = Action::Configure;
  it.builder.clause(new_of(user), ClauseKind::Depends, "left", {old_of(left), new_of(left)});
  it.builder.clause(new_of(behind), ClauseKind::Depends, "user (= 2.0)", {new_of(user)});
  it.left = {"it was left so", "", "", ""};
  const auto planned = it.run();
  EXPECT_EQ(
      of(planned, user).cause,
      (std::vector<std::string>{"user kept: needs left", "left not configured: it was left so"}));
  EXPECT_EQ(of(planned, behind).cause,
            (std::vector<std::string>{"behind kept: needs user (= 2.0)", "user kept: needs left",
                                      "left not configured: it was left so"}));
  EXPECT_EQ(of(planned, 3).fate, Fate::Goes);
}

TEST(UpgradePlan, ForceLetsItPassItsGuardsAndSaysSo) {
  Case it;
  it.chain();
  it.unmet(0, "3 files");
  it.settings.forced = {"a"};
  const auto planned = it.run();
  EXPECT_EQ(of(planned, 0).fate, Fate::Goes);
  EXPECT_EQ(of(planned, 0).judged.passed, (std::vector<std::string>{"queue-empty /q"}));
  EXPECT_NE(of(planned, 0).judged.reason.find("forced past"), std::string::npos);
  EXPECT_EQ(of(planned, 1).fate, Fate::Goes);
}

TEST(UpgradePlan, IfUnmetDecidesWhatBecomesOfIt) {
  for (const auto& [word, person, fate] : {std::tuple{IfUnmet::Warn, false, Fate::Goes},
                                           {IfUnmet::Ask, true, Fate::Asks},
                                           {IfUnmet::Ask, false, Fate::Kept},
                                           {IfUnmet::Stop, true, Fate::NotBegun}}) {
    Case it;
    it.chain();
    it.rules = {rule_for({"a"})};
    it.rules[0].if_unmet = word;
    it.unmet(0, "3 files");
    it.settings.person = person;
    const auto planned = it.run();
    EXPECT_EQ(of(planned, 0).fate, fate);
    const Fate other = word == IfUnmet::Stop ? Fate::NotBegun : Fate::Goes;
    EXPECT_EQ(of(planned, 2).fate, other);
    EXPECT_EQ(of(planned, 2).cause.empty(), other == Fate::Goes);
  }
}

TEST(UpgradePlan, IsInTheOrderInWhichAptsCallsAreMade) {
  Case it;
  const auto late = it.builder.upgrade("late");
  const auto needed = it.builder.upgrade("needed");
  it.builder.remove("gone");
  it.builder.upgrade("first");
  it.builder.clause(new_of(late), ClauseKind::Depends, "needed (= 2.0)", {new_of(needed)});
  it.calls = {0, 0, -1, 1};
  EXPECT_EQ(it.order(it.run()), "needed late gone first");
  it.calls = {1, 2, -1, 3};
  EXPECT_EQ(it.order(it.run()), "late needed gone first");
}

TEST(UpgradePlan, WhatGoesDownComesApartAfterTheRestOfItsCall) {
  Case it;
  const auto daemon = it.builder.upgrade("daemon");
  const auto map = it.builder.upgrade("map");
  it.builder.upgrade("other");
  const auto second = it.builder.upgrade("second");
  it.builder.upgrade("later");
  it.builder.clause(new_of(map), ClauseKind::Depends, "daemon (= 2.0)", {new_of(daemon)});
  it.calls = {0, 0, 0, 0, 1};
  for (const auto step : {daemon, second}) {
    it.builder.plan.steps[step].island = Island{};
    it.builder.plan.steps[step].island->units = {"x" + std::to_string(step) + ".service"};
  }
  const auto planned = it.run();
  EXPECT_EQ(it.order(planned), "other daemon map second later");
  std::vector<std::uint32_t> groups;
  for (const auto& one : planned) groups.push_back(one.apart);
  EXPECT_EQ(groups, (std::vector<std::uint32_t>{0, 1, 1, 2, 0}));
}

// All at once, and dpkg in apt's own order.
TEST(UpgradePlan, NothingComesApartWhereTheFrontendRunsDpkgItself) {
  Case it;
  const auto daemon = it.builder.upgrade("daemon");
  const auto needed = it.builder.upgrade("needed");
  it.builder.clause(new_of(daemon), ClauseKind::Depends, "needed (= 2.0)", {new_of(needed)});
  it.builder.plan.steps[daemon].island = Island{};
  it.builder.plan.steps[daemon].island->units = {"daemon.service"};
  it.settings.bypassed = true;
  const auto planned = it.run();
  EXPECT_EQ(it.order(planned), "daemon needed");
  EXPECT_EQ(of(planned, daemon).apart, 1U);
  EXPECT_EQ(of(planned, needed).apart, 0U);
}

TEST(UpgradePlan, WhatIsKeptTakesNothingDown) {
  Case it;
  it.chain();
  it.builder.plan.steps[0].island = Island{};
  it.builder.plan.steps[0].island->units = {"a.service"};
  it.unmet(0, "its queue is of the old form");
  for (const auto& one : it.run()) EXPECT_EQ(one.apart, 0U);
}

TEST(UpgradePlan, SaysWhatBecomesOfAFailure) {
  Case it;
  const auto up = it.builder.upgrade("up");
  const auto fresh = it.builder.install("fresh");
  const auto data = it.builder.upgrade("data");
  const auto left = it.builder.upgrade("left");
  const auto swept = it.builder.remove("swept");
  it.builder.plan.steps[data].never_back = "its data are converted";
  it.builder.plan.steps[left].action = Action::Configure;
  it.builder.plan.steps[swept].action = Action::Purge;
  it.builder.plan.steps[swept].old_version.clear();
  auto planned = it.run();
  EXPECT_EQ(of(planned, up).if_it_fails, IfItFails::PutBack);
  EXPECT_EQ(of(planned, fresh).if_it_fails, IfItFails::RemovedAgain);
  EXPECT_EQ(of(planned, data).if_it_fails, IfItFails::LeftUnconfigured);
  EXPECT_EQ(of(planned, data).if_it_fails_why, "its data are converted");
  EXPECT_EQ(of(planned, left).if_it_fails, IfItFails::LeftUnconfigured);
  EXPECT_EQ(of(planned, swept).if_it_fails, IfItFails::StaysAsItIs);
  it.settings.rollback = false;
  EXPECT_EQ(of(it.run(), up).if_it_fails, IfItFails::LeftUnconfigured);
  it.settings.keep_going = false;
  EXPECT_EQ(of(it.run(), up).if_it_fails, IfItFails::StopsRun);
}

TEST(UpgradePlan, HeedsOnFailure) {
  for (const auto& [word, outcome, again] :
       {std::tuple{OnFailure::RollBack, IfItFails::PutBack, false},
        {OnFailure::LeaveUnconfigured, IfItFails::LeftUnconfigured, false},
        {OnFailure::StopRun, IfItFails::StopsRun, false},
        {OnFailure::Retry, IfItFails::PutBack, true}}) {
    Case it;
    const auto up = it.builder.upgrade("up");
    it.rules = {rule_for({"up"})};
    it.rules[0].on_failure = word;
    it.rules[0].reason = "so it is";
    const auto planned = it.run();
    EXPECT_EQ(of(planned, up).if_it_fails, outcome);
    EXPECT_EQ(of(planned, up).tried_again, again);
  }
}

TEST(UpgradePlan, AGuardThatCannotBeEvaluatedIsUnmet) {
  Case it;
  it.chain();
  it.guards.resize(3);
  it.guards[2] = {{{"same-ids", {"postfix"}}, {GuardState::Unknown, "unable to read /etc/passwd"}}};
  const auto planned = it.run();
  EXPECT_EQ(of(planned, 2).fate, Fate::Kept);
  EXPECT_EQ(of(planned, 2).judged.unmet.size(), 1U);
}

TEST(UpgradePlan, ARemovalThatIsKeptKeepsItsPackage) {
  Case it;
  const auto gone = it.builder.remove("gone");
  const auto comes = it.builder.install("comes");
  it.builder.clause(new_of(comes), ClauseKind::Conflicts, "gone", {new_of(gone)});
  it.unmet(gone, "in use");
  const auto planned = it.run();
  EXPECT_EQ(of(planned, gone).fate, Fate::Kept);
  EXPECT_EQ(of(planned, comes).fate, Fate::Kept);
}

}  // namespace
}  // namespace aptkeep
