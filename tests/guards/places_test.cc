// same-filesystem and free-space.
#include <sys/mount.h>
#include <sys/stat.h>

#include <filesystem>

#include "fixture.h"

namespace aptkeep::test {
namespace {

namespace fs = std::filesystem;

class PlacesTest : public GuardTest {
 protected:
  // With a file system of one MiB at "small".
  std::string with_small(const std::function<std::string()>& work) const {
    make_folder("small");
    return bare(with_file("/etc/hostname", "x", [&]() -> std::string {
      const std::string at = path("small");
      if (mount("none", at.c_str(), "tmpfs", 0, "size=1m") != 0) return "these tests need root";
      return work();
    }));
  }
};
using SameFilesystem = PlacesTest;
using FreeSpace = PlacesTest;

TEST_F(SameFilesystem, ComparesWhereThePathsAre) {
  make_folder("a");
  write("file", "");
  EXPECT_EQ(tell("same-filesystem @/a @/file"), "met: @/a and @/file are on one file system");
  EXPECT_EQ(tell("same-filesystem @/a /proc"),
            "unmet: @/a and /proc are on different file systems");
  EXPECT_EQ(with_small(
                [this] { return told(probe("same-filesystem " + folder_ + " " + path("small"))); }),
            "unmet: @ and @/small are on different file systems");
}

TEST_F(SameFilesystem, AsksTheNearestParentOfWhatIsNotThereYet) {
  make_folder("a");
  EXPECT_EQ(tell("same-filesystem @/a/b/c/ @/x"), "met: @/a and @ are on one file system");
  EXPECT_EQ(tell("same-filesystem @/a//b///c @/a"), "met: @/a and @/a are on one file system");
  EXPECT_EQ(with_small([this] {
              return told(probe("same-filesystem " + path("new") + " " + path("small/new/er")));
            }),
            "unmet: @ and @/small are on different file systems");
  EXPECT_EQ(tell("same-filesystem /no-such-folder-here/x /"),
            "met: / and / are on one file system");
}

TEST_F(SameFilesystem, FollowsSymlinksToWhereTheyLead) {
  fs::create_directory_symlink("/proc", path("link"));
  EXPECT_EQ(tell("same-filesystem @/link /proc"), "met: @/link and /proc are on one file system");
}

TEST_F(SameFilesystem, WhatLeadsNowhereIsUnknown) {
  write("file", "");
  fs::create_symlink("nowhere", path("gone"));
  fs::create_symlink("loop", path("loop"));
  EXPECT_EQ(tell("same-filesystem @/gone /"), "unknown: @/gone is a symlink to nowhere");
  EXPECT_EQ(tell("same-filesystem / @/gone/x"), "unknown: @/gone is a symlink to nowhere");
  EXPECT_EQ(tell("same-filesystem @/loop /"),
            "unknown: unable to look at @/loop: Too many levels of symbolic links");
  EXPECT_EQ(tell("same-filesystem @/file/x /"),
            "unknown: unable to look at @/file/x: Not a directory");
}

TEST_F(SameFilesystem, WhatMayNotBeSeenIsUnknown) {
  make_folder("closed/x");
  fs::permissions(path("closed"), fs::perms::none);
  EXPECT_EQ(
      bare(as_nobody([this] { return told(probe("same-filesystem / " + path("closed/x"))); })),
      "unknown: unable to look at @/closed/x: Permission denied");
}

TEST_F(FreeSpace, ComparesWithWhatIsFree) {
  EXPECT_EQ(with_small([this] { return told(probe("free-space " + path("small") + " 1M")); }),
            "met: 1024 KiB free at @/small");
  EXPECT_EQ(with_small([this] { return told(probe("free-space " + path("small") + " 1025K")); }),
            "unmet: 1024 KiB free at @/small, less than 1025K");
  EXPECT_EQ(with_small([this] {
              write("small/x", std::string(600 * 1024, 'x'));
              return told(probe("free-space " + path("small/new/er") + " 500K"));
            }),
            "unmet: 424 KiB free at @/small, less than 500K");
}

TEST_F(FreeSpace, WhatTellsNoSizeIsUnknown) {
  EXPECT_EQ(tell("free-space /proc 1"), "unknown: the file system of /proc tells no sizes");
}

TEST_F(FreeSpace, WhatIsNoFolderIsUnknown) {
  write("file", "");
  fs::create_symlink("loop", path("loop"));
  EXPECT_EQ(tell("free-space @/file/x 1"), "unknown: unable to look at @/file/x: Not a directory");
  EXPECT_EQ(tell("free-space @/loop 1"),
            "unknown: unable to look at @/loop: Too many levels of symbolic links");
}

}  // namespace
}  // namespace aptkeep::test
