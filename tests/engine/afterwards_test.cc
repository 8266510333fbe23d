// Whether rules' checks of a new version, and what they want done after it, came to their end: on
// record, told, and made up for where the driver did not live to do it.
#include "core/unit.h"
#include "engine/left_islands.h"
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
    ports.log_since = [this](const std::string&) { return dpkg_log_; };
    ports.units = &logged_;
    ports.units_of = [](const std::vector<std::string>&) { return UnitsOfPackages{}; };
    auto ending = finish_plan(open_.frontend, ports, (folder_ / "pins").string(), 2000);
    EXPECT_TRUE(ending);
    return ending ? std::move(*ending) : Ending{};
  }
  std::string dpkg_log_;
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

// dpkg's log tells that it was, where the frontend had called dpkg itself.
TEST_F(AfterwardsTest, MadeUpForAReinstallationPastTheDriver) {
  const auto step = foo();
  plan_.steps[step].action = Action::Reinstall;
  plan_.steps[step].new_version = "1.0";
  PlanFlags flags;
  flags.bypassed = true;
  for (const char* reinstalled : {"bar", "foo"}) {
    begin(flags);
    dpkg_log_ = "2026-01-01 00:00:00 upgrade " + std::string(reinstalled) + ":amd64 1.0 1.0\n";
    end_run();
    EXPECT_EQ(times("command after"), reinstalled == std::string("foo") ? 1 : 0);
  }
}

class LeftIslandsTest : public AfterwardsTest {
 protected:
  // foo is left unconfigured, with foo.service and mail.service down.
  void leave(const std::string& file_state = "enabled") {
    step_ = foo();
    units_.add("mail.service");
    plan_.steps[step_].island->together = {"mail.service"};
    world_.archives["/archives/foo.deb"].postinst_fails = true;
    plan_.steps[step_].on_failure = FailureRule{OnFailure::LeaveUnconfigured, "a test says so"};
    begin();
    std::vector<UnitRecord> records{{"foo.service", "foo:amd64", "active (running)", true, "", ""},
                                    {"mail.service", "", "active (running)", true, "", ""}};
    for (UnitRecord& record : records) record.file_state = file_state;
    ASSERT_TRUE(store_->note_units(open_.run, records));
    unpack_all();
    configure_pending();
    holds_.held.clear();
    end_run();
    EXPECT_EQ(world_.state("foo"), "iF 2.0");
    EXPECT_FALSE(is_active("mail.service"));
    world_.calls.clear();
  }
  LeftPorts ports() {
    return {*store_, &logged_, &holds_,
            [this](const std::string& command) {
              world_.calls.push_back({"command", command});
              return fails_.contains(command) ? std::string("exit status 1") : std::string();
            },
            [](const std::string&) {}};
  }
  void hold() {
    hold_left_islands(world_, ports(),
                      [](const std::string& package) { return package == "foo:amd64"; });
  }
  void configured() { world_.db["foo:amd64"].state = "ii"; }
  void end() { end_left_islands(world_, ports()); }
  std::uint32_t step_ = 0;
};

TEST_F(LeftIslandsTest, ComesToItsEndInItsOrder) {
  leave();
  hold();
  EXPECT_EQ(holds_.held.size(), 2U);
  configured();
  end();
  EXPECT_EQ(log(),
            (Lines{"command check", "start foo.service", "command after", "start mail.service"}));
  EXPECT_EQ(on_record(step_), kIslandDone);
  EXPECT_TRUE(holds_.held.empty());
  end();
  EXPECT_EQ(times("command after"), 1) << "and not once more";
}

TEST_F(LeftIslandsTest, NotWhileThePackageIsAsItWas) {
  leave();
  hold();
  end();
  EXPECT_EQ(log(), Lines{});
  EXPECT_EQ(on_record(step_), "");
}

TEST_F(LeftIslandsTest, NorWhereItIsBackAtItsOldVersion) {
  leave();
  world_.install("foo", "1.0");
  end();
  EXPECT_EQ(log(), Lines{});
}

TEST_F(LeftIslandsTest, NothingIsHeldForOthers) {
  leave();
  hold_left_islands(world_, ports(), [](const std::string&) { return false; });
  EXPECT_TRUE(holds_.held.empty());
}

TEST_F(LeftIslandsTest, NorWhatAPersonWantsToBeDown) {
  leave();
  units_.all["mail.service"].file_state = "disabled";
  hold();
  ASSERT_EQ(holds_.held.size(), 1U);
  EXPECT_EQ(holds_.held[0].unit, "foo.service");
}

