// Services that are down while their packages are replaced, in whole runs.
#include "core/failure_class.h"
#include "islands_fixture.h"

namespace aptkeep {
namespace {

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
  EXPECT_EQ(holds_.answered, (Lines{"foo.service"}));
}

TEST_F(IslandsTest, IsHeldMeanwhile) {
  daemon("foo");
  with_socket("foo");
  begin();
  world_.before_call = [this](const std::vector<std::string>& args) {
    if (std::find(args.begin(), args.end(), "--unpack") == args.end()) return;
    EXPECT_EQ(holds_.held,
              (std::vector<HeldUnit>{{"foo.socket", "foo:amd64", true, false, false},
                                     {"foo.service", "foo:amd64", true, false, false}}));
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

TEST_F(IslandsTest, GoesOnWhereAnAdministratorsPolicyDeniesToStopOrToStartIt) {
  for (const std::string verb : {"stop", "start"}) {
    const std::string name = verb == "stop" ? "stopped" : "started";
    daemon(name);
    with_socket(name);
    units_.denied.insert(verb + " " + name + ".service");
  }
  // Its socket would start it half replaced.
  daemon("triggered");
  with_socket("triggered");
  units_.all.at("triggered.socket").active_state = "active";
  units_.denied.insert("stop triggered.socket");
  daemon("free");
  begin();
  unpack_all();
  std::erase_if(world_.calls, [](const auto& call) {
    return std::ranges::any_of(call, [](const std::string& word) {
      return word.find("triggered.deb") != std::string::npos || word == "triggered:amd64";
    });
  });
  EXPECT_EQ(log(), (Lines{"unpack stopped.deb", "configure stopped:amd64", "unpack started.deb",
                          "configure started:amd64", "stop free.service", "unpack free.deb",
                          "configure free:amd64", "start free.service"}));
  ASSERT_FALSE(said_.empty());
  EXPECT_EQ(
      said_.front(),
      "stopped.service goes on while stopped is replaced: /usr/sbin/policy-rc.d denies to stop "
      "or start it");
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
  ASSERT_EQ(open_.failures.size(), 1U);
  EXPECT_EQ(open_.failures[0].failure_class, FailureClass::Preparation);
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

// A restart that it asked for later would be one more time down.
TEST_F(IslandsTest, ItsOwnTriggersComeBeforeItIsStarted) {
  const auto step = daemon("foo", {.trigger = true});
  plan_.steps[step].island->checks = {"check"};
  begin();
  unpack_all();
  EXPECT_EQ(log(), (Lines{"stop foo.service", "unpack foo.deb", "configure foo:amd64",
                          "triggers-only foo:amd64", "command check", "start foo.service"}));
  EXPECT_EQ(world_.state("foo"), "ii 2.0");
}

TEST_F(IslandsTest, TriggersWaitWhereItsOwnScriptStartsIt) {
  daemon("foo", {.trigger = true});
  begin();
  unpack_all();
  EXPECT_EQ(world_.state("foo"), "it 2.0");
  EXPECT_TRUE(is_active("foo.service"));
  configure_pending();
  EXPECT_EQ(world_.state("foo"), "ii 2.0");
}

TEST_F(IslandsTest, ComesUpAgainAtItsOldVersionWhenItsTriggerFails) {
  with_snapshots_ = true;
  const auto step = daemon("foo", {.trigger_fails = true});
  plan_.steps[step].island->after = {"after"};
  PlanFlags flags;
  flags.rollback = true;
  begin(flags);
  EXPECT_EQ(unpack_all().exit_code, 0);
  EXPECT_EQ(world_.state("foo"), "ii 1.0");
  EXPECT_TRUE(is_active("foo.service"));
  EXPECT_TRUE(holds_.held.empty());
  EXPECT_EQ(std::ranges::count(log(), "command after"), 0);
  EXPECT_EQ(configure_pending().exit_code, 1);
}

// Apt may unpack what it needs in a later call only.
class LeftDownTest : public IslandsTest {
 protected:
  void SetUp() override {
    IslandsTest::SetUp();
    step_ = daemon("foo", {.depends = {"lib"}});
    needs(step_, Side::New, upgrade({.package = "lib", .version = "2.0"}), Side::New);
    upgrade({.package = "other", .version = "2.0"});
    units_.add("mail.service");
    Island& island = *plan_.steps[step_].island;
    island.together = {"mail.service"};
    island.checks = {"check"};
    island.after = {"after"};
  }
  CallEnd unpack(const std::string& name) {
    return call(DpkgCall::Verb::Unpack, {"/archives/" + name + ".deb"}, false, true);
  }
  std::uint32_t step_ = 0;
};

TEST_F(LeftDownTest, IsEndedByTheCallThatBringsWhatItNeeds) {
  begin();
  unpack("foo");
  EXPECT_EQ(log(), (Lines{"stop mail.service", "stop foo.service", "unpack foo.deb"}));
  EXPECT_EQ(holds_.held.size(), 2u);
  world_.calls.clear();
  unpack("lib");
  EXPECT_EQ(log(), (Lines{"unpack lib.deb", "configure lib:amd64 foo:amd64", "command check",
                          "start foo.service", "command after", "start mail.service"}));
  EXPECT_TRUE(holds_.held.empty());
  world_.calls.clear();
  configure_pending();
  EXPECT_EQ(log(), (Lines{"configure pending"}));
}

TEST_F(LeftDownTest, IsEndedBeforeAnythingElseIsUnpacked) {
  begin();
  unpack("foo");
  world_.calls.clear();
  call(DpkgCall::Verb::Unpack, {"/archives/other.deb", "/archives/lib.deb"}, false, true);
  EXPECT_EQ(log(), (Lines{"unpack lib.deb", "configure lib:amd64 foo:amd64", "command check",
                          "start foo.service", "command after", "start mail.service",
                          "unpack other.deb"}));
}

TEST_F(LeftDownTest, IsEndedByTheCallThatConfiguresWhatItNeeds) {
  world_.archives["/archives/lib.deb"].postinst_fails_times = 1;
  world_.archives["/archives/lib.deb"].says =
      "post-installation script subprocess was killed by signal (Killed)";
  begin();
  unpack("foo");
  unpack("lib");
  EXPECT_EQ(world_.state("lib"), "ii 2.0");
  EXPECT_EQ(world_.state("foo"), "ii 2.0");
  EXPECT_TRUE(is_active("foo.service"));
  EXPECT_TRUE(is_active("mail.service"));
}

TEST_F(LeftDownTest, IsEndedBeforeAnotherIsBegun) {
  daemon("bar");
  begin();
  unpack("foo");
  world_.calls.clear();
  call(DpkgCall::Verb::Unpack, {"/archives/lib.deb", "/archives/bar.deb"}, false, true);
  EXPECT_EQ(log(),
            (Lines{"unpack lib.deb", "configure lib:amd64 foo:amd64", "command check",
                   "start foo.service", "command after", "start mail.service", "stop bar.service",
                   "unpack bar.deb", "configure bar:amd64", "start bar.service"}));
}

TEST_F(LeftDownTest, StaysDownWhereItsCheckFails) {
  fails_ = {"check"};
  begin();
  unpack("foo");
  unpack("lib");
  configure_pending();
  EXPECT_EQ(std::ranges::count(log(), "command after"), 0);
  EXPECT_FALSE(is_active("foo.service"));
  EXPECT_FALSE(is_active("mail.service"));
  EXPECT_TRUE(holds_.held.empty());
  const auto units = store_->units(open_.run);
  ASSERT_TRUE(units);
  ASSERT_EQ(units->size(), 2u);
  for (const UnitRecord& unit : *units) EXPECT_TRUE(unit.trouble.starts_with(kStaysDown));
}

TEST_F(LeftDownTest, ComesUpWithoutThemAtItsOldVersion) {
  with_snapshots_ = true;
  world_.archives["/archives/lib.deb"].postinst_fails = true;
  PlanFlags flags;
  flags.rollback = true;
  begin(flags);
  unpack("foo");
  unpack("lib");
  configure_pending();
  EXPECT_EQ(world_.state("foo"), "ii 1.0");
  EXPECT_EQ(std::ranges::count(log(), "command after"), 0);
  EXPECT_TRUE(is_active("foo.service"));
  EXPECT_TRUE(is_active("mail.service"));
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
