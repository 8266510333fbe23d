// A plain dpkg call in the record.
#include "engine/plain.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "fake_world.h"
#include "services_fixture.h"

namespace aptkeep {
namespace {

class PlainTest : public ::testing::Test {
 protected:
  PlainTest() {
    std::string folder = std::filesystem::temp_directory_path() / "aptkeep-plain-XXXXXX";
    folder_ = ::mkdtemp(folder.data());
    auto store = Store::open(folder_ / "state.db", Store::Mode::ReadWrite);
    if (store) store_.emplace(std::move(*store));
  }
  ~PlainTest() override { std::filesystem::remove_all(folder_); }

  Result<Ending> record(const std::string& log) {
    FinishPorts ports{world_,
                      *store_,
                      nullptr,
                      [](const std::string&) {},
                      [](const std::string&) { return false; },
                      {}};
    ports.units = &units_;
    ports.units_of = [](const std::vector<std::string>&) {
      return UnitsOfPackages{{"foo:amd64", {"foo.service"}}};
    };
    const Frontend dpkg{++pid_, 1, "dpkg --configure -a", "boot"};
    return record_plain_call(dpkg, log, call_, "amd64", ports, folder_ / "pins", 100, held_);
  }
  std::size_t runs() { return store_->runs(100)->size(); }

