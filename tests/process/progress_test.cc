// The driver's side and the launcher's side of the record, against each other.
#include "adapters/progress.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>

#include "adapters/progress_layout.h"
#include "record.h"

namespace aptkeep {
namespace {

using List = std::vector<std::string>;

struct Read {
  launcher::Record record;
  List in_call;
  List after;

  explicit Read(int fd) {
    launcher::read_record(fd, record);
    for (std::size_t i = 0; i < record.in_call.size(); ++i) in_call.push_back(record.in_call[i]);
    for (std::size_t i = 0; i < record.after.size(); ++i) after.push_back(record.after[i]);
  }
};

class ProgressTest : public testing::Test {
 protected:
  void SetUp() override {
    fd_ = launcher::make_record();
    ASSERT_GE(fd_, 3);
    auto opened = MemfdProgress::open(dup(fd_));
    ASSERT_TRUE(opened) << opened.error().message;
    progress_ = std::move(*opened);
  }
  void TearDown() override { close(fd_); }

  int fd_ = -1;
  std::unique_ptr<MemfdProgress> progress_;
};

TEST_F(ProgressTest, StartsEmpty) {
  const Read read(fd_);
  EXPECT_TRUE(read.record.readable);
  EXPECT_FALSE(read.record.called);
  EXPECT_FALSE(read.record.finished);
  EXPECT_FALSE(read.record.lost);
}

TEST_F(ProgressTest, TellsTheRunningCallAndTheRest) {
  progress_->calling({"/a b.deb", "", "c\nd"}, {"e"});
  const Read read(fd_);
  EXPECT_TRUE(read.record.called);
  EXPECT_EQ(read.in_call, (List{"/a b.deb", "", "c\nd"}));
  EXPECT_EQ(read.after, List{"e"});
  EXPECT_FALSE(read.record.finished);
}

TEST_F(ProgressTest, TheLastCallCounts) {
  for (std::size_t i = 0; i < 9; ++i) {
    progress_->calling({std::string(10 - i, 'x')}, List(i, "y"));
    const Read read(fd_);
    EXPECT_EQ(read.in_call.at(0).size(), 10 - i);
    EXPECT_EQ(read.after.size(), i);
  }
  progress_->calling({}, {});
  const Read read(fd_);
  EXPECT_TRUE(read.record.called);
  EXPECT_TRUE(read.in_call.empty());
  progress_->finished();
  EXPECT_TRUE(Read(fd_).record.finished);
}

TEST_F(ProgressTest, WhatIsLeftOutIsThatOfTheLastCall) {
  progress_->calling({"/a.deb"}, {}, 2);
  EXPECT_EQ(Read(fd_).record.left_out, 2U);
  progress_->calling({"/b.deb"}, {});
  EXPECT_EQ(Read(fd_).record.left_out, 0U);
}

TEST_F(ProgressTest, TenThousandArchivesFit) {
  const List archives(10000, std::string(200, 'p'));
  progress_->calling(archives, archives);
  const Read read(fd_);
  EXPECT_FALSE(read.record.lost);
  EXPECT_EQ(read.in_call, archives);
  EXPECT_EQ(read.after, archives);
}

TEST_F(ProgressTest, WhatDoesNotFitIsLostButNotWrong) {
  progress_->calling({"old"}, {});
  progress_->calling({std::string(kProgressSlotSize, 'x')}, {});
  EXPECT_TRUE(Read(fd_).record.lost);
}

// A write that fails loses what the call was, never that it was one and how it ended.
TEST_F(ProgressTest, ItsEndIsToldThoughNothingCanBeWritten) {
  const pid_t pid = fork();
  if (pid == 0) {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit none = {0, 0};
    if (setrlimit(RLIMIT_FSIZE, &none) != 0) _exit(1);
    progress_->calling({"foo"}, {});
    progress_->owe_failure();
    progress_->finished();
    _exit(0);
  }
  int status = -1;
  waitpid(pid, &status, 0);
  ASSERT_EQ(status, 0);
  const Read read(fd_);
  EXPECT_TRUE(read.record.called);
  EXPECT_TRUE(read.record.lost);
  EXPECT_TRUE(read.record.owed);
  EXPECT_TRUE(read.record.finished);
}

TEST_F(ProgressTest, DoesNotReachDpkg) {
  const int fd = dup(fd_);
  auto opened = MemfdProgress::open(fd);
  ASSERT_TRUE(opened);
  EXPECT_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
}

TEST_F(ProgressTest, RefusesWhatIsNotARecord) {
  const int null = open("/dev/null", O_RDWR);
  EXPECT_FALSE(MemfdProgress::open(null));
  close(null);
  EXPECT_FALSE(MemfdProgress::open(-1));
  const Read read(-1);
  EXPECT_FALSE(read.record.readable);
}

// A driver killed at any point of its writing leaves one of the records that it wrote, whole.
TEST_F(ProgressTest, IsWholeWheneverTheDriverIsKilled) {
  int seen_last = 0;
  for (int round = 0; round < 200; ++round) {
    const pid_t pid = fork();
    if (pid == 0) {
      for (std::size_t i = 1;; ++i) {
        const std::size_t many = i % 50;
        progress_->calling(List(many, std::string(many * 40, 'a')), List(many, "b"));
      }
    }
    usleep(static_cast<useconds_t>(100 + 37 * round));
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
    const Read read(fd_);
    ASSERT_FALSE(read.record.lost);
    if (!read.record.called) continue;
    ASSERT_EQ(read.in_call.size(), read.after.size());
    for (const auto& name : read.in_call)
      ASSERT_EQ(name, std::string(read.in_call.size() * 40, 'a'));
    ++seen_last;
    // The next writer counts on from here, as a driver never does: each launcher makes its own.
    auto opened = MemfdProgress::open(dup(fd_));
    ASSERT_TRUE(opened);
    progress_ = std::move(*opened);
  }
  EXPECT_GT(seen_last, 0);
}

}  // namespace
}  // namespace aptkeep
