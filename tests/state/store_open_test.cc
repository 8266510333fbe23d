// Opening: whose file it is, who may read it, what older and newer files mean.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>

#include "core/failure_class.h"
#include "samples.h"
#include "state/schema.h"
#include "state/sqlite.h"
#include "state/store.h"

namespace aptkeep {
namespace {

using namespace sample;
using state::Database;
using state::Query;

constexpr uid_t kNobody = 65534;

class StoreOpenTest : public ::testing::Test {
 protected:
  StoreOpenTest() { std::filesystem::permissions(folder_.path(), std::filesystem::perms(0755)); }

  std::string error(Store::Mode mode) {
    auto store = Store::open(file_, mode);
    EXPECT_FALSE(store.ok());
    return store.ok() ? "" : store.error().message;
  }

  std::string says(const std::string& why) { return "unable to open " + file_ + ": " + why; }

  void make() {
    auto store = Store::open(file_, Store::Mode::ReadWrite);
    ASSERT_TRUE(store.ok()) << store.error().message;
    fill(*store);
  }

  // What an ordinary user who may not write to the folder sees; the first error, or "".
  std::string as_ordinary_user() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe(ends.data()), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      if (::geteuid() == 0) {
        if (::setgid(kNobody) != 0 || ::setuid(kNobody) != 0) {
          ::_exit(2);
        }
      } else {
        std::filesystem::permissions(folder_.path(), std::filesystem::perms(0555));
      }
      auto store = Store::open(file_, Store::Mode::ReadOnly);
      std::string seen = store.ok() ? "" : store.error().message;
      if (store.ok() && (store->keeps()->size() != 2 || store->runs(9)->size() != 2)) {
        seen = "other data";
      }
      const auto written = ::write(ends[1], seen.data(), seen.size());
      ::_exit(written == static_cast<ssize_t>(seen.size()) ? 0 : 2);
    }
    ::close(ends[1]);
    std::string seen(4096, '\0');
    const auto size = ::read(ends[0], seen.data(), seen.size());
    ::close(ends[0]);
    int status = 0;
    ::waitpid(child, &status, 0);
    std::filesystem::permissions(folder_.path(), std::filesystem::perms(0755));
    EXPECT_EQ(status, 0);
    seen.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    return seen;
  }

  Folder folder_;
  std::string file_ = folder_.path("state.db");
};

