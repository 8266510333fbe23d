// What becomes, at a run's end, of what was put off to it.
#include "engine/services_due.h"

#include <gtest/gtest.h>

namespace aptkeep {
namespace {

using Strings = std::vector<std::string>;
using Told = std::map<std::string, std::string>;
using Kind = PutOff::Kind;

class DueTest : public ::testing::Test {
 protected:
  DueTest() {
    carrier_.name = "carrier.service";
    carrier_.package = "carrier:amd64";
    carrier_.wanted = true;
    carrier_.never_since = 5;
    carrier_.idle = {"/bin/idle"};
  }
  Due sort(const std::vector<PutOff>& put_off) {
    return sort_put_off(
        put_off, {carrier_, plain_},
        [this](const std::string& package) {
          return standing_.contains(package) ? standing_.at(package) : Standing::Upgraded;
        },
        own_unit_, [this](const UnitRecord&) { return idle_; });
  }

  UnitRecord carrier_;
  UnitRecord plain_{"a.service", "a:amd64", "active (running)", true, "", ""};
  std::map<std::string, Standing> standing_;
  std::string own_unit_;
  bool idle_ = false;
};

TEST_F(DueTest, ACarrierWaitsForTheNextBoot) {
  const Due due = sort({{Kind::Reboot, "carrier.service", "carrier:amd64"}});
  EXPECT_TRUE(due.restart.empty());
  EXPECT_EQ(due.not_restarted, (Told{{"carrier.service", std::string(kUntilReboot)}}));
}

TEST_F(DueTest, UnlessNothingHangsOnIt) {
  idle_ = true;
  const Due due = sort({{Kind::Reboot, "carrier.service", "carrier:amd64"},
                        {Kind::Restart, "a.service", "a:amd64"}});
  EXPECT_EQ(due.restart, (Strings{"a.service", "carrier.service"}));
  EXPECT_TRUE(due.not_restarted.empty());
  EXPECT_EQ(sort({}).restart, Strings{"carrier.service"}) << "its package need not have asked";
}

TEST_F(DueTest, ACarrierIsLeftThatDidNotChangeOrThatTheRunIsMadeIn) {
  idle_ = true;
  for (const Standing its : {Standing::Unchanged, Standing::Unfinished, Standing::Gone}) {
    standing_["carrier:amd64"] = its;
    EXPECT_TRUE(sort({}).restart.empty());
  }
  standing_.clear();
  own_unit_ = "carrier.service";
  EXPECT_TRUE(sort({}).restart.empty());
  own_unit_ = "";
  carrier_.idle.clear();
  EXPECT_TRUE(sort({}).restart.empty()) << "no rule says when";
}

TEST_F(DueTest, UsersServicesAreOnlyTold) {
  const Due due =
      sort({{Kind::Users, "u.service", "u:amd64"}, {Kind::Users, "u.service", "v:amd64"}});
  EXPECT_TRUE(due.restart.empty());
  EXPECT_TRUE(due.not_restarted.empty());
  ASSERT_EQ(due.more.size(), 1U);
  EXPECT_EQ(due.more[0].name, "--user u.service");
  EXPECT_EQ(due.more[0].package, "u:amd64");
  EXPECT_FALSE(due.more[0].wanted);
}

TEST_F(DueTest, OneRestartWhoeverAsks) {
  const Due due = sort({{Kind::Restart, "a.service", "a:amd64"},
                        {Kind::Restart, "a.service", "b:amd64"},
                        {Kind::Restart, "a.service", "-"}});
  EXPECT_EQ(due.restart, Strings{"a.service"});
}

TEST_F(DueTest, OnePackageThatIsNotConfiguredIsEnoughToLeaveIt) {
  standing_["b:amd64"] = Standing::Unfinished;
  const Due due =
      sort({{Kind::Restart, "a.service", "a:amd64"}, {Kind::Restart, "a.service", "b:amd64"}});
  EXPECT_TRUE(due.restart.empty());
  EXPECT_EQ(due.not_restarted.at("a.service"),
            std::string(kNotRestarted) + "its package is not configured");
}

}  // namespace
}  // namespace aptkeep
