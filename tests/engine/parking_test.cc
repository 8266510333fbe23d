// Services whose sockets keep listening while their packages are replaced, in whole runs.
#include "islands_fixture.h"

namespace aptkeep {
namespace {

using Lines = std::vector<std::string>;

class ParkingRunTest : public IslandsTest {
 protected:
  ParkingRunTest() {
    holds_.on_unpark = [this](const std::string& service, bool close) {
      unparked_.push_back((close ? "close " : "unpark ") + service + " before " +
                          (world_.calls.empty() ? "" : world_.calls.back()[0]));
      std::erase_if(holds_.held, [](const HeldUnit& one) { return one.parked; });
    };
  }
  void parked_daemon(const std::string& name, Archive archive = {}) {
    step_ = daemon(name, std::move(archive));
    with_socket(name);
    units_.all[name + ".socket"].listens = {"Stream /run/" + name};
    island().parked = {name + ".socket"};
  }
  Island& island() { return *plan_.steps[step_].island; }

  std::uint32_t step_ = 0;
  Lines unparked_;
};

TEST_F(ParkingRunTest, TheSocketStaysUp) {
  parked_daemon("foo");
  begin();
  world_.before_call = [this](const std::vector<std::string>& args) {
    if (std::find(args.begin(), args.end(), "--unpack") == args.end()) return;
    EXPECT_EQ(holds_.held, (std::vector<HeldUnit>{{"foo.service", "foo:amd64", true, false, true},
                                                  {"foo.socket", "foo:amd64", true, false, true}}));
  };
  EXPECT_EQ(unpack_all().exit_code, 0);
  EXPECT_EQ(log(), (Lines{"unpack foo.deb", "configure foo:amd64"}));
  EXPECT_EQ(holds_.log, (Lines{"park foo.service", "unpark foo.service"}));
  EXPECT_EQ(said_, (Lines{"stopping foo.service while foo is replaced, with clients of foo.socket "
                          "waiting (parked): a test says so"}));
  EXPECT_TRUE(holds_.held.empty());
  EXPECT_EQ(holds_.answered, Lines{}) << "who is parked is not called on the bus";
}

TEST_F(ParkingRunTest, ATimerIsStoppedAllTheSame) {
  parked_daemon("foo");
  units_.add("foo.timer").triggers = {"foo.service"};
  units_.all["foo.service"].triggered_by.push_back("foo.timer");
  begin();
  unpack_all();
  EXPECT_EQ(log(),
            (Lines{"stop foo.timer", "unpack foo.deb", "configure foo:amd64", "start foo.timer"}));
}

TEST_F(ParkingRunTest, WhatChangedSinceThePlanIsStopped) {
  parked_daemon("foo");
  units_.all["foo.socket"].listens.push_back("Datagram /run/foo2");
  begin();
  unpack_all();
  EXPECT_EQ(log(), (Lines{"stop foo.socket", "stop foo.service", "unpack foo.deb",
                          "configure foo:amd64", "start foo.socket", "start foo.service"}));
  EXPECT_EQ(holds_.log, Lines{});
  EXPECT_EQ(said_.front(),
            "foo.service is stopped with its sockets, and not parked: foo.socket listens on more "
            "than streams (Datagram /run/foo2)");
}

TEST_F(ParkingRunTest, WhatCannotBeParkedIsStopped) {
  parked_daemon("foo");
  holds_.parks = false;
  begin();
  unpack_all();
  EXPECT_EQ(log(), (Lines{"stop foo.socket", "stop foo.service", "unpack foo.deb",
                          "configure foo:amd64", "start foo.socket", "start foo.service"}));
  EXPECT_EQ(said_.back(),
            "unable to park foo.service: a test says so: it is stopped with its sockets");
  EXPECT_TRUE(holds_.held.empty());
}

TEST_F(ParkingRunTest, AServiceThatWasDownLetsItsNextClientStartIt) {
  parked_daemon("foo");
  units_.stop("foo.service");
  begin();
  unpack_all();
  EXPECT_EQ(holds_.log, (Lines{"park foo.service", "unpark foo.service"}));
  EXPECT_FALSE(is_active("foo.service"));
  EXPECT_TRUE(is_active("foo.socket"));
}

TEST_F(ParkingRunTest, ComesUpAtItsOldVersionWhenItFails) {
  with_snapshots_ = true;
  parked_daemon("foo", {.postinst_fails = true});
  PlanFlags flags;
  flags.rollback = true;
  begin(flags);
  EXPECT_EQ(unpack_all().exit_code, 0);
  EXPECT_EQ(world_.state("foo"), "ii 1.0");
  EXPECT_EQ(holds_.log, (Lines{"park foo.service", "unpark foo.service"}));
}

TEST_F(ParkingRunTest, StaysParkedWhileItIsHalfReplaced) {
  parked_daemon("foo", {.postinst_fails = true});
  begin();
  unpack_all();
  EXPECT_EQ(world_.state("foo"), "iF 2.0");
  EXPECT_EQ(holds_.log, Lines{"park foo.service"});
  EXPECT_EQ(holds_.held.size(), 2u);
}

TEST_F(ParkingRunTest, ItsClientsAreTurnedAwayWhereItsCheckFails) {
  parked_daemon("foo");
  island().checks = {"check"};
  fails_ = {"check"};
  begin();
  unpack_all();
  EXPECT_EQ(holds_.log, (Lines{"park foo.service", "close foo.service"}));
  EXPECT_TRUE(holds_.held.empty());
}

TEST_F(ParkingRunTest, WhatIsParkedAlreadyStaysSo) {
  parked_daemon("foo");
  // As one that was cut off has left it: the stand-in is a oneshot.
  units_.all["foo.service"].type = "oneshot";
  holds_.held = {{"foo.service", "foo:amd64", true, false, true},
                 {"foo.socket", "foo:amd64", true, false, true}};
  begin();
  unpack_all();
  EXPECT_EQ(log(), (Lines{"unpack foo.deb", "configure foo:amd64"}));
  EXPECT_EQ(holds_.log, Lines{"unpark foo.service"});
}

TEST_F(ParkingRunTest, WhatIsNamedInTogetherIsStopped) {
  parked_daemon("foo");
  units_.add("mail.service").triggered_by = {"mail.socket"};
  units_.add("mail.socket").triggers = {"mail.service"};
  island().together = {"mail.service"};
  begin();
  unpack_all();
  EXPECT_EQ(log(), (Lines{"stop mail.socket", "stop mail.service", "unpack foo.deb",
                          "configure foo:amd64", "start mail.socket", "start mail.service"}));
}

TEST_F(ParkingRunTest, AConditionThatWasTakenAwayIsBroughtBack) {
  daemon("foo");
  with_socket("foo");
  units_.all["foo.service"].unheld_by = "/etc/systemd/system/foo.service.d/zzz.conf";
  begin();
  unpack_all();
  EXPECT_EQ(holds_.log, Lines{"enforce foo.service"});
  EXPECT_EQ(log(), (Lines{"daemon-reload ", "stop foo.socket", "stop foo.service", "unpack foo.deb",
                          "configure foo:amd64", "start foo.socket", "start foo.service"}));
}

}  // namespace
}  // namespace aptkeep