TEST_F(LeftIslandsTest, WhereTheCheckFailsNothingStarts) {
  leave();
  hold();
  configured();
  fails_ = {"check"};
  end();
  EXPECT_EQ(log(), Lines{"command check"});
  EXPECT_TRUE(holds_.held.empty());
  const std::string why = "foo refuses its configuration: check: exit status 1";
  EXPECT_EQ(on_record(step_), why);
  const auto units = store_->units(open_.run);
  ASSERT_TRUE(units);
  for (const UnitRecord& unit : *units)
    EXPECT_EQ(unit.trouble, "it is not started, because " + why) << unit.name;
  EXPECT_EQ(not_done_after(*store_, *world_.read())->size(), 1U);
}

TEST_F(LeftIslandsTest, WhatGoesWithAnotherThatIsNotConfiguredWaitsForThatOne) {
  const auto bar = daemon("bar");
  plan_.steps[bar].island->together = {"mail.service"};
  plan_.steps[bar].island->after = {"after of bar"};
  world_.archives["/archives/bar.deb"].postinst_fails = true;
  plan_.steps[bar].on_failure = FailureRule{OnFailure::LeaveUnconfigured, "a test says so"};
  leave();
  hold();
  configured();
  end();
  EXPECT_EQ(log(), (Lines{"command check", "start foo.service", "command after"}));
  EXPECT_FALSE(is_active("mail.service"));
  const auto units = store_->units(open_.run);
  ASSERT_TRUE(units);
  const auto mail = std::ranges::find(*units, "mail.service", &UnitRecord::name);
  EXPECT_EQ(mail->trouble,
            "it is not started, because it goes down and up with bar, which is not configured");
  world_.db["bar:amd64"].state = "ii";
  hold_left_islands(world_, ports(), [](const std::string&) { return true; });
  end();
  EXPECT_EQ(times("command after of bar"), 1);
}

// Most people come out of a failed postinst so: the version that mends it arrives.
class NewerVersionTest : public LeftIslandsTest {
 protected:
  void play(const std::string& fails) {
    leave();
    const Island island = *plan_.steps[step_].island;
    plan_.steps.clear();
    Archive archive;
    archive.package = "foo";
    archive.version = "2.1";
    upgrade(archive);
    world_.install("foo", "2.0");
    world_.db["foo:amd64"].state = "iF";
    plan_.steps[0].old_version = "2.0";
    plan_.steps[0].island = island;
    fails_ = {fails};
    ++pid_;
    begin();
    ASSERT_TRUE(store_->note_units(
        open_.run, {{"foo.service", "foo:amd64", "inactive (dead)", false, "", ""}}));
    unpack_all();
    configure_pending();
    end_run();
  }
};

TEST_F(NewerVersionTest, BringsUpWhatWasLeftDownInItsOrder) {
  play("after");
  EXPECT_EQ(log(),
            (Lines{"stop mail.service", "stop foo.service", "unpack foo.deb", "configure foo:amd64",
                   "command check", "start foo.service", "command after", "configure pending"}));
  EXPECT_TRUE(is_active("foo.service"));
  EXPECT_FALSE(is_active("mail.service"));
}

TEST_F(NewerVersionTest, StartsNothingWhereItsCheckFails) {
  play("check");
  EXPECT_FALSE(is_active("foo.service"));
  EXPECT_FALSE(is_active("mail.service"));
}

TEST_F(LeftIslandsTest, OnlyOneDoesIt) {
  leave();
  configured();
  ASSERT_TRUE(store_->claim_afterwards(open_.id, step_, "another is at it"));
  end();
  EXPECT_EQ(log(), Lines{});
  EXPECT_EQ(on_record(step_), "another is at it");
}

TEST_F(LeftIslandsTest, WhatRanThoughItWasDisabledIsWanted) {
  leave("disabled");
  units_.all["mail.service"].file_state = "disabled";
  hold();
  EXPECT_EQ(holds_.held.size(), 2U);
}

TEST_F(LeftIslandsTest, WhatWasTriedInVainIsToldAsLongAsItIsThere) {
  leave();
  configured();  // by somebody for whom nothing was held
  fails_ = {"after"};
  end();
  ASSERT_EQ(not_done_after(*store_, *world_.read())->size(), 1U);
  world_.db.erase("foo:amd64");
  EXPECT_TRUE(not_done_after(*store_, *world_.read())->empty());
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