TEST_F(StoreOpenTest, AMissingFileIsMadeByWritersOnly) {
  EXPECT_EQ(error(Store::Mode::ReadOnly), says("No such file or directory"));
  EXPECT_FALSE(std::filesystem::exists(file_));
  file_ = folder_.path("new/state.db");
  const mode_t before = ::umask(077);
  make();
  ::umask(before);
  struct stat info {};
  ASSERT_EQ(::stat(file_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777U, 0644U);
  ASSERT_EQ(::stat(folder_.path("new").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777U, 0755U);
  ASSERT_EQ(::stat((file_ + "-wal").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777U, 0644U);
  file_ = folder_.path("two/levels/state.db");
  EXPECT_EQ(error(Store::Mode::ReadWrite), says("No such file or directory"));
}

TEST_F(StoreOpenTest, WhatIsNoDatabaseIsRefusedAndLeftAlone) {
  for (const std::string& content :
       {std::string("hello\n"), std::string(5000, 'x'), std::string("SQLite format 3\0torn", 20)}) {
    write_file(file_, content);
    EXPECT_EQ(error(Store::Mode::ReadOnly), says("it is not a database"));
    EXPECT_EQ(error(Store::Mode::ReadWrite), says("it is not a database"));
    EXPECT_EQ(read_file(file_), content);
  }
  std::filesystem::remove(file_);
  ASSERT_EQ(::mkdir(file_.c_str(), 0755), 0);
  EXPECT_EQ(error(Store::Mode::ReadOnly), says("it is a directory"));
  EXPECT_EQ(error(Store::Mode::ReadWrite), says("it is a directory"));
  std::filesystem::remove(file_);
  ASSERT_EQ(::mkfifo(file_.c_str(), 0644), 0);
  EXPECT_EQ(error(Store::Mode::ReadOnly), says("it is not a regular file"));
  EXPECT_EQ(error(Store::Mode::ReadWrite), says("it is not a regular file"));
}

TEST_F(StoreOpenTest, APlainFileInPlaceOfTheFolder) {
  write_file(folder_.path("plain"), "x");
  file_ = folder_.path("plain/state.db");
  EXPECT_EQ(error(Store::Mode::ReadOnly), says("Not a directory"));
  EXPECT_EQ(error(Store::Mode::ReadWrite), says("Not a directory"));
}

TEST_F(StoreOpenTest, AnEmptyFileIsAStoreOnlyForWriters) {
  write_file(file_, "");
  EXPECT_EQ(error(Store::Mode::ReadOnly), says("it is empty"));
  make();
  EXPECT_TRUE(Store::open(file_, Store::Mode::ReadOnly).ok());
}

TEST_F(StoreOpenTest, AnotherProgramsDatabaseIsRefusedAndLeftAlone) {
  write_file(file_, "");
  {
    Database db;
    ASSERT_TRUE(db.open(file_, Database::Access::ReadWrite));
    ASSERT_TRUE(db.run("CREATE TABLE theirs(a); PRAGMA user_version=1"));
  }
  const std::string before = read_file(file_);
  EXPECT_EQ(error(Store::Mode::ReadOnly), says("it is not aptkeep's"));
  EXPECT_EQ(error(Store::Mode::ReadWrite), says("it is not aptkeep's"));
  EXPECT_EQ(read_file(file_), before);
}

TEST_F(StoreOpenTest, ANewerFileIsRefusedAndLeftAlone) {
  make();
  {
    Database db;
    ASSERT_TRUE(db.open(file_, Database::Access::ReadWrite));
    ASSERT_TRUE(db.run("PRAGMA user_version=1000"));
  }
  EXPECT_EQ(error(Store::Mode::ReadOnly), says("it was written by a newer aptkeep"));
  EXPECT_EQ(error(Store::Mode::ReadWrite), says("it was written by a newer aptkeep"));
}

TEST_F(StoreOpenTest, AnOldFileIsMigratedWithAllThatItHolds) {
  write_file(file_, "");
  {
    Database db;
    ASSERT_TRUE(db.open(file_, Database::Access::ReadWrite));
    ASSERT_TRUE(db.run("PRAGMA journal_mode=WAL"));
    ASSERT_TRUE(db.run(state::migrations()[0]));
    // 0x6170746b
    ASSERT_TRUE(db.run("PRAGMA application_id=1634759787; PRAGMA user_version=1"));
    Query run(db, state::insert_sql(state::kRuns));
    ASSERT_TRUE(run.bind_all(1, 100, 77, "boot", "apt upgrade", 1000, 1100, "").run());
    // The columns that they had then.
    Query plan(db, state::insert_sql({"plans",
                                      "id,run,begun,ended,bypassed,configure_pending,"
                                      "no_triggers,quiet_exit,native_arch,steps,clauses,"
                                      "failures,log_mark"}));
    ASSERT_TRUE(plan.bind_all(1, 1, 1000, 1100, 0, 1, 1, 0, "amd64", 1, 0, 1, "").run());
    Query step(db, state::insert_sql({"steps",
                                      "plan,idx,package,action,old_version,new_version,"
                                      "archive,security,trust,state,cause,db_state"}));
    ASSERT_TRUE(
        step.bind_all(1, 0, "foo:amd64", 1, "1", "2", "/foo.deb", 0, 1, 3, "foo failed", "ii")
            .run());
    Query failure(db, state::insert_sql({"failures",
                                         "id,plan,package,step,version,old_version,"
                                         "phase,script,exit_code,signal,message,output,"
                                         "healed"}));
    ASSERT_TRUE(
        failure.bind_all(1, 1, "foo:amd64", 0, "2", "1", 0, "preinst", 1, 0, "m", "o", 0).run());
    Query keep(db, state::insert_sql({"keeps",
                                      "id,run,package,version,old_version,failed,root,"
                                      "cause,db_state,phase,script,exit_code,signal,"
                                      "message,output,security,attempts,since,lifted,"
                                      "lifted_why"}));
    ASSERT_TRUE(keep.bind_all(1, 1, "foo:amd64", "2", "1", 1, "foo:amd64", "foo failed\n", "ii", 0)
                    .bind_all("preinst", 1, 0, "m", "o", 0, 3, 1000, 0, "")
                    .run());
  }
  EXPECT_EQ(error(Store::Mode::ReadOnly),
            says("it was written by an older aptkeep, and root must open it first"));
  auto store = Store::open(file_, Store::Mode::ReadWrite);
  ASSERT_TRUE(store.ok()) << store.error().message;
  ASSERT_EQ(store->keeps()->size(), 1U);
  EXPECT_EQ(store->keeps()->front().attempts, 3);
  EXPECT_EQ(store->keeps()->front().failure_class, FailureClass::Unknown);
  EXPECT_EQ(store->runs(9)->front().command, "apt upgrade");
  const auto report = store->report(0);
  ASSERT_TRUE(report.ok() && report->has_value());
  EXPECT_EQ((*report)->steps.at(0).step.package, "foo:amd64");
  EXPECT_FALSE((*report)->steps.at(0).rolled_back);
  EXPECT_FALSE((*report)->steps.at(0).step.on_failure);
  EXPECT_TRUE((*report)->steps.at(0).step.save.empty());
  EXPECT_TRUE(store->remembered()->empty());
  EXPECT_EQ((*report)->failures.at(0).script, "preinst");
  EXPECT_TRUE(store->set_blocked({{"a:amd64", "2", ""}}).ok());
  const auto again = Store::open(file_, Store::Mode::ReadOnly);
  EXPECT_TRUE(again.ok()) << again.error().message;
}

TEST_F(StoreOpenTest, AnOrdinaryUserReadsWhatRootLeft) {
  make();
  EXPECT_EQ(as_ordinary_user(), "");
}

TEST_F(StoreOpenTest, AnOrdinaryUserReadsWhileRootHasItOpen) {
  auto store = Store::open(file_, Store::Mode::ReadWrite);
  ASSERT_TRUE(store.ok());
  fill(*store);
  EXPECT_EQ(as_ordinary_user(), "");
}

TEST_F(StoreOpenTest, AnOrdinaryUserReadsWhatAKilledWriterLeft) {
  const pid_t child = ::fork();
  if (child == 0) {
    auto store = Store::open(file_, Store::Mode::ReadWrite);
    fill(*store);
    ::_exit(store.ok() ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  ASSERT_GT(std::filesystem::file_size(file_ + "-wal"), 0U);
  EXPECT_EQ(as_ordinary_user(), "");
}

TEST_F(StoreOpenTest, AnOrdinaryUserReadsABareCopy) {
  make();
  std::filesystem::remove(file_ + "-wal");
  std::filesystem::remove(file_ + "-shm");
  EXPECT_EQ(as_ordinary_user(), "");
  EXPECT_FALSE(std::filesystem::exists(file_ + "-shm"));
}

// Locks need no more than an open file: nobody but root may have the one where they are.
TEST_F(StoreOpenTest, AnOrdinaryUserCannotKeepRootFromWriting) {
  make();
  struct stat info {};
  ASSERT_EQ(::stat((file_ + "-shm").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777U, 0600U);
  std::array<int, 2> ends{};
  std::array<int, 2> ready{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  ASSERT_EQ(::pipe(ready.data()), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(ends[1]);
    if (::geteuid() == 0 && (::setgid(kNobody) != 0 || ::setuid(kNobody) != 0)) {
      ::_exit(2);
    }
    struct flock lock {};
    lock.l_type = F_RDLCK;
    const int file = ::open(file_.c_str(), O_RDONLY);
    const bool locked = ::fcntl(file, F_SETLK, &lock) == 0;
    char end = 0;
    ::close(ready[1]);
    // Holds the lock until root has written.
    const auto size = ::read(ends[0], &end, 1);
    ::_exit(locked && size == 0 ? 0 : 1);
  }
  ::close(ends[0]);
  ::close(ready[1]);
  char none = 0;
  ASSERT_EQ(::read(ready[0], &none, 1), 0);  // it has the lock
  ::close(ready[0]);
  {
    auto store = Store::open(file_, Store::Mode::ReadWrite);
    ASSERT_TRUE(store.ok()) << store.error().message;
    EXPECT_TRUE(store->set_blocked({}).ok());
  }
  EXPECT_TRUE(Store::open(file_, Store::Mode::ReadWrite).ok());
  ::close(ends[1]);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST_F(StoreOpenTest, AnIndexThatOthersMayOpenIsClosedToThem) {
  make();
  std::filesystem::permissions(file_ + "-shm", std::filesystem::perms(0644));
  EXPECT_TRUE(Store::open(file_, Store::Mode::ReadWrite).ok());
  struct stat info {};
  ASSERT_EQ(::stat((file_ + "-shm").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777U, 0600U);
}

TEST_F(StoreOpenTest, AnOrdinaryUserReadsWhileRootWrites) {
  make();
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_NONBLOCK), 0);
  const pid_t writer = ::fork();
  if (writer == 0) {
    ::close(ends[1]);
    auto store = Store::open(file_, Store::Mode::ReadWrite);
    bool well = store.ok();
    char end = 0;
    // Until the other side is closed.
    while (well && ::read(ends[0], &end, 1) < 0) {
      well = store->set_blocked({{"bar:amd64", "3", "would remove base"}}).ok();
      ::usleep(10'000);
    }
    ::_exit(well ? 0 : 1);
  }
  ::close(ends[0]);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(as_ordinary_user(), "");
  }
  ::close(ends[1]);
  int status = 0;
  ::waitpid(writer, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST_F(StoreOpenTest, ReadingNeedsPermission) {
  make();
  std::filesystem::permissions(file_, std::filesystem::perms(0600));
  if (::geteuid() == 0) {
    EXPECT_EQ(as_ordinary_user(), says("Permission denied"));
  } else {
    std::filesystem::permissions(file_, std::filesystem::perms(0000));
    EXPECT_EQ(error(Store::Mode::ReadOnly), says("Permission denied"));
  }
}

TEST_F(StoreOpenTest, AReadOnlyFileSystemIsReadAndNotWritten) {
  const pid_t child = ::fork();
  if (child == 0) {
    int wrong = mount_small(folder_.path()) ? 0 : 1;
    make();
    wrong |= ::mount("", folder_.path().c_str(), "", MS_REMOUNT | MS_RDONLY, "") == 0 ? 0 : 2;
    wrong |= Store::open(file_, Store::Mode::ReadOnly).ok() ? 0 : 4;
    wrong |= Store::open(file_, Store::Mode::ReadWrite).ok() ? 8 : 0;
    ::_exit(wrong);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST_F(StoreOpenTest, PathsAreTakenAsTheyAre) {
  for (const std::string name : {"a b?immutable=1", "50%25", "x#y", "\xff.db"}) {
    file_ = folder_.path(name);
    make();
    EXPECT_TRUE(std::filesystem::exists(file_)) << name;
    EXPECT_TRUE(Store::open(file_, Store::Mode::ReadOnly).ok()) << name;
  }
  EXPECT_TRUE(Store::open("/" + folder_.path("x#y"), Store::Mode::ReadOnly).ok());
}

}  // namespace
}  // namespace aptkeep
