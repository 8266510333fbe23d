// What is recorded of units when a run begins, and started again at its end.
#include "services_fixture.h"

namespace aptkeep {
namespace {

using Strings = std::vector<std::string>;

TEST_F(ServicesTest, WhatIsRecorded) {
  UnitFacts& foo = units_.add("foo.service");
  foo.triggered_by = {"foo.socket", "other.timer", "stopped.path"};
  foo.related = {"user.service", "system.slice", "multi-user.target"};
  units_.add("foo.socket");
  units_.add("foo@one.service");
  units_.add("other.timer");
  units_.add("user.service");
  units_.add("stopped.path", "inactive");
  units_.add("stranger.service");
  begin({"foo:amd64", "bar:amd64"});
  EXPECT_EQ(recorded(), (Strings{"foo.service", "foo.socket", "foo@one.service", "other.timer",
                                 "user.service"}));
  // A later plan of the run finds it stopped, and changes nothing of what was.
  units_.stop("foo.service");
  begin({"foo:amd64"});
  EXPECT_EQ(recorded().front(), "foo.service");
}

TEST_F(ServicesTest, WhatGoesDownWithWhatGoesDownIsRecordedToo) {
  units_.add("foo.service").related = {"needs-foo.service", "above.service"};
  units_.all.at("foo.service").goes_with = {"above.service"};
  // It needs that one, and goes down with another.
  units_.add("needs-foo.service").related = {"foo.service",   "mail.target",  "third.service",
                                             "other.service", "both.service", "both.service"};
  units_.all.at("needs-foo.service").goes_with = {"foo.service", "other.service", "both.service"};
  units_.add("third.service").related = {"fourth.timer", "down.service", "needs-foo.service"};
  units_.all.at("third.service").goes_with = {"needs-foo.service"};
  for (const char* name : {"above.service", "both.service", "other.service", "mail.target"})
    units_.add(name);
  units_.add("down.service", "inactive").related = {"behind-down.service"};
  units_.add("behind-down.service");
  units_.add("fourth.timer").related = {"foo.service"};
  begin({"foo:amd64"});
  EXPECT_EQ(recorded(), (Strings{"above.service", "both.service", "foo.service", "fourth.timer",
                                 "needs-foo.service", "third.service"}));
  for (const char* name : {"foo.service", "needs-foo.service", "third.service", "fourth.timer"})
    units_.stop(name);
  EXPECT_TRUE(end().empty());
  for (const char* name : {"foo.service", "needs-foo.service", "third.service", "fourth.timer"})
    EXPECT_TRUE(units_.all.at(name).is_up()) << name;
}

TEST_F(ServicesTest, NothingIsAskedWhereNoPackageHasUnits) {
  begin({"bar:amd64"});
  EXPECT_TRUE(recorded().empty());
  EXPECT_TRUE(end().empty());
  EXPECT_TRUE(units_.log.empty());
}

TEST_F(ServicesTest, NothingIsDoneWhereAllRuns) {
  units_.add("foo.service");
  begin({"foo:amd64"});
  EXPECT_TRUE(end().empty());
  EXPECT_TRUE(units_.log.empty());
}

TEST_F(ServicesTest, SocketsComeBeforeServices) {
  units_.add("foo.service").triggered_by = {"foo.socket"};
  units_.add("foo.socket").triggers = {"foo.service"};
  begin({"foo:amd64"});
  units_.stop("foo.service");
  units_.stop("foo.socket");
  EXPECT_TRUE(end().empty());
  EXPECT_EQ(units_.log, (Strings{"daemon-reload ", "reset-failed foo.socket", "start foo.socket",
                                 "reset-failed foo.service", "start foo.service"}));
}

TEST_F(ServicesTest, ASocketWhoseServiceRunsGetsItsServiceStopped) {
  units_.add("foo.service").triggered_by = {"foo.socket"};
  units_.add("foo.socket").triggers = {"foo.service"};
  begin({"foo:amd64"});
  units_.stop("foo.socket");
  EXPECT_TRUE(end().empty());
  EXPECT_TRUE(units_.all.at("foo.socket").is_up());
  EXPECT_TRUE(units_.all.at("foo.service").is_up());
}

TEST_F(ServicesTest, ASecondTryHelpsWhoWasTooEarly) {
  units_.add("foo.service");
  units_.add("foo@one.service");
  begin({"foo:amd64"});
  units_.stop("foo.service");
  units_.stop("foo@one.service");
  units_.late = {"foo.service"};
  EXPECT_TRUE(end().empty());
  // The one that was up after the first is not started again.
  EXPECT_EQ(units_.log.back(), "start foo.service");
}

TEST_F(ServicesTest, WhoDoesNotStartIsToldAndRecorded) {
  units_.add("foo.service");
  begin({"foo:amd64"});
  units_.stop("foo.service");
  units_.broken = {"foo.service"};
  const auto trouble = end();
  ASSERT_EQ(trouble.size(), 1U);
  EXPECT_EQ(trouble[0].trouble, "does not start again: it is failed (failed)");
  EXPECT_EQ(trouble[0].journal, "last words of foo.service");
  EXPECT_EQ(store_.units(7)->front().trouble, trouble[0].trouble);
  // Mended: nothing is left of it.
  units_.broken.clear();
  EXPECT_TRUE(end().empty());
  EXPECT_EQ(store_.units(7)->front().trouble, "");
  EXPECT_EQ(store_.units(7)->front().journal, "");
}

TEST_F(ServicesTest, WhatAnAdministratorsPolicyDeniesToStartIsToldOnly) {
  units_.add("foo.service");
  begin({"foo:amd64"});
  units_.stop("foo.service");
  units_.denied = {"start foo.service"};
  const auto trouble = end();
  ASSERT_EQ(trouble.size(), 1U);
  EXPECT_EQ(trouble[0].trouble, "/usr/sbin/policy-rc.d denies to start it");
  EXPECT_FALSE(units_.all.at("foo.service").is_up());
}

TEST_F(ServicesTest, AnHeirIsStarted) {
  files_ = {{"foo:amd64", {"old.service"}}};
  units_.add("old.service");
  begin({"foo:amd64"});
  units_.all.erase("old.service");
  files_ = {{"foo:amd64", {"new.service", "new@.service"}}};
  units_.add("new.service", "inactive");
  EXPECT_TRUE(end().empty());
  EXPECT_TRUE(units_.all.at("new.service").is_up());
  units_.stop("new.service");
  units_.broken = {"new.service"};
  const auto trouble = end();
  ASSERT_EQ(trouble.size(), 1U);
  EXPECT_EQ(trouble[0].name, "old.service");
  EXPECT_EQ(trouble[0].trouble,
            "new.service, which takes its place, does not start again: it is failed (failed)");
}

TEST_F(PutOffTest, ARestartIsMadeAtTheEnd) {
  EXPECT_TRUE(end().empty());
  EXPECT_EQ(units_.log,
            (Strings{"daemon-reload ", "reset-failed foo.service", "restart foo.service"}));
  EXPECT_TRUE(put_off_.empty());
}

TEST_F(PutOffTest, ASocketIsRestartedWhileItsServiceIsStopped) {
  units_.add("foo.socket").triggers = {"foo.service"};
  put_off_.push_back({PutOff::Kind::Restart, "foo.socket", "foo:amd64"});
  EXPECT_TRUE(end().empty());
  EXPECT_EQ(units_.log,
            (Strings{"daemon-reload ", "reset-failed foo.service foo.socket",
                     "stop foo.service foo.socket", "start foo.socket", "start foo.service"}));
}

// Only the socket is up; nobody has asked for the service yet.
TEST_F(PutOffTest, ASocketAloneIsRestartedAlone) {
  units_.add("foo.socket").triggers = {"foo.service"};
  units_.stop("foo.service");
  units_.all.at("foo.service").file_state = "static";
  units_.all.at("foo.service").triggered_by = {"foo.socket"};
  put_off_ = {{PutOff::Kind::Restart, "foo.socket", "foo:amd64"}};
  end();
  EXPECT_EQ(units_.log, (Strings{"daemon-reload ", "reset-failed foo.socket", "stop foo.socket",
                                 "start foo.socket"}));
}

TEST_F(PutOffTest, WhatIsDownByThenIsStartedAsAllElse) {
  units_.stop("foo.service");
  EXPECT_TRUE(end().empty());
  EXPECT_EQ(units_.log.back(), "start foo.service");
}

TEST_F(PutOffTest, WhatDoesNotComeBackIsTriedAgainAndTold) {
  units_.broken = {"foo.service"};
  ASSERT_EQ(end().size(), 1U);
  EXPECT_TRUE(put_off_.empty());
}

TEST_F(PutOffTest, WhatSystemdDoesNotRestartIsTold) {
  units_.all.at("foo.service").start_mark = 7;
  units_.refusing = {"foo.service"};
  const auto trouble = end();
  ASSERT_EQ(trouble.size(), 1U);
  EXPECT_EQ(trouble[0].trouble, "it was not restarted, because systemd did not do it");
  units_.refusing.clear();
  put_off_ = {{PutOff::Kind::Restart, "foo.service", "foo:amd64"}};
  EXPECT_TRUE(end().empty());
}

TEST_F(PutOffTest, ItsPackageHasToBeWhole) {
  standing_["foo:amd64"] = Standing::Unfinished;
  const auto trouble = end();
  ASSERT_EQ(trouble.size(), 1U);
  EXPECT_EQ(trouble[0].trouble, "it was not restarted, because its package is not configured");
  EXPECT_TRUE(units_.log.empty());
}

TEST_F(PutOffTest, SeveralPackagesMayAskForIt) {
  standing_["late:amd64"] = Standing::Gone;
  standing_["plugin:amd64"] = Standing::Upgraded;
  put_off_ = {{PutOff::Kind::Restart, "foo.service", "late:amd64"},
              {PutOff::Kind::Restart, "foo.service", "foo:amd64"},
              {PutOff::Kind::Restart, "foo.service", "plugin:amd64"}};
  EXPECT_TRUE(end().empty());
  EXPECT_EQ(units_.log,
            (Strings{"daemon-reload ", "reset-failed foo.service", "restart foo.service"}));
  units_.log.clear();
  standing_["foo:amd64"] = Standing::Unfinished;
  put_off_ = {{PutOff::Kind::Restart, "foo.service", "foo:amd64"},
              {PutOff::Kind::Restart, "foo.service", "plugin:amd64"}};
  EXPECT_EQ(end().size(), 1U);
  EXPECT_TRUE(units_.log.empty());
}

TEST_F(PutOffTest, TheServiceThatTheRunIsMadeInIsNotRestarted) {
  ports_.own_unit = "foo.service";
  const auto trouble = end();
  ASSERT_EQ(trouble.size(), 1U);
  EXPECT_EQ(trouble[0].trouble, "it was not restarted, because this run was made in it");
  EXPECT_TRUE(units_.log.empty());
}

TEST_F(PutOffTest, WhatWaitsForTheNextBootIsOnlyTold) {
  put_off_[0].kind = PutOff::Kind::Reboot;
  const auto trouble = end();
  ASSERT_EQ(trouble.size(), 1U);
  EXPECT_EQ(trouble[0].trouble, "the version from before runs until the next boot");
  EXPECT_TRUE(units_.log.empty());
  standing_["foo:amd64"] = Standing::Unchanged;
  put_off_ = {{PutOff::Kind::Reboot, "foo.service", "foo:amd64"}};
  EXPECT_TRUE(end().empty()) << "it was put back";
}

TEST_F(PutOffTest, WhatAScriptCouldNotStartIsTriedAgain) {
  units_.add("new.service");
  units_.stop("new.service");
  put_off_ = {{PutOff::Kind::Failed, "new.service", "foo:amd64"}};
  EXPECT_TRUE(end().empty());
  EXPECT_EQ(units_.log,
            (Strings{"daemon-reload ", "reset-failed new.service", "start new.service"}));
}

TEST_F(PutOffTest, WhatAScriptCouldNotStartIsTold) {
  units_.add("new.service");
  units_.stop("new.service");
  units_.broken = {"new.service"};
  put_off_ = {{PutOff::Kind::Failed, "new.service", "foo:amd64"}};
  const auto trouble = end();
  ASSERT_EQ(trouble.size(), 1U);
  EXPECT_EQ(trouble[0].name, "new.service");
  EXPECT_EQ(trouble[0].package, "foo:amd64");
  EXPECT_TRUE(trouble[0].trouble.starts_with("its package could not start it: it is "));
  EXPECT_FALSE(trouble[0].wanted);
  const auto kept = store_.units(7);
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->size(), 2u);
}

TEST_F(PutOffTest, NothingIsStartedWhileTheSystemShutsDown) {
  units_.stopping = true;
  units_.stop("foo.service");
  EXPECT_TRUE(end().empty());
  EXPECT_TRUE(units_.log.empty());
  EXPECT_TRUE(put_off_.empty());
}

TEST_F(PutOffTest, ARemovedPackagesServiceIsNot) {
  standing_["foo:amd64"] = Standing::Gone;
  EXPECT_TRUE(end().empty());
  EXPECT_TRUE(units_.log.empty());
}

TEST_F(ServicesTest, WhatDpkgHasNotConfiguredStaysDown) {
  units_.add("foo.service");
  begin({"foo:amd64"});
  units_.stop("foo.service");
  standing_["foo:amd64"] = Standing::Unfinished;
  const auto trouble = end();
  ASSERT_EQ(trouble.size(), 1U);
  EXPECT_EQ(trouble[0].trouble, "its package is not configured");
  EXPECT_TRUE(units_.log.empty());
}

TEST_F(PutOffTest, WhatIsStartedAgainAndAgainIsTold) {
  units_.meanwhile = [](FakeUnits& units, int) { ++units.all.at("foo.service").restarts; };
  const auto trouble = end();
  ASSERT_EQ(trouble.size(), 1U);
  EXPECT_EQ(trouble[0].trouble,
            std::string(kUnwell) + "it ended by itself and was started again 40 times within 10 s");
  EXPECT_EQ(trouble[0].journal, "last words of foo.service");
  EXPECT_EQ(units_.now, 10'000) << "watched for as long as is allowed";
}

TEST_F(PutOffTest, WhatStaysIsWatchedNoLongerThanNeeded) {
  EXPECT_TRUE(end().empty());
  EXPECT_EQ(units_.now, 2000);
}

TEST_F(PutOffTest, ALimitIsKept) {
  ports_.settle = 500;
  units_.meanwhile = [](FakeUnits& units, int) { ++units.all.at("foo.service").restarts; };
  EXPECT_EQ(end().size(), 1U);
  EXPECT_EQ(units_.now, 500);
}

// A script of its package has restarted it amid the run; nobody has since.
TEST_F(ServicesTest, WhoIsBeingStartedAgainByItselfIsWatchedToo) {
  units_.add("foo.service");
  begin({"foo:amd64"});
  units_.all.at("foo.service").restarts = 3;
  EXPECT_TRUE(end().empty()) << "it was long ago";
  EXPECT_EQ(units_.now, 2000);
  units_.meanwhile = [](FakeUnits& units, int) { ++units.all.at("foo.service").restarts; };
  EXPECT_EQ(end().size(), 1U);
}

TEST_F(ServicesTest, WhatIsAboutToBeStartedByItselfIsNotWaitedFor) {
  units_.add("foo.service");
  begin({"foo:amd64"});
  units_.all.at("foo.service").active_state = "activating";
  units_.all.at("foo.service").sub_state = "auto-restart";
  EXPECT_TRUE(end().empty());
  EXPECT_EQ(units_.log.back(), "restart foo.service");
}

}  // namespace
}  // namespace aptkeep
