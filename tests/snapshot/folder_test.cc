#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "fixture.h"

namespace aptkeep::test {
namespace {

namespace fs = std::filesystem;

class Folders : public SnapshotTest {
 protected:
  // A run of that age with a file of its own.
  void run(const std::string& name, int age, std::size_t bytes) {
    file("/aptkeep/snapshots/" + name + "/plan/foo:amd64/files/0", std::string(bytes, 'x'));
    const timespec times[2] = {{0, UTIME_OMIT}, {1'000'000 - age, 0}};
    ASSERT_EQ(utimensat(AT_FDCWD, (base() + "/" + name).c_str(), times, 0), 0);
  }
  bool there(const std::string& name) const { return fs::exists(base() + "/" + name); }
};

TEST_F(Folders, AreRemovedWithAllThatIsInThem) {
  run("old", 1, 10);
  EXPECT_TRUE(remove_snapshots(base() + "/old"));
  EXPECT_FALSE(there("old"));
  EXPECT_TRUE(remove_snapshots(base() + "/old"));
  EXPECT_TRUE(remove_snapshots(at("/no/such/folder")));
}

TEST_F(Folders, AreRemovedWithoutFollowingASymlink) {
  file("/precious/file", "precious");
  made("/aptkeep/snapshots/run/plan");
  ASSERT_EQ(symlink(at("/precious").c_str(), (folder() + "/planted").c_str()), 0);
  EXPECT_TRUE(remove_snapshots(base() + "/run"));
  EXPECT_FALSE(there("run"));
  EXPECT_EQ(content_of(at("/precious/file")), "precious");

  ASSERT_EQ(symlink(at("/precious").c_str(), (base() + "/run").c_str()), 0);
  EXPECT_TRUE(remove_snapshots(base() + "/run"));
  EXPECT_EQ(content_of(at("/precious/file")), "precious");

  ASSERT_EQ(symlink(at("/precious").c_str(), at("/link").c_str()), 0);
  EXPECT_FALSE(remove_snapshots(at("/link") + "/file"));
  EXPECT_EQ(content_of(at("/precious/file")), "precious");
}

TEST_F(Folders, AreNotRemovedWhereAnotherFileSystemIs) {
  made("/aptkeep/snapshots/run/plan/mounted");
  ASSERT_EQ(unshare(CLONE_NEWNS), 0);
  ASSERT_EQ(mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
  const std::string where = folder() + "/mounted";
  ASSERT_EQ(mount("test", where.c_str(), "tmpfs", 0, nullptr), 0);
  file("/aptkeep/snapshots/run/plan/mounted/file", "precious");
  EXPECT_FALSE(remove_snapshots(base() + "/run"));
  EXPECT_EQ(content_of(where + "/file"), "precious");
  EXPECT_EQ(umount(where.c_str()), 0);
  EXPECT_TRUE(remove_snapshots(base() + "/run"));
}

TEST_F(Folders, ArePrunedFromTheOldestOn) {
  run("a", 40, 10);
  run("b", 30, 10);
  run("c", 20, 10);
  run("d", 10, 10);
  EXPECT_TRUE(prune_snapshots(base(), 2, UINT64_MAX));
  EXPECT_FALSE(there("a"));
  EXPECT_FALSE(there("b"));
  EXPECT_TRUE(there("c"));
  EXPECT_TRUE(there("d"));
  EXPECT_TRUE(prune_snapshots(base(), 1, UINT64_MAX, "c"));
  EXPECT_TRUE(there("c"));
  EXPECT_FALSE(there("d"));
}

TEST_F(Folders, ArePrunedToASizeThatCountsWhatOnlyTheyHold) {
  run("a", 40, 1 << 20);
  run("b", 30, 1 << 20);
  run("c", 20, 10);
  fs::create_hard_link(base() + "/a/plan/foo:amd64/files/0", at("/elsewhere"));
  EXPECT_TRUE(prune_snapshots(base(), 10, 3 << 19));
  EXPECT_TRUE(there("a"));
  EXPECT_TRUE(there("b"));
  fs::remove(at("/elsewhere"));
  EXPECT_TRUE(prune_snapshots(base(), 10, 3 << 19));
  EXPECT_FALSE(there("a"));
  EXPECT_TRUE(there("b"));
  EXPECT_TRUE(prune_snapshots(base(), 10, 1000));
  EXPECT_FALSE(there("b"));
  EXPECT_TRUE(prune_snapshots(at("/no/such/folder"), 1, 1));
}

}  // namespace
}  // namespace aptkeep::test
