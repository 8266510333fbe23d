// A plain dpkg call in the record.
#include "engine/plain.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "fake_world.h"

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
    const Frontend dpkg{++pid_, 1, "dpkg --configure -a", "boot"};
    return record_plain_call(dpkg, log, false, "amd64", ports, folder_ / "pins", 100);
  }
  std::size_t runs() { return store_->runs(100)->size(); }

  std::filesystem::path folder_;
  std::optional<Store> store_;
  fake::World world_;
  std::int64_t pid_ = 1;
};

constexpr const char* kUpgrade = "2026-01-01 00:00:00 upgrade foo:amd64 1.0 2.0\n";

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

}  // namespace
}  // namespace aptkeep
