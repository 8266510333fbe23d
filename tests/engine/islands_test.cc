// Services that are down while their packages are replaced, in whole runs against a dpkg, a service
// manager and holds in memory.
#include <algorithm>

#include "run_fixture.h"
#include "services_fixture.h"

namespace aptkeep {
namespace {

class MemoryHolds final : public Holds {
 public:
  std::vector<HeldUnit> held;
  std::vector<std::string> forgotten;

  Status put(const std::vector<HeldUnit>& units) override {
    for (const HeldUnit& one : units) {
      const auto same = [&](const HeldUnit& other) { return other.unit == one.unit; };
      if (std::none_of(held.begin(), held.end(), same)) held.push_back(one);
    }
    return success();
  }
  std::vector<HeldUnit> all() override { return held; }
  void let_go(const std::vector<std::string>& units) override {
    std::erase_if(held, [&](const HeldUnit& one) {
      return std::find(units.begin(), units.end(), one.unit) != units.end();
    });
  }
  void forget_restarts(const std::vector<std::string>& units) override { forgotten = units; }
};

// Writes what it does among dpkg's calls.
class LoggedUnits final : public Units {
 public:
  LoggedUnits(FakeUnits& units, World& world) : units_(units), world_(world) {}
  std::set<std::string> stubborn;  // they do not stop

  Result<std::vector<UnitFacts>> loaded() override { return units_.loaded(); }
  Result<std::map<std::string, UnitFacts>> ask(const std::vector<std::string>& names) override {
    return units_.ask(names);
  }
  Status act(const std::string& verb, const std::vector<std::string>& names) override {
    std::vector<std::string> call{"systemctl", verb};
    call.insert(call.end(), names.begin(), names.end());
    world_.calls.push_back(call);
    std::vector<std::string> obedient = names;
    std::erase_if(obedient, [&](const std::string& name) {
      return verb == "stop" && stubborn.contains(name);
    });
    return units_.act(verb, obedient);
  }
  bool shuts_down() override { return false; }
  void settle() override {}
  std::string journal(const std::string&) override { return {}; }

 private:
  FakeUnits& units_;
  World& world_;
};

class IslandsTest : public RunTest {
 protected:
  std::uint32_t daemon(const std::string& name, Archive archive = {}) {
    archive.package = name;
    archive.version = "2.0";
    const std::uint32_t step = upgrade(archive);
    plan_.steps[step].island = Island{};
    plan_.steps[step].island->units = {name + ".service"};
    plan_.steps[step].island->why = "a test says so";
    units_.add(name + ".service");
    return step;
  }
  void with_socket(const std::string& name) {
    UnitFacts& socket = units_.add(name + ".socket");
    socket.triggers = {name + ".service"};
    units_.all[name + ".service"].triggered_by = {name + ".socket"};
  }
  void adapt(CallPorts& ports) override {
    ports.units = &logged_;
    ports.holds = &holds_;
    ports.failure_of = [this](const std::string& command) {
      world_.calls.push_back({"command", command});
      return fails_.contains(command) ? "exit status 1\nwrong: /etc/x\nwrong: /etc/y"
                                      : std::string();
    };
    ports.back_up =
        [this](const std::string& package,
               const std::vector<std::string>& commands) -> Result<std::vector<std::string>> {
      for (const std::string& command : commands) {
        world_.calls.push_back({"command", command});
        if (fails_.contains(command)) return Error{command + ": exit status 1"};
      }
      return std::vector<std::string>{"/backups/" + package + "/1"};
    };
  }
  // "unpack a.deb", "configure foo", "stop foo.service" ..., without options.
  std::vector<std::string> log() const {
    std::vector<std::string> lines;
    for (const auto& call : world_.calls) {
      std::string line;
      for (const std::string& word : call) {
        const bool skipped = word == "systemctl" || word == "9" || word == "--status-fd" ||
                             word == "--abort-after=1" || word == "--no-triggers";
        if (skipped || (call.front() == "systemctl" && call[1] == "reset-failed")) continue;
        std::string plain = word.starts_with("--") ? word.substr(2) : word;
        if (plain.starts_with("/archives/")) plain = plain.substr(10);
        line += (line.empty() ? "" : " ") + plain;
      }
      if (!line.empty()) lines.push_back(line);
    }
    return lines;
  }
  bool is_active(const std::string& unit) { return units_.all.at(unit).is_up(); }

