// Whether rules' checks of a new version, and what they want done after it, came to their end: on
// record, told, and made up for where the driver did not live to do it.
#include "core/unit.h"
#include "islands_fixture.h"

namespace aptkeep {
namespace {

using Lines = std::vector<std::string>;

class AfterwardsTest : public IslandsTest {
 protected:
  std::uint32_t foo() {
    const auto step = daemon("foo");
    plan_.steps[step].island->checks = {"check"};
    plan_.steps[step].island->after = {"after"};
    return step;
  }
  std::string on_record(std::uint32_t step) {
    const auto report = store_->report(0);
    return report && *report ? (*report)->steps.at(step).step.afterwards : "no report";
  }
  Ending end_run(bool rebooted = false) {
    FinishPorts ports = finish_ports(memory_);
    ports.failure_of = [this](const std::string& command) {
      world_.calls.push_back({"command", command});
      return fails_.contains(command) ? std::string("exit status 1") : std::string();
    };
    ports.rebooted = rebooted;
    auto ending = finish_plan(open_.frontend, ports, (folder_ / "pins").string(), 2000);
    EXPECT_TRUE(ending);
    return ending ? std::move(*ending) : Ending{};
  }
  std::ptrdiff_t times(const std::string& line) const { return std::ranges::count(log(), line); }
  // What dpkg does where nobody is there to do it in steps.
  void replace_by_dpkg_alone() {
    ASSERT_TRUE(world_.run({"--unpack", "/archives/foo.deb"}));
    ASSERT_TRUE(world_.run({"--configure", "--pending"}));
  }
};

TEST_F(AfterwardsTest, DoneIsOnRecordAndIsNotDoneOnceMore) {
  const auto step = foo();
  begin();
  unpack_all();
  configure_pending();
  EXPECT_EQ(on_record(step), kIslandDone);
  const Ending ending = end_run();
  EXPECT_EQ(summary_text(ending, "amd64", false), "");
  EXPECT_EQ(times("command check"), 1);
  EXPECT_EQ(times("command after"), 1);
}

TEST_F(AfterwardsTest, ThatItFailedIsOnRecordAndToldAtTheEnd) {
  const auto step = foo();
  fails_ = {"after"};
  begin();
  unpack_all();
  configure_pending();
  const std::string why = "foo is not done with what comes after: after: exit status 1";
  EXPECT_EQ(on_record(step), why);
  const Ending ending = end_run();
  EXPECT_EQ(on_record(step), why);
  EXPECT_EQ(summary_text(ending, "amd64", false),
            "aptkeep: " + why + "\naptkeep: see 'aptkeep services'\n");
  EXPECT_EQ(times("command after"), 1);
}

TEST_F(AfterwardsTest, NotTriedWhereTheCheckFails) {
  const auto step = foo();
  fails_ = {"check"};
  begin();
  unpack_all();
  configure_pending();
  EXPECT_EQ(on_record(step), "foo refuses its configuration: check: exit status 1");
  end_run();
  EXPECT_EQ(times("command after"), 0);
}

TEST_F(AfterwardsTest, MadeUpForWhereTheDriverDidNotLiveToDoIt) {
  const auto step = foo();
  begin();
  replace_by_dpkg_alone();
  EXPECT_EQ(summary_text(end_run(), "amd64", false), "");
  EXPECT_EQ(on_record(step), kIslandDone);
  EXPECT_EQ(times("command check"), 1);
  EXPECT_EQ(times("command after"), 1);
}

TEST_F(AfterwardsTest, MadeUpForInItsOrder) {
  const auto step = foo();
  fails_ = {"check"};
  begin();
  replace_by_dpkg_alone();
  end_run();
  EXPECT_EQ(on_record(step), "foo refuses its configuration: check: exit status 1");
  EXPECT_EQ(times("command after"), 0);
}

TEST_F(AfterwardsTest, AfterABootItIsToldOnly) {
  const auto step = foo();
  begin();
  replace_by_dpkg_alone();
  const Ending ending = end_run(true);
  const std::string why =
      "foo is not done with what comes after: the machine was started anew before it";
  EXPECT_EQ(on_record(step), why);
  EXPECT_NE(summary_text(ending, "amd64", false).find(why), std::string::npos);
  EXPECT_EQ(times("command after"), 0);
}

TEST_F(AfterwardsTest, NothingOfTheKindForWhatKeptItsOldVersion) {
  const auto step = foo();
  begin();
  const Ending ending = end_run();
  EXPECT_EQ(on_record(step), "");
  EXPECT_EQ(ending.outcomes.at(step).state, StepState::NotReached);
  EXPECT_EQ(times("command after"), 0);
}

TEST_F(AfterwardsTest, NorForAReinstallationThatWasNeverBegun) {
  const auto step = foo();
  plan_.steps[step].action = Action::Reinstall;
  plan_.steps[step].new_version = "1.0";
  begin();
  end_run();
  EXPECT_EQ(times("command after"), 0);
}

TEST_F(AfterwardsTest, APersonTriesItAgain) {
  const auto step = foo();
  fails_ = {"after"};
  begin();
  unpack_all();
  configure_pending();
  end_run();
  fails_.clear();
  ServicePorts ports{logged_, *store_, [](const std::string&) {},
                     [](const std::vector<std::string>&) { return UnitsOfPackages{}; }};
  ports.failure_of = [](const std::string&) { return std::string(); };
  const auto whole = [](const std::string&) { return Standing::Upgraded; };
  EXPECT_TRUE(restore_units(open_.run, {}, whole, ports));
  EXPECT_EQ(on_record(step), kIslandDone);
}

}  // namespace
}  // namespace aptkeep
