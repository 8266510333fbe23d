#include "core/parking.h"

#include <gtest/gtest.h>

namespace aptkeep {
namespace {

class ParkingTest : public ::testing::Test {
 protected:
  ParkingTest() {
    service().name = "foo.service";
    service().load_state = "loaded";
    service().active_state = "active";
    service().type = "simple";
    service().triggered_by = {"foo.socket"};
    socket("foo.socket", {"Stream 127.0.0.1:1007", "Stream /run/foo"});
  }
  UnitFacts& service() { return now_["foo.service"]; }
  UnitFacts& socket(const std::string& name, const std::vector<std::string>& listens) {
    UnitFacts& facts = now_[name];
    facts.name = name;
    facts.load_state = "loaded";
    facts.active_state = "active";
    facts.triggers = {"foo.service"};
    facts.listens = listens;
    return facts;
  }
  std::string why() { return why_not_parked(service(), now_); }

  std::map<std::string, UnitFacts> now_;
};

TEST_F(ParkingTest, AServiceBehindStreams) {
  EXPECT_EQ(why(), "");
  EXPECT_EQ(sockets_of(service(), now_), std::vector<std::string>{"foo.socket"});
  service().active_state = "inactive";
  EXPECT_EQ(why(), "") << "its next client would start it";
}

TEST_F(ParkingTest, WhatIsDownIsNoSocketOfIts) {
  now_["foo.socket"].active_state = "inactive";
  service().triggered_by.push_back("foo.timer");
  now_["foo.timer"].active_state = "active";
  EXPECT_EQ(sockets_of(service(), now_), std::vector<std::string>{});
}

TEST_F(ParkingTest, NoOtherKindsOfSockets) {
  for (const char* listener : {"Datagram 127.0.0.1:514", "SequentialPacket /run/x", "FIFO /run/x",
                               "Netlink route 1361", "MessageQueue /x", "Special /proc/x"}) {
    now_["foo.socket"].listens = {"Stream /run/foo", listener};
    EXPECT_NE(why().find("more than streams"), std::string::npos) << listener;
  }
  now_["foo.socket"].listens = {};
  EXPECT_NE(why(), "");
}

TEST_F(ParkingTest, OneOfSeveralIsEnoughToRefuse) {
  socket("foo-admin.socket", {"Datagram /run/admin"});
  service().triggered_by.push_back("foo-admin.socket");
  EXPECT_NE(why(), "");
  now_["foo-admin.socket"].active_state = "inactive";
  EXPECT_EQ(why(), "");
}

TEST_F(ParkingTest, NotWhereSystemdTakesTheClients) {
  now_["foo.socket"].accepts = true;
  EXPECT_NE(why().find("Accept=yes"), std::string::npos);
}

TEST_F(ParkingTest, NotWhatAllTalkTo) {
  for (const char* address : {"/dev/log", "/run/systemd/journal/stdout", "/run/dbus/system"}) {
    now_["foo.socket"].listens = {std::string("Stream ") + address};
    EXPECT_NE(why(), "") << address;
  }
  for (const char* name : {"dbus.service", "dbus-broker.service", "systemd-journald.service",
                           "syslog.socket", "sssd-nss.socket", "mariadb@one.socket", "cups.service",
                           "polkit.service", "snapd.socket"}) {
    EXPECT_NE(why_never_parked(name), "") << name;
  }
  for (const char* name : {"sshd.service", "dbusfoo.service", "cupsy.socket", "rpcbind.socket"})
    EXPECT_EQ(why_never_parked(name), "") << name;
}

TEST_F(ParkingTest, NotWhatIsCalledOnTheBusOrEndsByItself) {
  for (const char* type : {"dbus", "oneshot"}) {
    service().type = type;
    EXPECT_NE(why(), "") << type;
  }
}

TEST_F(ParkingTest, NotWithASocketThatGoesDownWithIt) {
  now_["foo.socket"].goes_with = {"foo.service"};
  EXPECT_NE(why().find("stopped together"), std::string::npos);
  now_["foo.socket"].goes_with = {"sysinit.target"};
  EXPECT_EQ(why(), "");
}

TEST(ParkingRules, WhatTheTextTells) {
  Rule rule;
  EXPECT_TRUE(faults_of_parking(rule).empty());
  rule.sockets = SocketMode::Park;
  rule.services.entries = {"foo.service"};
  EXPECT_TRUE(faults_of_parking(rule).empty());
  rule.service_class = ServiceClass::Stop;
  EXPECT_TRUE(faults_of_parking(rule).empty());
  rule.services.entries = {"foo.service", "dbus.service"};
  EXPECT_EQ(faults_of_parking(rule).size(), 1u);
  rule.service_class = ServiceClass::Early;
  EXPECT_EQ(faults_of_parking(rule).size(), 2u);
}

}  // namespace
}  // namespace aptkeep
