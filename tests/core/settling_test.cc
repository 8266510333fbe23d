// Whether what was started a moment ago stays.
#include "core/settling.h"

#include <gtest/gtest.h>

namespace aptkeep {
namespace {

class SettlingTest : public ::testing::Test {
 protected:
  SettlingTest() {
    unit_.load_state = "loaded";
    unit_.type = "notify";
    set("active", "running");
  }
  void set(const std::string& active, const std::string& sub) {
    unit_.active_state = active;
    unit_.sub_state = sub;
  }
  // True: it is over.
  bool look(int at) {
    settling_.see(at, {{"a.service", unit_}});
    return settling_.is_over();
  }
  void start_again() {
    ++unit_.restarts;
    ++unit_.start_mark;
  }
  std::string how() {
    const auto found = settling_.restless();
    return found.empty() ? "" : found.at("a.service");
  }

  Settling settling_{10'000};
  UnitFacts unit_;
};

TEST_F(SettlingTest, WhoTellsThatItIsReadyIsWatchedForASecond) {
  EXPECT_FALSE(look(0));
  EXPECT_FALSE(look(750));
  EXPECT_TRUE(look(1000));
  EXPECT_EQ(how(), "");
}

TEST_F(SettlingTest, WhoTellsNothingIsWatchedForTwo) {
  unit_.type = "simple";
  EXPECT_FALSE(look(0));
  EXPECT_FALSE(look(1750));
  EXPECT_TRUE(look(2000));
}

TEST_F(SettlingTest, WhatIsDownIsNotWaitedFor) {
  set("failed", "failed");
  EXPECT_TRUE(look(0));
  set("inactive", "dead");
  EXPECT_TRUE(look(250));
  EXPECT_EQ(how(), "");
}

TEST_F(SettlingTest, WhatIsBetweenTwoStatesIsWaitedForUpToTheLimit) {
  set("activating", "start");
  EXPECT_FALSE(look(0));
  EXPECT_FALSE(look(9750));
  EXPECT_TRUE(look(10'000));
  EXPECT_EQ(how(), "") << "it may only be slow";
}

TEST_F(SettlingTest, TheLastLookMayMeetTheMomentBeforeItsNextStart) {
  look(0);
  for (int at = 250; at < 10'000; at += 250) {
    if (at % 2000 == 0) start_again();
    look(at);
  }
  set("activating", "auto-restart");
  EXPECT_TRUE(look(10'000));
  EXPECT_EQ(how(), "it ended by itself and was started again 4 times within 10 s");
}

TEST_F(SettlingTest, TheLastLookMayMeetItsFirstEnd) {
  look(0);
  set("activating", "auto-restart");
  EXPECT_TRUE(look(10'000));
  EXPECT_EQ(how(), "it ended by itself just now");
}

TEST_F(SettlingTest, WhoWasStoppedAfterItsRestartsIsNotTold) {
  look(0);
  start_again();
  start_again();
  EXPECT_FALSE(look(2000));
  set("inactive", "dead");
  EXPECT_TRUE(look(4000));
  EXPECT_EQ(how(), "") << "whether it is to run is told otherwise";
}

TEST_F(SettlingTest, OneWhoIsStartedAgainOnceAndStaysIsFine) {
  unit_.restarts = 7;  // of earlier days
  look(0);
  start_again();
  EXPECT_FALSE(look(500));
  EXPECT_FALSE(look(3250));
  EXPECT_TRUE(look(3500));
  EXPECT_EQ(how(), "");
}

TEST_F(SettlingTest, OneWhoIsStartedAgainAndAgainIsTold) {
  look(0);
  for (int at = 250; at < 10'000; at += 250) {
    if (at % 1000 == 0) start_again();
    EXPECT_FALSE(look(at)) << at;
  }
  EXPECT_TRUE(look(10'000));
  EXPECT_EQ(how(), "it ended by itself and was started again 9 times within 10 s");
}

TEST_F(SettlingTest, OneWhoWasStartedAgainJustBeforeTheLimitIsTold) {
  look(0);
  unit_.restarts = 1;
  EXPECT_TRUE(look(10'000));
  EXPECT_EQ(how(), "it ended by itself and was started again just now");
}

TEST_F(SettlingTest, AStartByHandMeanwhileCountsAnew) {
  unit_.restarts = 7;
  look(0);
  unit_.restarts = 1;
  look(250);
  EXPECT_EQ(how(), "it ended by itself and was started again just now");
}

TEST_F(SettlingTest, ThereIsNothingToWatch) {
  EXPECT_TRUE(settling_.is_over());
  EXPECT_TRUE(settling_.restless().empty());
}

TEST_F(SettlingTest, NoTimeIsGiven) {
  Settling none(0);
  none.see(0, {{"a.service", unit_}});
  EXPECT_TRUE(none.is_over());
}

}  // namespace
}  // namespace aptkeep
