// Services of other packages that go down and up with one (Together), through whole runs and their
// ends.
#include "engine/together.h"

#include "islands_fixture.h"

namespace aptkeep {
namespace {

using Lines = std::vector<std::string>;

class TogetherTest : public IslandsTest {
 protected:
  void SetUp() override {
    IslandsTest::SetUp();
    units_.add("mail.service");
  }
  void island(Archive archive = {}) {
    const auto step = daemon("foo", archive);
    plan_.steps[step].island->together = {"mail.service"};
  }
  // Requires=mail.service: systemd stops it with that.
  void add_dependent() {
    units_.add("needs-mail.service").goes_with = {"mail.service"};
    units_.all.at("needs-mail.service").related = {"mail.service"};
    units_.all.at("mail.service").related = {"needs-mail.service"};
    world_.before_call = [this](const std::vector<std::string>& args) {
      const bool down = !is_active("mail.service");
      if (down && std::ranges::count(args, "--unpack") > 0) units_.stop("needs-mail.service");
    };
  }
  ServicePorts ports() {
    return {logged_, *store_, [](const std::string&) {},
            [](const std::vector<std::string>& packages) {
              UnitsOfPackages files;
              if (std::ranges::count(packages, "foo:amd64") > 0)
                files["foo:amd64"] = {"foo.service"};
              return files;
            }};
  }
  // What is in trouble at the end of the plan that `frontend` has open.
  std::map<std::string, std::string> end(const Frontend& frontend) {
    FinishPorts finish = finish_ports(memory_);
    finish.units = &logged_;
    finish.holds = &holds_;
    finish.units_of = ports().units_of;
    finish.let_all_go = [this] { holds_.held.clear(); };
    const auto ending = finish_plan(frontend, finish, (folder_ / "pins").string(), 2000);
    EXPECT_TRUE(ending) << ending.error().message;
    std::map<std::string, std::string> troubles;
    for (const UnitRecord& unit : ending->units) troubles[unit.name] = unit.trouble;
    return troubles;
  }
  std::map<std::string, std::string> run() {
    begin();
    auto at_begin = ports();
    EXPECT_TRUE(note_units(open_.run, plan_.steps, at_begin));
    unpack_all();
    configure_pending();
    return end(open_.frontend);
  }
  // One that does nothing but find foo as it is by then.
  std::map<std::string, std::string> next_run() {
    Frontend frontend;
    frontend.pid = 4712;
    frontend.start_time = 2;
    Plan plan;
    plan.steps.resize(1);
    plan.steps[0].package = "foo:amd64";
    plan.steps[0].action = Action::Configure;
    plan.steps[0].old_version = plan.steps[0].new_version = "2.0";
    EXPECT_TRUE(store_->begin_plan(frontend, {}, plan, 3000));
    return end(frontend);
  }
};

TEST_F(TogetherTest, IsToldWhereItDoesNotStartAgain) {
  island();
  units_.broken = {"mail.service"};
  EXPECT_EQ(run(), (std::map<std::string, std::string>{
                       {"mail.service", "does not start again: it is failed (failed)"}}));
}

TEST_F(TogetherTest, IsTriedTwice) {
  island();
  units_.late = {"mail.service"};
  EXPECT_TRUE(run().empty());
  EXPECT_TRUE(is_active("mail.service"));
}

TEST_F(TogetherTest, WhatWasAboutToBeStartedAgainIsStarted) {
  units_.all.at("mail.service").active_state = "activating";
  units_.all.at("mail.service").sub_state = "auto-restart";
  island();
  EXPECT_TRUE(run().empty());
  EXPECT_TRUE(is_active("mail.service"));
}

TEST_F(TogetherTest, WhatHangsOnItIsToldAsWell) {
  island();
  add_dependent();
  units_.broken = {"needs-mail.service"};
  EXPECT_EQ(run(), (std::map<std::string, std::string>{
                       {"needs-mail.service", "does not start again: it is failed (failed)"}}));
}

TEST_F(TogetherTest, StaysDownWithAReasonUntilThePackageIsConfigured) {
  island({.postinst_fails = true});
  add_dependent();
  units_.add("mail.socket").triggers = {"mail.service"};
  units_.all.at("mail.service").triggered_by = {"mail.socket"};
  const std::map<std::string, std::string> left{
      {"foo.service", "its package is not configured"},
      {"mail.service",
       "it is not started, because it goes down and up with foo, which is not configured"},
      {"mail.socket",
       "it is not started, because it goes down and up with foo, which is not configured"},
      {"needs-mail.service",
       "it is not started, because it hangs on mail.service, which stays down"}};
  EXPECT_EQ(run(), left);
  ASSERT_EQ(world_.state("foo"), "iF 2.0");
  for (const auto& [unit, why] : left) EXPECT_FALSE(is_active(unit)) << unit;
  // A run that changes nothing about that.
  EXPECT_TRUE(next_run().empty());
  for (const auto& [unit, why] : left) EXPECT_FALSE(is_active(unit)) << unit;
  const auto still = store_->units_left_down(99);
  ASSERT_TRUE(still && still->size() == 1);
  EXPECT_EQ(still->begin()->second.size(), 4u);

  world_.install("foo", "2.0");
  EXPECT_TRUE(next_run().empty());
  for (const auto& [unit, why] : left) EXPECT_TRUE(is_active(unit)) << unit;
  const auto none = store_->units_left_down(99);
  EXPECT_TRUE(none && none->empty());
}

TEST_F(TogetherTest, IsLeftAloneWhereSomebodyHasDisabledItSince) {
  island({.postinst_fails = true});
  run();
  world_.install("foo", "2.0");
  units_.all.at("mail.service").file_state = "disabled";
  EXPECT_TRUE(next_run().empty());
  EXPECT_TRUE(is_active("foo.service"));
  EXPECT_FALSE(is_active("mail.service"));
}

TEST_F(TogetherTest, IsToldLaterWhereItDoesNotStartThen) {
  island({.postinst_fails = true});
  run();
  world_.install("foo", "2.0");
  units_.broken = {"mail.service"};
  EXPECT_EQ(next_run(), (std::map<std::string, std::string>{
                            {"mail.service", "does not start again: it is failed (failed)"}}));
}

// Its check says more than that.
TEST_F(TogetherTest, WhatACheckKeepsDownTakesWhatHangsOnItAlong) {
  island();
  plan_.steps[0].island->checks = {"check"};
  add_dependent();
  fails_ = {"check"};
  const auto trouble = run();
  const std::string why =
      "it is not started, because foo refuses its configuration: check: exit status 1";
  EXPECT_EQ(trouble, (std::map<std::string, std::string>{
                         {"foo.service", why},
                         {"mail.service", why},
                         {"needs-mail.service",
                          "it is not started, because it hangs on mail.service, which stays "
                          "down"}}));
  EXPECT_FALSE(is_active("needs-mail.service"));
  // By hand, when it is mended.
  auto by_hand = ports();
  by_hand.failure_of = [](const std::string&) { return std::string(); };
  const auto records = store_->units(open_.run);
  ASSERT_TRUE(records);
  const auto whole = [](const std::string&) { return Standing::Upgraded; };
  const auto left = restore_units(open_.run, *records, whole, by_hand);
  EXPECT_TRUE(left && left->empty());
  for (const auto& [unit, reason] : trouble) EXPECT_TRUE(is_active(unit)) << unit;
}

}  // namespace
}  // namespace aptkeep
