// Rules' commands before a service is restarted, and after.
#include "services_fixture.h"

namespace aptkeep {
namespace {

using Strings = std::vector<std::string>;

class ServiceChecksTest : public PutOffTest {
 protected:
  ServiceChecksTest() {
    ports_.complaint_of = [this](const std::string& command, std::int64_t) {
      asked_.push_back(command);
      const auto found = complaints_.find(command);
      if (found == complaints_.end() || found->second.empty()) return std::string();
      const std::string first = found->second.front();
      if (found->second.size() > 1) found->second.erase(found->second.begin());
      return first;
    };
    units_.add("bar.service");
    units_.add("bar@one.service");
    files_["bar:amd64"] = {"bar.service", "bar@.service"};
    checks_["bar:amd64"] = {{"/bin/check bar"}, {"timeout=5 /bin/ping bar"}, {}};
    standing_["bar:amd64"] = Standing::Upgraded;
    begin({"bar:amd64"});
  }
  void put_off(const std::string& unit) {
    put_off_.push_back({PutOff::Kind::Restart, unit, "bar:amd64"});
  }

  std::map<std::string, Strings> complaints_;  // one after the other; the last stays
  Strings asked_;
};

TEST_F(ServiceChecksTest, WhatRefusesItsConfigurationGoesOnAsItIs) {
  complaints_["/bin/check bar"] = {"exit status 1: bad line 3"};
  put_off("bar.service");
  const auto trouble = end();
  ASSERT_EQ(trouble.size(), 1U);
  EXPECT_EQ(trouble[0].name, "bar.service");
  EXPECT_EQ(trouble[0].trouble,
            "it was not restarted, because its new version refuses its configuration: "
            "/bin/check bar: exit status 1: bad line 3");
  EXPECT_EQ(units_.log,
            (Strings{"daemon-reload ", "reset-failed foo.service", "restart foo.service"}));
}

TEST_F(ServiceChecksTest, ASocketOfItStaysAsWell) {
  units_.add("bar.socket").triggers = {"bar.service"};
  units_.all.at("bar.service").triggered_by = {"bar.socket"};
  complaints_["/bin/check bar"] = {"exit status 1"};
  put_off_.clear();
  put_off("bar.socket");
  put_off("bar.service");
  EXPECT_EQ(end().size(), 1U);
  EXPECT_TRUE(units_.log.empty());
}

TEST_F(ServiceChecksTest, WhatIsDownIsStartedAllTheSame) {
  complaints_["/bin/check bar"] = {"exit status 1"};
  units_.stop("bar.service");
  put_off_.clear();
  put_off("bar.service");
  end();
  EXPECT_EQ(units_.log.back(), "start bar.service");
}

TEST_F(ServiceChecksTest, EachCommandIsRunOnceWhenAllIsWell) {
  put_off("bar.service");
  put_off("bar@one.service");
  EXPECT_TRUE(end().empty());
  EXPECT_EQ(asked_, (Strings{"/bin/check bar", "timeout=5 /bin/ping bar"}));
  EXPECT_EQ(units_.log.back(), "restart bar.service bar@one.service foo.service");
}

TEST_F(ServiceChecksTest, WhatRunsAndIsNotWellIsTold) {
  complaints_["timeout=5 /bin/ping bar"] = {"exit status 2: no answer"};
  const auto trouble = end();
  ASSERT_EQ(trouble.size(), 1U) << "once, though the package has two units";
  EXPECT_EQ(trouble[0].name, "bar.service");
  EXPECT_EQ(trouble[0].trouble,
            "it runs, and was not well: timeout=5 /bin/ping bar: exit status 2: no answer");
  EXPECT_EQ(trouble[0].journal, "last words of bar.service");
}

TEST_F(ServiceChecksTest, WhatARuleNeverRestartsIsTold) {
  checks_["never:amd64"].never = {"never*.service"};
  files_["never:amd64"] = {"never.service", "never.socket"};
  standing_["never:amd64"] = Standing::Upgraded;
  units_.add("never.service").start_mark = 1000;
  units_.add("never.socket").start_mark = 1000;
  begin({"never:amd64"});
  const auto trouble = end();
  ASSERT_EQ(trouble.size(), 1U);
  EXPECT_EQ(trouble[0].name, "never.service");
  EXPECT_EQ(trouble[0].trouble, kUntilReboot);
  units_.all.at("never.service").start_mark = 2000;  // its package has done so by itself
  EXPECT_TRUE(end().empty());
}

TEST_F(ServiceChecksTest, WhatNeedsASecondMoreIsWell) {
  complaints_["timeout=5 /bin/ping bar"] = {"exit status 2: no answer", ""};
  EXPECT_TRUE(end().empty());
}

TEST_F(ServiceChecksTest, WhatTheRunHasNotChangedIsNotAsked) {
  standing_["bar:amd64"] = Standing::Unchanged;
  EXPECT_TRUE(end().empty());
  EXPECT_TRUE(asked_.empty());
}

}  // namespace
}  // namespace aptkeep
