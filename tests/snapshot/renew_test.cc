// Snapshots that were taken when the run began, looked at again before their packages' turn.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "fixture.h"

namespace aptkeep::test {
namespace {

constexpr const char* kFoo = "foo:amd64";

class Renew : public SnapshotTest {
 protected:
  void SetUp() override {
    SnapshotTest::SetUp();
    conf_ = file("/conf/foo.conf", "conf");
    gone_ = file("/conf/gone.conf", "conf");
    plain_ = file("/usr/plain", "plain");
    package(kFoo, {plain_, conf_, gone_});
    const std::string hash = "42566d5cb9cb8ae7b2d9abf9e7ae1b2d";  // md5 of "conf"
    known.packages[0].conffiles = {{conf_, hash, false, false, false},
                                   {gone_, hash, false, false, false}};
    known.packages[0].state = "ii";
    ::usleep(20'000);  // a tick of the clock that file times are told by
    EXPECT_TRUE(snapshots().take({kFoo}).empty());
    before_ = stored(kFoo, record_of(kFoo, conf_));
    inode_ = inode();
    ::usleep(20'000);
  }
  // Of the record: it is another one where it was written anew.
  ino_t inode() const {
    struct stat status {};
    EXPECT_EQ(::stat((folder() + "/" + kFoo + "/record").c_str(), &status), 0);
    return status.st_ino;
  }

  std::string conf_, gone_, plain_, before_;
  ino_t inode_ = 0;
};

TEST_F(Renew, LeavesAloneWhatNobodyTouched) {
  EXPECT_TRUE(snapshots().renew({kFoo}).empty());
  EXPECT_EQ(inode(), inode_);
}

TEST_F(Renew, TakesAnEditThatCameSince) {
  file("/conf/foo.conf", "conf, edited");
  std::filesystem::remove(gone_);
  // Another package's call has deconfigured it meanwhile.
  known.packages[0].state = "iF";
  EXPECT_TRUE(snapshots().renew({kFoo}).empty());
  const auto record = record_of(kFoo, conf_);
  EXPECT_EQ(content_of(stored(kFoo, record)), "conf, edited");
  EXPECT_EQ(record_of(kFoo, gone_).type, FileType::Absent);
  const auto snapshot = read_snapshot(folder(), kFoo);
  ASSERT_TRUE(snapshot);
  EXPECT_TRUE(snapshot->conffiles[0].edited);
  EXPECT_EQ(snapshot->state, "ii");
  EXPECT_TRUE(snapshots().has(kFoo));
}

TEST_F(Renew, KeepsTheOnlySnapshotOfWhatAnotherPackageHasTakenOver) {
  file("/conf/foo.conf", "the taker's");
  known.packages[0].conffiles[0].obsolete = true;
  EXPECT_TRUE(snapshots().renew({kFoo}).empty());
  EXPECT_EQ(content_of(before_), "conf");
  known.packages[0].conffiles[0].obsolete = false;
  std::erase(known.packages[0].paths, plain_);
  EXPECT_TRUE(snapshots().renew({kFoo}).empty());
  EXPECT_EQ(content_of(before_), "conf");
  EXPECT_EQ(inode(), inode_);
}

TEST_F(Renew, SaysWhereItCannotBeTakenAgain) {
  file("/conf/foo.conf", "conf, edited");
  options.read = [](const std::vector<std::string>&) -> Result<DpkgFiles> {
    return Error{"unable to read dpkg's database: it is damaged"};
  };
  EXPECT_EQ(snapshots().renew({kFoo}).at(kFoo), "unable to read dpkg's database: it is damaged");
}

}  // namespace
}  // namespace aptkeep::test
