// Which packages go back by hand, and which refusal is given.
#include "engine/undo.h"

#include <gtest/gtest.h>

namespace aptkeep {
namespace {

class UndoTest : public ::testing::Test {
 protected:
  UndoTest() {
    done_.run = 7;
    done_.flags.native_arch = "amd64";
  }
  // As if its step had been made, and nothing since.
  void step(const std::string& name, Action action, const std::string& old_version,
            const std::string& new_version) {
    Step one;
    one.package = name + ":amd64";
    one.action = action;
    one.old_version = old_version;
    one.new_version = new_version;
    done_.plan.steps.push_back(one);
    done_.states.push_back(StepState::Done);
    if (!new_version.empty()) db_[one.package] = DbPackage{new_version, "amd64", "ii", false};
  }
  void upgrade(const std::string& name) { step(name, Action::Upgrade, "1.0", "2.0"); }

  // "OWNER needs TARGET" while OWNER is on that side; OWNER no step: always.
  void needs(const std::string& owner, Side side, const std::string& target, Side target_side) {
    needs_.push_back({owner, side, target, target_side});
  }

  Result<Undo> undo(std::set<std::string> asked) {
    std::set<std::string> full;
    for (const std::string& name : asked) full.insert(name + ":amd64");
    UndoPorts ports;
    ports.has_snapshot = [&](const std::string& package) { return !without_.contains(package); };
    ports.clauses = [&](const std::vector<Step>& steps) { return clauses(steps); };
    return undo_of(done_, full, ports, db_);
  }
  std::string refusal(const std::set<std::string>& asked) {
    const auto found = undo(asked);
    return found ? "" : found.error().message;
  }

  OpenPlan done_;
  DbSnapshot db_;
  std::set<std::string> without_;  // no snapshot of these

 private:
  struct Need {
    std::string owner;
    Side side;
    std::string target;
    Side target_side;
  };

  static std::int32_t find(const std::vector<Step>& steps, const std::string& name) {
    for (std::size_t i = 0; i < steps.size(); ++i) {
      if (steps[i].package == name + ":amd64") return static_cast<std::int32_t>(i);
    }
    return Clause::kOutside;
  }

  Result<std::vector<Clause>> clauses(const std::vector<Step>& steps) const {
    std::vector<Clause> found;
    for (const Need& need : needs_) {
      Clause clause;
      clause.owner_step = find(steps, need.owner);
      clause.owner_side = need.side;
      clause.owner = need.owner + ":amd64";
      clause.owner_version = need.side == Side::Old ? "1.0" : "2.0";
      clause.relation = need.target + (need.target_side == Side::Old ? " (= 1.0)" : " (>= 2.0)");
      const std::int32_t target = find(steps, need.target);
      if (target >= 0) clause.any_of = {{static_cast<std::uint32_t>(target), need.target_side}};
      found.push_back(clause);
    }
    return found;
  }

  std::vector<Need> needs_;
};

using Lines = std::vector<std::string>;

TEST_F(UndoTest, OnlyWhatGoesBackIsInThePlan) {
  upgrade("other");
  upgrade("foo");
  upgrade("dep");
  step("extra", Action::Install, "", "2.0");
  needs("dep", Side::New, "foo", Side::New);
  needs("extra", Side::New, "foo", Side::New);
  const auto found = undo({"foo"});
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->lines, Lines({"foo 2.0 -> 1.0", "dep 2.0 -> 1.0", "extra 2.0 is removed"}));
  const OpenPlan& open = found->plan;
  ASSERT_EQ(open.plan.steps.size(), 3U);
  EXPECT_EQ(open.states,
            (std::vector<StepState>{StepState::FailedNew, StepState::Done, StepState::Done}));
  ASSERT_EQ(open.failures.size(), 1U);
  EXPECT_EQ(open.failures[0].step, 0);
  EXPECT_EQ(open.failures[0].package, "foo:amd64");
  ASSERT_EQ(open.plan.clauses.size(), 2U);
  EXPECT_EQ(open.plan.clauses[1].owner_step, 2);
}

TEST_F(UndoTest, WhatIsNeededNewIsRefused) {
  upgrade("foo");
  upgrade("lib");
  needs("foo", Side::Old, "lib", Side::Old);
  needs("late", Side::Old, "lib", Side::New);
  EXPECT_EQ(refusal({"lib"}), "unable to put back lib: late needs lib (>= 2.0)");
  EXPECT_EQ(refusal({"foo"}),
            "unable to put back foo: lib would have to go back too, and late needs lib (>= 2.0)");
  EXPECT_EQ(refusal({}), "unable to put back run 7: lib: late needs lib (>= 2.0)");
}

TEST_F(UndoTest, WhatItsOldVersionNeedsIsGone) {
  upgrade("foo");
  upgrade("bar");
  needs("foo", Side::Old, "gone", Side::Old);
  EXPECT_EQ(refusal({"foo"}), "unable to put back foo: foo 1.0 needs gone (= 1.0)");
  const auto found = undo({});
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->lines, Lines({"bar 2.0 -> 1.0"}));
  EXPECT_EQ(found->stays, Lines({"foo: foo 1.0 needs gone (= 1.0)"}));
}

TEST_F(UndoTest, WhatHasGoneOnIsNoStepAnyMore) {
  upgrade("foo");
  upgrade("dep");
  db_["dep:amd64"].version = "3.0";
  needs("dep", Side::New, "foo", Side::New);
  EXPECT_EQ(refusal({"dep"}), "unable to put back dep: it has changed since");
  EXPECT_EQ(refusal({"foo"}), "unable to put back foo: dep needs foo (>= 2.0)");
}

// Where its way back could not be made then.
TEST_F(UndoTest, WhatWasLeftUnfinishedGoesBackLater) {
  upgrade("foo");
  upgrade("dep");
  upgrade("other");
  needs("dep", Side::New, "foo", Side::New);
  done_.states = {StepState::FailedNew, StepState::Stranded, StepState::Done};
  db_["foo:amd64"].state = "iF";
  db_["dep:amd64"].state = "iU";
  db_["other:amd64"].state = "iF";
  const auto found = undo({"foo"});
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->lines, Lines({"foo 2.0 -> 1.0", "dep 2.0 -> 1.0"}));
  // Of what it had configured: somebody has tried something else since.
  EXPECT_EQ(refusal({"other"}), "unable to put back other: it has changed since");
}

TEST_F(UndoTest, WhatCannotGoBackIsTold) {
  upgrade("foo");
  upgrade("lost");
  step("purged", Action::Purge, "", "");
  upgrade("back");
  db_["back:amd64"].version = "1.0";
  needs("lost", Side::New, "foo", Side::New);
  without_ = {"lost:amd64"};
  EXPECT_EQ(
      refusal({"foo"}),
      "unable to put back foo: lost would have to go back too, and there is no snapshot of it "
      "any more");
  EXPECT_EQ(refusal({"purged"}),
            "unable to put back purged: only what was left of its configuration was removed then");
  const std::string whole = refusal({});
  EXPECT_EQ(whole, "unable to put back run 7: lost: there is no snapshot of it any more");
  done_.plan.steps = {done_.plan.steps[3]};
  EXPECT_EQ(refusal({}), "unable to put back run 7: nothing is left to be undone");
}

}  // namespace
}  // namespace aptkeep
