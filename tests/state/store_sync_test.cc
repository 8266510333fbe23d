// That what is recorded is synced.
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "samples.h"
#include "state/store.h"

namespace {
int syncs = 0;
}  // namespace

// In the place of libc's: SQLite's are seen.
extern "C" [[gnu::visibility("default")]] int fdatasync(int fd) {
  ++syncs;
  return static_cast<int>(syscall(SYS_fdatasync, fd));
}
extern "C" [[gnu::visibility("default")]] int fsync(int fd) {
  ++syncs;
  return static_cast<int>(syscall(SYS_fsync, fd));
}

namespace aptkeep {
namespace {

using namespace sample;

// Before dpkg does, which syncs what it has done: a power cut must not leave its work without ours.
TEST(StoreSync, WhatIsWrittenDownIsOnTheDisk) {
  const Folder folder;
  auto store = Store::open(folder.path("state.db"), Store::Mode::ReadWrite);
  ASSERT_TRUE(store.ok()) << store.error().message;
  const auto begun = store->begin_plan(frontend(1), {}, plan(), 1);
  ASSERT_TRUE(begun.ok()) << begun.error().message;
  syncs = 0;
  ASSERT_TRUE(store->set_states(*begun, {{0, StepState::Returning}}));
  EXPECT_EQ(syncs, 1);
  Failure failure;
  failure.package = "foo:amd64";
  ASSERT_TRUE(store->add_failure(*begun, failure));
  EXPECT_EQ(syncs, 2);
}

}  // namespace
}  // namespace aptkeep
