// The record where its disk is full, or fills up.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "samples.h"
#include "state/store.h"

namespace aptkeep {
namespace {

using namespace sample;

TEST(StoreOnAFullDisk, IsAnErrorAndLosesNothing) {
  const Folder folder;
  const pid_t child = ::fork();
  if (child == 0) {
    int wrong = mount_small(folder.path()) ? 0 : 1;
    Plan large = plan();
    large.clauses[0].relation.assign(100'000, 'x');
    std::size_t written = 0;
    std::string why;
    for (int i = 0; wrong == 0 && i < 200 && why.empty(); ++i) {
      auto store = Store::open(folder.path("state.db"), Store::Mode::ReadWrite);
      const auto begun = store.ok() ? store->begin_plan(frontend(i + 1), {}, large, 1000)
                                    : Result<std::int64_t>(store.error());
      if (begun.ok()) {
        ++written;
      }
      why = begun.ok() ? "" : begun.error().message;
    }
    wrong |= why.find("the disk is full") == std::string::npos ? 2 : 0;
    auto store = Store::open(folder.path("state.db"), Store::Mode::ReadOnly);
    wrong |= store.ok() && store->runs(999)->size() == written && written > 0 ? 0 : 4;
    ::_exit(wrong);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

// dpkg has filled the disk meanwhile.
TEST(StoreOnAFullDisk, WhatAPlanDidIsRecorded) {
  const Folder folder;
  const pid_t child = ::fork();
  if (child == 0) {
    int wrong = mount_small(folder.path()) ? 0 : 1;
    auto store = Store::open(folder.path("state.db"), Store::Mode::ReadWrite);
    const auto begun =
        store.ok() ? store->begin_plan(frontend(1), {}, plan(), 1000) : store.error();
    wrong |= begun.ok() ? 0 : 2;
    std::ofstream fill(folder.path("fill"));
    while (fill << std::string(4096, 'x') << std::flush) {
    }
    Failure failure;
    failure.package = "foo:amd64";
    failure.output.assign(10'000, 'x');
    for (int i = 0; wrong == 0 && i < 10; ++i) {
      wrong |= store->set_states(*begun, {{0, StepState::Returning}}) ? 0 : 4;
      wrong |= store->add_failure(*begun, failure).ok() ? 0 : 8;
    }
    ::_exit(wrong);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

// What uses it up is a full file system: tests/scenario/disk-full-amid-a-run-is-on-record.scenario.
TEST(StoreOnAFullDisk, APlanBeginsWithRoomForItsEnd) {
  const Folder folder;
  auto store = Store::open(folder.path("state.db"), Store::Mode::ReadWrite);
  ASSERT_TRUE(store.ok()) << store.error().message;
  ASSERT_TRUE(store->begin_plan(frontend(1), {}, plan(), 1).ok());
  struct stat info {};
  ASSERT_EQ(stat(folder.path("state.db-reserve").c_str(), &info), 0);
  EXPECT_GE(info.st_blocks * 512, 1024 * 1024);
}
}  // namespace
}  // namespace aptkeep
