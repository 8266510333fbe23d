// What is saved before packages are replaced, and what does not come up afterwards, in whole runs.
#include "engine/stay_down.h"
#include "islands_fixture.h"

namespace aptkeep {
namespace {

using Lines = std::vector<std::string>;

TEST_F(IslandsTest, ABackupIsOnRecordWithItsStep) {
  const auto step = daemon("foo");
  plan_.steps[step].island->backup = {"save"};
  begin();
  unpack_all();
  configure_pending();
  EXPECT_EQ(said_.back(), "saved before foo is replaced: /backups/foo/1");
  const auto report = store_->report(0);
  ASSERT_TRUE(report && *report);
  EXPECT_EQ((*report)->steps.at(step).backups, (Lines{"/backups/foo/1"}));
}

// A package without services of its own, whose data others serve.
TEST_F(IslandsTest, WithoutServicesOfItsOwnItsCommandsRunAllTheSame) {
  const auto step = daemon("foo");
  units_.add("mail.service");
  Island& island = *plan_.steps[step].island;
  island.units.clear();
  island.together = {"mail.service"};
  island.backup = {"save"};
  island.before = {"before"};
  island.after = {"after"};
  island.checks = {"check"};
  begin();
  unpack_all();
  EXPECT_EQ(log(),
            (Lines{"stop mail.service", "command save", "command before", "unpack foo.deb",
                   "configure foo:amd64", "command check", "command after", "start mail.service"}));
}

TEST_F(IslandsTest, StaysDownWhereItsCheckFails) {
  const auto step = daemon("foo");
  with_socket("foo");
  units_.add("mail.service");
  plan_.steps[step].island->together = {"mail.service"};
  plan_.steps[step].island->checks = {"check"};
  plan_.steps[step].island->after = {"after"};
  plan_.steps[step].repair = "edit them";
  fails_ = {"check"};
  begin();
  EXPECT_EQ(unpack_all().exit_code, 0);
  configure_pending();
  EXPECT_EQ(world_.state("foo"), "ii 2.0");
  EXPECT_EQ(std::ranges::count(log(), "command after"), 0);
  EXPECT_TRUE(holds_.held.empty());
  const auto units = store_->units(open_.run);
  ASSERT_TRUE(units);
  std::vector<std::string> names;
  for (const UnitRecord& unit : *units) {
    names.push_back(unit.name);
    EXPECT_FALSE(is_active(unit.name));
    EXPECT_EQ(unit.trouble,
              "it is not started, because foo refuses its configuration: check: exit status 1");
    EXPECT_EQ(unit.journal, "wrong: /etc/x\nwrong: /etc/y\nto do: edit them");
  }
  EXPECT_EQ(names, (Lines{"foo.service", "foo.socket", "mail.service"}));
}

// postfix has dovecot in Together, and dovecot's own check fails, in one run.
TEST_F(IslandsTest, StaysDownThoughAnotherHasItInTogether) {
  for (const bool first : {true, false}) {
    plan_.steps.clear();
    world_.calls.clear();
    const auto foo = daemon(first ? "foo" : "zoo");
    const auto bar = daemon("bar");
    with_socket("bar");
    plan_.steps[foo].island->together = {"bar.service"};
    plan_.steps[bar].island->checks = {"check"};
    fails_ = {"check"};
    begin();
    unpack_all();
    configure_pending();
    EXPECT_TRUE(is_active(first ? "foo.service" : "zoo.service"));
    EXPECT_FALSE(is_active("bar.service"));
    EXPECT_FALSE(is_active("bar.socket"));
    const auto units = store_->units(open_.run);
    ASSERT_TRUE(units);
    const auto told = std::ranges::find(*units, "bar.service", &UnitRecord::name);
    ASSERT_NE(told, units->end());
    EXPECT_EQ(told->trouble,
              "it is not started, because bar refuses its configuration: check: exit status 1");
    ASSERT_TRUE(finish_plan(open_.frontend, *std::make_unique<FinishPorts>(finish_ports(memory_)),
                            (folder_ / "pins").string(), 2000));
  }
}

// Of two that have each other in Together, one is refused: both are down.
TEST_F(IslandsTest, WhatIsInTogetherOfOneThatIsRefusedIsNotStartedAsAnothersOwn) {
  const auto foo = daemon("foo");
  const auto bar = daemon("bar");
  plan_.steps[foo].island->together = {"bar.service"};
  plan_.steps[bar].island->together = {"foo.service"};
  plan_.steps[bar].island->checks = {"check"};
  fails_ = {"check"};
  begin();
  unpack_all();
  configure_pending();
  EXPECT_FALSE(is_active("foo.service"));
  EXPECT_FALSE(is_active("bar.service"));
}

TEST_F(IslandsTest, WhatIsInTogetherStaysDownWhereWhatComesAfterFails) {
  const auto step = daemon("foo");
  units_.add("mail.service");
  plan_.steps[step].island->together = {"mail.service"};
  plan_.steps[step].island->after = {"after"};
  fails_ = {"after"};
  begin();
  unpack_all();
  EXPECT_TRUE(is_active("foo.service"));
  EXPECT_FALSE(is_active("mail.service"));
}

TEST_F(IslandsTest, NoCheckKeepsItsOldVersionDown) {
  with_snapshots_ = true;
  const auto step = daemon("foo", {.postinst_fails = true});
  plan_.steps[step].island->checks = {"check"};
  fails_ = {"check"};
  PlanFlags flags;
  flags.rollback = true;
  begin(flags);
  unpack_all();
  EXPECT_EQ(world_.state("foo"), "ii 1.0");
  EXPECT_TRUE(is_active("foo.service"));
}

class StayingDownTest : public IslandsTest {
 protected:
  // After a run whose check has failed.
  void SetUp() override {
    IslandsTest::SetUp();
    const auto step = daemon("foo");
    units_.add("mail.service");
    plan_.steps[step].island->together = {"mail.service"};
    plan_.steps[step].island->checks = {"check"};
    plan_.steps[step].island->after = {"after"};
    fails_ = {"check"};
    begin();
    unpack_all();
    configure_pending();
    world_.calls.clear();
  }
  std::vector<UnitRecord> restore(bool by_hand) {
    ServicePorts ports{logged_, *store_, [](const std::string&) {},
                       [](const std::vector<std::string>&) { return UnitsOfPackages{}; }};
    if (by_hand) {
      ports.failure_of = [this](const std::string& command) {
        world_.calls.push_back({"command", command});
        return fails_.contains(command) ? "exit status 1\nstill" : std::string();
      };
    }
    const auto records = store_->units(open_.run);
    EXPECT_TRUE(records);
    const auto whole = [](const std::string&) { return Standing::Upgraded; };
    const auto trouble = restore_units(open_.run, *records, whole, ports);
    EXPECT_TRUE(trouble);
    return trouble ? *trouble : std::vector<UnitRecord>{};
  }
};

// By a user other than root, who would have root's terminal obey.
TEST(StayingFor, WhatACommandPrintedIsHarmless) {
  const auto failure_of = [](const std::string&) {
    return std::string("exit status 1: \x1b]0;pwn\x07\xff ü") + std::string(400, 'x') + "\nall";
  };
  const std::string command = "sh: " + std::string(55, 'y') + "üü";  // the 60th byte is half of one
  const Staying why = staying_for({}, "foo", failure_of, {command}, false);
  EXPECT_EQ(why.trouble, std::string(kStaysDown) +
                             "foo is not done with what comes after: sh: " + std::string(55, 'y') +
                             "...: exit status 1: \\x1b]0;pwn\\x07\\xff ü" + std::string(400, 'x'));
  EXPECT_EQ(why.said, "all");
}

TEST_F(StayingDownTest, ThroughThePlansEnd) {
  const auto trouble = restore(false);
  ASSERT_EQ(trouble.size(), 2u);
  for (const UnitRecord& unit : trouble) {
    EXPECT_TRUE(unit.trouble.starts_with(kStaysDown));
    EXPECT_EQ(unit.journal, "wrong: /etc/x\nwrong: /etc/y");
  }
  EXPECT_EQ(log(), Lines{});
}

TEST_F(StayingDownTest, AsLongAsTheCheckFails) {
  const auto trouble = restore(true);
  ASSERT_EQ(trouble.size(), 2u);
  EXPECT_EQ(trouble[0].journal, "still");
  EXPECT_EQ(log(), Lines{"command check"});
  EXPECT_FALSE(is_active("foo.service"));
}

TEST_F(StayingDownTest, ComesUpInItsOrderWhenTheCheckIsWell) {
  fails_.clear();
  EXPECT_TRUE(restore(true).empty());
  EXPECT_TRUE(is_active("foo.service"));
  EXPECT_TRUE(is_active("mail.service"));
  Lines done = log();
  ASSERT_GE(done.size(), 3u);
  done.resize(3);
  EXPECT_EQ(done, (Lines{"command check", "start foo.service", "command after"}));
}

TEST_F(StayingDownTest, WhatComesAfterKeepsOnlyTheOthersDown) {
  fails_ = {"after"};
  const auto trouble = restore(true);
  ASSERT_EQ(trouble.size(), 1u);
  EXPECT_EQ(trouble[0].name, "mail.service");
  EXPECT_TRUE(is_active("foo.service"));
  EXPECT_FALSE(is_active("mail.service"));
}

}  // namespace
}  // namespace aptkeep
