#include "core/unit.h"

#include <gtest/gtest.h>

namespace aptkeep {
namespace {

using Strings = std::vector<std::string>;

UnitFacts unit(const std::string& name, const std::string& active, const std::string& sub,
               const std::string& file_state = "enabled") {
  UnitFacts facts;
  facts.name = name;
  facts.load_state = "loaded";
  facts.active_state = active;
  facts.sub_state = sub;
  facts.file_state = file_state;
  facts.type = "simple";
  return facts;
}

UnitFacts stopped(const std::string& name, const std::string& file_state = "enabled") {
  return unit(name, "inactive", "dead", file_state);
}

UnitRecord ran(const std::string& name, const std::string& package = "foo:amd64") {
  return {name, package, "active (running)", true, "", ""};
}

class DecideUnits : public ::testing::Test {
 protected:
  UnitDecision decide(const UnitRecord& record) {
    const auto decisions = all({record});
    EXPECT_EQ(decisions.size(), 1U);
    return decisions.empty() ? UnitDecision{} : decisions.front();
  }
  std::vector<UnitDecision> all(const std::vector<UnitRecord>& records) {
    return decide_units(
        records, now_, [this](const std::string&) { return standing_; }, new_units_);
  }
  void is(const UnitFacts& facts) { now_[facts.name] = facts; }