  std::filesystem::path folder_;
  std::optional<Store> store_;
  fake::World world_;
  std::int64_t pid_ = 1;
  PlainCall call_;
  FakeUnits units_;
  std::vector<HeldUnit> held_;
};

Clause need(std::int32_t owner, std::uint32_t target, Side side = Side::New) {
  Clause clause;
  clause.owner_step = owner;
  clause.owner_side = Side::New;
  clause.relation = "it";
  clause.any_of = {{target, Side::New}};
  if (side == Side::Old) clause.any_of.push_back({target, Side::Old});
  return clause;
}

constexpr const char* kUpgrade = "2026-01-01 00:00:00 upgrade foo:amd64 1.0 2.0\n";

TEST_F(PlainTest, WhatWasHeldForItAndDoesNotRunAgainIsRecorded) {
  world_.install("foo", "2.0");
  units_.add("foo.service");
  units_.add("mail.service");
  units_.add("stopped.service", "inactive");
  held_ = {{"foo.service", "foo:amd64", true, true, false},
           {"mail.service", "foo:amd64", true, true, false},
           {"stopped.service", "foo:amd64", false, true, false}};
  EXPECT_TRUE(record(kUpgrade)->units.empty());
  EXPECT_EQ(runs(), 0U);
  units_.add("mail.service", "failed");
  units_.broken = {"mail.service"};
  const auto ending = record(kUpgrade);
  ASSERT_EQ(ending->units.size(), 1U);
  EXPECT_EQ(ending->units[0].name, "mail.service");
  EXPECT_EQ(ending->units[0].trouble, "does not start again: it is failed (failed)");
  // With a package that stays unconfigured.
  world_.db["foo:amd64"].state = "iF";
  units_.broken.clear();
  units_.stop("foo.service");
  const auto left = record(kUpgrade);
  ASSERT_EQ(left->units.size(), 2U);
  EXPECT_EQ(left->units[0].trouble, "its package is not configured");
  EXPECT_EQ(left->units[1].trouble,
            "it is not started, because it goes down and up with foo, which is not configured");
  // Its next call is well.
  world_.db["foo:amd64"].state = "ii";
  held_.clear();
  EXPECT_TRUE(record(kUpgrade)->units.empty());
  EXPECT_TRUE(units_.all.at("foo.service").is_up());
  EXPECT_TRUE(units_.all.at("mail.service").is_up());
}

// dpkg's log does not name what it did not begin with.
TEST_F(PlainTest, WhatWasToBeConfiguredTooIsRecorded) {
  world_.install("foo", "1.0");
  world_.install("dep", "2.0");
  world_.install("left", "2.0");
  world_.db["dep:amd64"].state = "iU";
  world_.db["left:amd64"].state = "uU";  // an earlier run's doing
  EXPECT_TRUE(record("")->keeps.empty());
  call_ = plain_call({"dpkg", "--configure", "--pending"});
  const auto ending = record("");
  ASSERT_EQ(ending->keeps.size(), 1U);
  EXPECT_EQ(ending->keeps[0].package, "dep:amd64");
}

TEST_F(PlainTest, APurgeThatFailedIsRecorded) {
  world_.install("foo", "1.0");
  world_.db["foo:amd64"].state = "pc";
  const auto ending = record("2026-01-01 00:00:00 purge foo:amd64 1.0 <none>\n");
  ASSERT_EQ(ending->keeps.size(), 1U);
  EXPECT_EQ(ending->keeps[0].phase, Phase::Purge);
  world_.db.erase("foo:amd64");
  EXPECT_EQ(record("2026-01-01 00:00:00 purge foo:amd64 1.0 <none>\n")->lifted,
            std::vector<std::string>{"foo:amd64"});
}

TEST_F(PlainTest, AFailureIsRecorded) {
  world_.install("foo", "1.0");
  const auto ending = record(kUpgrade);
  ASSERT_TRUE(ending);
  ASSERT_EQ(ending->keeps.size(), 1u);
  EXPECT_EQ(ending->keeps[0].package, "foo:amd64");
  EXPECT_EQ(runs(), 1u);
}

TEST_F(PlainTest, ACallThatChangesNothingOfAKeepIsNoRun) {
  world_.install("foo", "1.0");
  world_.install("other", "2.0");
  ASSERT_TRUE(record(kUpgrade));
  EXPECT_TRUE(record("")->outcomes.empty());
  EXPECT_TRUE(record("2026-01-01 00:00:00 upgrade other:amd64 1.0 2.0\n")->outcomes.empty());
  EXPECT_EQ(runs(), 1u) << "the run that says why foo is kept must stay the last one";
}

TEST_F(PlainTest, ACallThatEndsAKeepIsRecorded) {
  world_.install("foo", "1.0");
  ASSERT_TRUE(record(kUpgrade));
  world_.install("foo", "2.0");
  const auto ending = record(kUpgrade);
  ASSERT_TRUE(ending);
  EXPECT_EQ(ending->lifted, std::vector<std::string>{"foo:amd64"});
  EXPECT_EQ(runs(), 2u);
  EXPECT_TRUE(store_->keeps()->empty());
}

// foo's preinst failed; dep needs its new version, user needs dep, alone waits for something else,
// and content would do with foo as it is.
TEST_F(PlainTest, WhatWaitsForAnotherThatFailedIsNoFailureOfItsOwn) {
  Plan plan;
  std::vector<Failure> failures;
  for (const char* name : {"foo", "dep", "user", "alone", "content"}) {
    Step step;
    step.package = std::string(name) + ":amd64";
    step.action = Action::Upgrade;
    step.old_version = "1.0";
    step.new_version = "2.0";
    world_.install(name, "2.0");
    world_.db[step.package].state = "iU";
    plan.steps.push_back(step);
  }
  world_.install("foo", "1.0");
  plan.clauses = {need(2, 1), need(1, 0), need(4, 0, Side::Old)};
  failures = failures_of_plain_call(plan.steps, world_.db, false);
  ASSERT_EQ(failures.size(), 5u);
  leave_out_follow_ups(plan, world_.db, failures);
  ASSERT_EQ(failures.size(), 3u);
  EXPECT_EQ(failures[0].package, "foo:amd64");
  EXPECT_EQ(failures[1].package, "alone:amd64");
  EXPECT_EQ(failures[2].package, "content:amd64");
  // Half-configured, foo is no use to anybody.
  world_.install("foo", "2.0");
  world_.db["foo:amd64"].state = "iF";
  failures = failures_of_plain_call(plan.steps, world_.db, false);
  leave_out_follow_ups(plan, world_.db, failures);
  ASSERT_EQ(failures.size(), 2u);
  EXPECT_EQ(failures[0].package, "foo:amd64");
  EXPECT_EQ(failures[1].package, "alone:amd64");
}

// lib needs what nobody has; app needs lib. And a circle has no first.
TEST_F(PlainTest, OfWhatIsOnlyUnpackedOneWaitsForTheOther) {
  Plan plan;
  for (const char* name : {"lib", "app"}) {
    Step step;
    step.package = std::string(name) + ":amd64";
    step.action = Action::Install;
    step.new_version = "2.0";
    world_.install(name, "2.0");
    world_.db[step.package].state = "iU";
    plan.steps.push_back(step);
  }
  plan.clauses = {need(1, 0)};
  auto failures = failures_of_plain_call(plan.steps, world_.db, false);
  leave_out_follow_ups(plan, world_.db, failures);
  ASSERT_EQ(failures.size(), 1u);
  EXPECT_EQ(failures[0].package, "lib:amd64");
  plan.clauses.push_back(need(0, 1));
  failures = failures_of_plain_call(plan.steps, world_.db, false);
  leave_out_follow_ups(plan, world_.db, failures);
  EXPECT_EQ(failures.size(), 2u);
}

}  // namespace
}  // namespace aptkeep
