#include "policy/holds.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "policy/parked.h"

namespace aptkeep::policy {
namespace {

class PolicyHolds : public ::testing::Test {
 protected:
  PolicyHolds() : run_(::testing::TempDir() + "/holds-" + std::to_string(::getpid())) {}
  ~PolicyHolds() override { std::filesystem::remove_all(run_); }

  static Hold said(const char* package, bool ran, bool waits, bool parked) {
    Hold hold;
    std::snprintf(hold.package, sizeof hold.package, "%s", package);
    hold.ran = ran;
    hold.waits = waits;
    hold.parked = parked;
    return hold;
  }

  std::string run_;
};

TEST_F(PolicyHolds, SayWhatTheyWereTold) {
  for (int bits = 0; bits < 8; ++bits) {
    const std::string unit = "foo" + std::to_string(bits) + ".service";
    const bool ran = (bits & 1) != 0;
    const bool waits = (bits & 2) != 0;
    const bool parked = (bits & 4) != 0;
    EXPECT_FALSE(hold_of(run_.c_str(), unit.c_str()).there);
    EXPECT_TRUE(hold(run_.c_str(), unit.c_str(), said("foo:amd64", ran, waits, parked)));
    const Hold found = hold_of(run_.c_str(), unit.c_str());
    EXPECT_TRUE(found.there);
    EXPECT_STREQ(found.package, "foo:amd64");
    EXPECT_EQ(found.ran, ran);
    EXPECT_EQ(found.waits, waits);
    EXPECT_EQ(found.parked, parked);
    let_go(run_.c_str(), unit.c_str());
    EXPECT_FALSE(hold_of(run_.c_str(), unit.c_str()).there);
  }
}

TEST_F(PolicyHolds, APackageOfThatNameIsNotParked) {
  ASSERT_TRUE(hold(run_.c_str(), "x.service", said("parked:amd64", true, false, false)));
  const Hold found = hold_of(run_.c_str(), "x.service");
  EXPECT_FALSE(found.parked);
  EXPECT_STREQ(found.package, "parked:amd64");
}

TEST_F(PolicyHolds, TheFirstOneStays) {
  ASSERT_TRUE(hold(run_.c_str(), "x.service", said("one:amd64", true, false, true)));
  ASSERT_TRUE(hold(run_.c_str(), "x.service", said("two:amd64", false, false, false)));
  EXPECT_STREQ(hold_of(run_.c_str(), "x.service").package, "one:amd64");
}

TEST_F(PolicyHolds, WhatIsParkedIsReadFromItsRecord) {
  std::filesystem::create_directories(run_ + "/" + kParkedDir);
  std::ofstream(run_ + "/" + kParkedDir + "/x.service")
      << "x:amd64 ran waits parked\nx.socket y.socket\nListen=/run/x (Stream)\n";
  std::ofstream(run_ + "/" + kParkedDir + "/.y.service") << "half of one";
  std::string names;
  each_parked(
      run_.c_str(),
      [](const char* unit, const Hold& hold, void* data) {
        *static_cast<std::string*>(data) += std::string(unit) + " " + hold.package;
        EXPECT_TRUE(hold.ran && hold.waits && hold.parked);
        return true;
      },
      &names);
  EXPECT_EQ(names, "x.service x:amd64");
}

TEST_F(PolicyHolds, WhatIsNotParkedIsNotUnparked) {
  unpark(run_.c_str(), "x.service", Then::Close);
  close_all_parked(run_.c_str());
  EXPECT_FALSE(std::filesystem::exists(run_));
}

TEST(PolicyUnits, AreAddedOneAfterTheOther) {
  Units units;
  units.add("a.service");
  units.add("b.socket");
  ASSERT_EQ(units.count, 2u);
  EXPECT_STREQ(units.name[0], "a.service");
  EXPECT_STREQ(units.name[1], "b.socket");
  const std::string long_one(250, 'x');
  for (int i = 0; i < 100; ++i) units.add(long_one.c_str());
  EXPECT_LE(units.count, kMostWords);
  for (std::size_t i = 2; i < units.count; ++i) EXPECT_EQ(units.name[i], long_one);
}

}  // namespace
}  // namespace aptkeep::policy