  std::map<std::string, UnitFacts> now_;
  std::map<std::string, std::vector<std::string>> new_units_;
  Standing standing_ = Standing::Upgraded;
};

TEST(Units, AreFoundAmongFiles) {
  EXPECT_EQ(unit_of_path("/usr/lib/systemd/system/a.service"), "a.service");
  EXPECT_EQ(unit_of_path("/lib/systemd/system/a@.socket"), "a@.socket");
  EXPECT_EQ(unit_of_path("/etc/systemd/system/a.timer"), "a.timer");
  EXPECT_EQ(unit_of_path("/etc/init.d/exim4"), "exim4.service");
  EXPECT_EQ(unit_of_path("/etc/init.d/exim4.dpkg-old"), "");
  EXPECT_EQ(unit_of_path("/usr/lib/systemd/system/a.service.d/x.conf"), "");
  EXPECT_EQ(unit_of_path("/usr/lib/systemd/system/x.wants/a.service"), "");
  EXPECT_EQ(unit_of_path("/usr/lib/systemd/system/a.mount"), "");
  EXPECT_EQ(unit_of_path("/usr/lib/systemd/user/a.service"), "");
  EXPECT_EQ(units_of_paths({"/lib/systemd/system/b.path", "/etc/init.d/a", "/x",
                            "/usr/lib/systemd/system/a.service"}),
            (Strings{"a.service", "b.path"}));
}

TEST(Units, InstancesBelongToTheirTemplate) {
  EXPECT_TRUE(is_instance_or_same("postfix@-.service", "postfix@.service"));
  EXPECT_TRUE(is_instance_or_same("a.service", "a.service"));
  EXPECT_TRUE(is_instance_or_same("a@.service", "a@.service"));
  EXPECT_FALSE(is_instance_or_same("postfix.service", "postfix@.service"));
  EXPECT_FALSE(is_instance_or_same("postfix@-.socket", "postfix@.service"));
  EXPECT_FALSE(is_instance_or_same("xpostfix@-.service", "postfix@.service"));
}

TEST(Units, AFailedOneAndOneBetweenTwoAttemptsAreWanted) {
  EXPECT_TRUE(is_wanted(unit("a.service", "active", "running")));
  EXPECT_TRUE(is_wanted(unit("a.service", "reloading", "reload")));
  EXPECT_TRUE(is_wanted(unit("a.service", "failed", "failed")));
  EXPECT_TRUE(is_wanted(unit("a.service", "activating", "auto-restart")));
  EXPECT_FALSE(is_wanted(unit("a.service", "inactive", "dead")));
  EXPECT_FALSE(is_wanted(unit("a.service", "deactivating", "stop")));
  EXPECT_FALSE(unit("a.service", "activating", "auto-restart").is_up());
  EXPECT_TRUE(unit("a.service", "activating", "start").is_up());
  UnitFacts job = unit("a.service", "activating", "start");
  job.type = "oneshot";
  EXPECT_FALSE(is_wanted(job));
  job.remains = true;
  EXPECT_TRUE(is_wanted(job));
}

TEST_F(DecideUnits, WhatRanIsStarted) {
  is(stopped("foo.service"));
  const auto decision = decide(ran("foo.service"));
  EXPECT_EQ(decision.wish, UnitWish::Start);
  EXPECT_EQ(decision.reason, "it was active (running)");
  is(unit("foo.service", "active", "running"));
  EXPECT_EQ(decide(ran("foo.service")).wish, UnitWish::Leave);
  is(unit("foo.service", "failed", "failed"));
  EXPECT_EQ(decide(ran("foo.service")).wish, UnitWish::Start);
}

TEST_F(DecideUnits, WhatAnotherOfItsPackageTakesThePlaceOfIsLeft) {
  is(stopped("p@-.service"));
  UnitFacts heir = stopped("p.service");
  heir.conflicts = {"shutdown.target", "p@-.service"};
  is(heir);
  const std::vector<UnitRecord> both{ran("p@-.service"), ran("p.service")};
  const auto wishes = all(both);
  ASSERT_EQ(wishes.size(), 2U);
  EXPECT_EQ(wishes[0].wish, UnitWish::Leave);
  EXPECT_EQ(wishes[1].wish, UnitWish::Start);
  // Another package's does not, nor one that it stops as well, nor one that is not there.
  EXPECT_EQ(all({ran("p@-.service"), ran("p.service", "other:amd64")})[0].wish, UnitWish::Start);
  UnitFacts rival = stopped("p@-.service");
  rival.conflicts = {"p.service"};
  is(rival);
  EXPECT_EQ(all(both)[0].wish, UnitWish::Start);
  is(stopped("p@-.service"));
  heir.load_state = "not-found";
  is(heir);
  EXPECT_EQ(all(both)[0].wish, UnitWish::Start);
}

TEST_F(DecideUnits, WhatDidNotRunIsNotLookedAt) {
  is(stopped("foo.service"));
  UnitRecord record = ran("foo.service");
  record.wanted = false;
  EXPECT_TRUE(all({record}).empty());
}

TEST_F(DecideUnits, WhatDpkgHasNotConfiguredIsTold) {
  is(stopped("foo.service"));
  standing_ = Standing::Unfinished;
  const auto decision = decide(ran("foo.service"));
  EXPECT_EQ(decision.wish, UnitWish::Tell);
  EXPECT_EQ(decision.reason, "its package is not configured");
  // Its neighbours are whole.
  EXPECT_EQ(decide(ran("foo.service", "")).wish, UnitWish::Start);
}

TEST_F(DecideUnits, ARemovedPackagesUnitIsGone) {
  is(stopped("foo.service"));
  standing_ = Standing::Gone;
  EXPECT_EQ(decide(ran("foo.service")).wish, UnitWish::Leave);
}

TEST_F(DecideUnits, WhatHadFailedIsTriedWithItsNewVersionOnly) {
  is(unit("foo.service", "failed", "failed"));
  UnitRecord record = ran("foo.service");
  record.state = "failed (failed)";
  EXPECT_EQ(decide(record).wish, UnitWish::Start);
  standing_ = Standing::Unchanged;
  EXPECT_EQ(decide(record).wish, UnitWish::Leave);
  record.package = "";
  standing_ = Standing::Upgraded;
  EXPECT_EQ(decide(record).wish, UnitWish::Leave);
}

TEST_F(DecideUnits, AMaskedOneIsTold) {
  UnitFacts masked = stopped("foo.service", "masked");
  masked.load_state = "masked";
  is(masked);
  EXPECT_EQ(decide(ran("foo.service")).wish, UnitWish::Tell);
}

TEST_F(DecideUnits, WhoComesByItselfIsLeft) {
  UnitFacts idle = stopped("foo.service", "static");
  idle.triggered_by = {"foo.socket"};
  is(idle);
  is(stopped("foo.socket"));
  EXPECT_EQ(decide(ran("foo.service")).wish, UnitWish::Start);
  is(unit("foo.socket", "active", "listening"));
  EXPECT_EQ(decide(ran("foo.service")).wish, UnitWish::Leave);
  // One that is enabled is to be there without being asked for.
  idle.file_state = "enabled";
  is(idle);
  EXPECT_EQ(decide(ran("foo.service")).wish, UnitWish::Start);
  UnitFacts bus = stopped("foo.service", "static");
  bus.type = "dbus";
  is(bus);
  EXPECT_EQ(decide(ran("foo.service")).wish, UnitWish::Leave);
  bus.active_state = "failed";
  is(bus);
  EXPECT_EQ(decide(ran("foo.service")).wish, UnitWish::Start);
}

TEST_F(DecideUnits, AnEnabledNewOneTakesThePlaceOfOneThatIsGone) {
  UnitFacts gone = stopped("old.service", "");
  gone.load_state = "not-found";
  is(gone);
  EXPECT_EQ(decide(ran("old.service")).wish, UnitWish::Tell);
  new_units_["foo:amd64"] = {"new.service", "other.service", "extra.service"};
  is(stopped("new.service"));
  is(stopped("other.service", "disabled"));
  is(unit("extra.service", "active", "running"));
  const auto decisions = all({ran("old.service")});
  ASSERT_EQ(decisions.size(), 2U);
  EXPECT_EQ(decisions[0].unit, "new.service");
  EXPECT_EQ(decisions[0].wish, UnitWish::Start);
  EXPECT_EQ(decisions[0].instead_of, "old.service");
  EXPECT_EQ(decisions[1].wish, UnitWish::Leave);
  // A neighbour's is not ours to replace.
  EXPECT_EQ(decide(ran("old.service", "")).wish, UnitWish::Leave);
}

TEST_F(DecideUnits, TwoThatAreGoneHaveOneHeir) {
  for (const char* name : {"a.service", "b.service"}) {
    UnitFacts gone = stopped(name, "");
    gone.load_state = "not-found";
    is(gone);
  }
  new_units_["foo:amd64"] = {"new.service"};
  is(stopped("new.service"));
  const auto decisions = all({ran("a.service"), ran("b.service")});
  EXPECT_EQ(std::count_if(decisions.begin(), decisions.end(),
                          [](const auto& one) { return one.wish == UnitWish::Start; }),
            1);
}

TEST(PutOffRestarts, AreReadLineByLine) {
  using Kind = PutOff::Kind;
  EXPECT_EQ(parse_put_off("restart a.service a:amd64\nreboot b.socket b:i386\nfailed c c:amd64\n"),
            (std::vector<PutOff>{{Kind::Restart, "a.service", "a:amd64"},
                                 {Kind::Reboot, "b.socket", "b:i386"},
                                 {Kind::Failed, "c", "c:amd64"}}));
  EXPECT_EQ(
      parse_put_off(
          "restart a a:amd64\nrestart a b:amd64\nrestart a a:amd64\nfailed a a:amd64\nrestart cut"),
      (std::vector<PutOff>{{Kind::Restart, "a", "a:amd64"},
                           {Kind::Restart, "a", "b:amd64"},
                           {Kind::Failed, "a", "a:amd64"}}));
  EXPECT_TRUE(parse_put_off("\nalone\n a b\nother a b\n restart a b c \n").empty());
}

// Printed by systemd 252.
TEST(ParseShow, ReadsUnitByUnit) {
  const auto units = parse_show(
      "Type=notify\nRemainAfterExit=no\nId=ssh.service\nRequires=system.slice sysinit.target\n"
      "RequiredBy=\nTriggeredBy=ssh.socket\nLoadState=loaded\nActiveState=active\n"
      "SubState=running\nUnitFileState=enabled\n\n"
      "Id=nosuch.socket\nTriggers=\nLoadState=not-found\nActiveState=inactive\nSubState=dead\n"
      "UnitFileState=\n\nId=x.service\nType=oneshot\nRemainAfterExit=yes\nPartOf=a.target "
      "\"t@a\\\\x2db.service\"\nConflicts=shutdown.target y.service\n");
  ASSERT_EQ(units.size(), 3U);
  EXPECT_EQ(units[0].name, "ssh.service");
  EXPECT_EQ(units[0].triggered_by, Strings{"ssh.socket"});
  EXPECT_EQ(units[0].related, (Strings{"system.slice", "sysinit.target"}));
  EXPECT_EQ(state_text(units[0]), "active (running)");
  EXPECT_EQ(units[1].load_state, "not-found");
  EXPECT_EQ(units[1].file_state, "");
  EXPECT_TRUE(units[2].remains);
  EXPECT_EQ(units[2].related, (Strings{"a.target", "t@a\\x2db.service"}));
  EXPECT_EQ(units[0].goes_with, units[0].related);
  EXPECT_TRUE(units[0].conflicts.empty());
  EXPECT_EQ(units[2].conflicts, (Strings{"shutdown.target", "y.service"}));
  EXPECT_TRUE(parse_show("").empty());
  EXPECT_TRUE(parse_show("\n\nno equals sign\n").empty());
}

TEST(ParseShow, ReadsWhatASocketListensOn) {
  const auto units = parse_show(
      "Id=x.socket\nRefuseManualStop=no\nListen=[::]:111 (Stream)\nListen=/run/a b (Datagram)\n"
      "Listen=odd\nRequiredBy=x.service\n\nId=y.service\nRefuseManualStop=yes\n");
  ASSERT_EQ(units.size(), 2U);
  EXPECT_EQ(units[0].listens, (Strings{"Stream [::]:111", "Datagram /run/a b"}));
  EXPECT_EQ(units[0].related, Strings{"x.service"});
  EXPECT_TRUE(units[0].goes_with.empty());
  EXPECT_FALSE(units[0].refuses_stop);
  EXPECT_TRUE(units[1].refuses_stop);
}

TEST(ParseShow, ReadsWhoIsServedByItselfAndWhatIsDroppedIn) {
  const auto units = parse_show(
      "Id=x.socket\nAccept=yes\nDropInPaths=/usr/lib/a.conf /etc/b.conf\n\nId=y.socket\nAccept=no\n"
      "DropInPaths=\n");
  ASSERT_EQ(units.size(), 2U);
  EXPECT_TRUE(units[0].accepts);
  EXPECT_EQ(units[0].drop_ins, (Strings{"/usr/lib/a.conf", "/etc/b.conf"}));
  EXPECT_FALSE(units[1].accepts);
  EXPECT_TRUE(units[1].drop_ins.empty());
}

// A restart may come within the second of the start before it.
TEST(ParseShow, TellsTwoStartsWithinASecondApart) {
  const auto units = parse_show(
      "Id=x.service\nInactiveExitTimestamp=@1796000000\n"
      "InactiveExitTimestampMonotonic=25100000001\n\n"
      "Id=y.service\nInactiveExitTimestamp=\nInactiveExitTimestampMonotonic=0\n");
  ASSERT_EQ(units.size(), 2U);
  EXPECT_EQ(units[0].up_since, 1796000000);
  EXPECT_EQ(units[0].start_mark, 25100000001);
  EXPECT_EQ(units[1].up_since, 0);
  EXPECT_EQ(units[1].start_mark, 0);
}

TEST(IsTroubleOver, WhenItWasStartedSinceOrNobodyWantsItUp) {
  UnitFacts now;
  UnitRecord record;
  record.file_state = "enabled";
  now.load_state = "loaded";
  now.file_state = "enabled";
  now.active_state = "active";
  now.up_since = 99;
  EXPECT_FALSE(is_trouble_over(record, now, 100)) << "the version from before";
  now.up_since = 100;
  EXPECT_TRUE(is_trouble_over(record, now, 100));
  record.trouble = std::string(kUnwell) + "no answer";
  EXPECT_FALSE(is_trouble_over(record, now, 100)) << "nobody has asked again";
  record.trouble = "";
  now.active_state = "failed";
  EXPECT_FALSE(is_trouble_over(record, now, 100));
  now.active_state = "inactive";
  EXPECT_FALSE(is_trouble_over(record, now, 100));
  now.type = "oneshot";
  EXPECT_TRUE(is_trouble_over(record, now, 100)) << "a job between its turns";
  now.remains = true;
  EXPECT_FALSE(is_trouble_over(record, now, 100));
  now.file_state = "disabled";
  EXPECT_TRUE(is_trouble_over(record, now, 100));
  record.file_state = "disabled";
  EXPECT_FALSE(is_trouble_over(record, now, 100)) << "it ran all the same";
  now.file_state = "enabled";
  now.load_state = "masked";
  EXPECT_TRUE(is_trouble_over(record, now, 100));
}

}  // namespace
}  // namespace aptkeep