  FakeUnits units_;
  LoggedUnits logged_{units_, world_};
  MemoryHolds holds_;
  std::set<std::string> fails_;
};

using Lines = std::vector<std::string>;

TEST_F(IslandsTest, IsDownOnlyWhileItIsReplacedItself) {
  daemon("foo");
  with_socket("foo");
  upgrade({.package = "other", .version = "2.0"});
  begin();
  EXPECT_EQ(unpack_all().exit_code, 0);
  EXPECT_EQ(log(), (Lines{"unpack other.deb", "configure other:amd64", "stop foo.socket",
                          "stop foo.service", "unpack foo.deb", "configure foo:amd64",
                          "start foo.socket", "start foo.service"}));
  EXPECT_TRUE(holds_.held.empty());
  EXPECT_EQ(configure_pending().exit_code, 0);
  EXPECT_EQ(world_.state("foo"), "ii 2.0");
  EXPECT_EQ(said_,
            (Lines{"stopping foo.socket, foo.service while foo is replaced: a test says so"}));
  EXPECT_EQ(holds_.forgotten, (Lines{"foo.socket", "foo.service"}));
}

TEST_F(IslandsTest, IsHeldMeanwhile) {
  daemon("foo");
  with_socket("foo");
  begin();
  world_.before_call = [this](const std::vector<std::string>& args) {
    if (std::find(args.begin(), args.end(), "--unpack") == args.end()) return;
    EXPECT_EQ(holds_.held, (std::vector<HeldUnit>{{"foo.socket", "foo:amd64", true, false},
                                                  {"foo.service", "foo:amd64", true, false}}));
  };
  unpack_all();
  EXPECT_TRUE(is_active("foo.service"));
}

TEST_F(IslandsTest, WhatWasStoppedStaysSo) {
  daemon("foo");
  units_.stop("foo.service");
  begin();
  unpack_all();
  EXPECT_FALSE(is_active("foo.service"));
  EXPECT_EQ(said_, Lines{});
}

TEST_F(IslandsTest, TwoAreDownOneAfterTheOther) {
  daemon("foo");
  daemon("bar");
  begin();
  unpack_all();
  EXPECT_EQ(log(), (Lines{"stop foo.service", "unpack foo.deb", "configure foo:amd64",
                          "start foo.service", "stop bar.service", "unpack bar.deb",
                          "configure bar:amd64", "start bar.service"}));
}

TEST_F(IslandsTest, ComesUpAgainAtItsOldVersionWhenItFails) {
  with_snapshots_ = true;
  daemon("foo", {.postinst_fails = true});
  PlanFlags flags;
  flags.rollback = true;
  begin(flags);
  EXPECT_EQ(unpack_all().exit_code, 0);
  EXPECT_EQ(world_.state("foo"), "ii 1.0");
  EXPECT_TRUE(is_active("foo.service"));
  EXPECT_TRUE(holds_.held.empty());
  EXPECT_EQ(configure_pending().exit_code, 1);
}

TEST_F(IslandsTest, ComesUpAgainWhenItsPreinstFails) {
  daemon("foo", {.preinst_fails = true});
  begin();
  unpack_all();
  EXPECT_EQ(world_.state("foo"), "ii 1.0");
  EXPECT_TRUE(is_active("foo.service"));
}

TEST_F(IslandsTest, StaysDownAndHeldWhileItIsHalfReplaced) {
  daemon("foo", {.postinst_fails = true});
  begin();
  unpack_all();
  EXPECT_EQ(world_.state("foo"), "iF 2.0");
  EXPECT_FALSE(is_active("foo.service"));
  EXPECT_EQ(holds_.held.size(), 1u);
}

TEST_F(IslandsTest, IsNotTouchedWhereItsServiceDoesNotStop) {
  daemon("foo");
  upgrade({.package = "other", .version = "2.0"});
  logged_.stubborn.insert("foo.service");
  begin();
  EXPECT_EQ(unpack_all().exit_code, 0);
  EXPECT_EQ(configure_pending().exit_code, 1);
  EXPECT_EQ(world_.state("foo"), "ii 1.0");
  EXPECT_EQ(world_.state("other"), "ii 2.0");
  EXPECT_TRUE(holds_.held.empty());
  EXPECT_EQ(said_.back(), "foo is not touched: foo.service does not stop");
}

TEST_F(IslandsTest, CommandsComeInTheirOrder) {
  const auto step = daemon("foo");
  units_.add("mail.service");
  units_.add("imap.service");
  Island& island = *plan_.steps[step].island;
  island.together = {"mail.service", "imap.service"};
  island.backup = {"save"};
  island.before = {"before"};
  island.after = {"after"};
  begin();
  unpack_all();
  EXPECT_EQ(log(),
            (Lines{"stop mail.service", "stop imap.service", "command save", "stop foo.service",
                   "command before", "unpack foo.deb", "configure foo:amd64", "start foo.service",
                   "command after", "start imap.service", "start mail.service"}));
}

TEST_F(IslandsTest, IsNotTouchedWithoutItsBackup) {
  const auto step = daemon("foo");
  plan_.steps[step].island->backup = {"save"};
  fails_ = {"save"};
  begin();
  unpack_all();
  EXPECT_EQ(world_.state("foo"), "ii 1.0");
  EXPECT_TRUE(is_active("foo.service"));
  EXPECT_EQ(said_.back(), "foo is not touched: its backup failed: save: exit status 1");
}

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

TEST_F(IslandsTest, GuardsAreLookedAtWhenTheServiceIsDown) {
  const auto step = daemon("foo");
  plan_.steps[step].guards = {"queue-empty /var/spool/foo"};
  unmet_ = {"queue-empty /var/spool/foo"};
  begin();
  world_.calls.clear();
  unpack_all();
  EXPECT_EQ(log(), (Lines{"stop foo.service", "start foo.service"}));
  EXPECT_EQ(world_.state("foo"), "ii 1.0");
}

TEST_F(IslandsTest, AFileOfAnIslandsOldVersionIsWaitedFor) {
  daemon("foo");
  upgrade({.package = "taker", .version = "2.0", .overwrites = "foo"});
  begin();
  EXPECT_EQ(unpack_all().exit_code, 0);
  EXPECT_EQ(configure_pending().exit_code, 0);
  EXPECT_EQ(world_.state("taker"), "ii 2.0");
}

TEST_F(IslandsTest, TheLauncherKnowsWhatIsLeftAtAnyTime) {
  daemon("foo");
  upgrade({.package = "other", .version = "2.0"});
  begin();
  unpack_all();
  EXPECT_EQ(progress_.in_calls,
            (std::vector<Lines>{{"/archives/other.deb"}, {}, {"/archives/foo.deb"}, {}}));
  EXPECT_EQ(progress_.afters,
            (std::vector<Lines>{{"/archives/foo.deb"}, {"/archives/foo.deb"}, {}, {}}));
}

TEST_F(IslandsTest, WhatAScriptHasHeldIsLetGoWhenItsPackageIsWhole) {
  upgrade({.package = "plain", .version = "2.0"});
  units_.add("plain.service", "inactive");
  holds_.held = {{"plain.service", "plain:amd64", true, false}};
  begin();
  unpack_all();
  EXPECT_EQ(holds_.held.size(), 1u);
  configure_pending();
  EXPECT_TRUE(holds_.held.empty());
  EXPECT_TRUE(is_active("plain.service"));
}

}  // namespace
}  // namespace aptkeep
