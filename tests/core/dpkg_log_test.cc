#include "core/dpkg_log.h"

#include <gtest/gtest.h>

namespace aptkeep {
namespace {

TEST(DpkgLog, ReadsWhatWasBegunOnceEach) {
  // Recorded from dpkg 1.21.23, shortened.
  constexpr std::string_view kLog =
      "2026-11-22 18:25:25 startup archives unpack\n"
      "2026-11-22 18:25:25 upgrade libsystemd0:amd64 252.36-1~deb12u1 252.38-1~deb12u1\n"
      "2026-11-22 18:25:25 status half-configured libsystemd0:amd64 252.36-1~deb12u1\n"
      "2026-11-22 18:25:26 install equivs:all <none> 2.3.1\n"
      "2026-11-22 18:25:27 configure libsystemd0:amd64 252.38-1~deb12u1 <none>\n"
      "2026-11-22 18:25:28 remove nano:amd64 7.2-1 <none>\n"
      "2026-11-22 18:25:28 purge nano:amd64 7.2-1 <none>\n"
      "2026-11-22 18:25:29 configure left:amd64 1.0 <none>\n"
      "2026-11-22 18:25:29 trigproc man-db:amd64 2.11.2-2 <none>\n"
      "2026-11-22 18:25:30 upgrade torn:amd64 1.0 2";
  const auto steps = steps_from_dpkg_log(kLog, "amd64");
  ASSERT_EQ(steps.size(), 4u);
  EXPECT_EQ(steps[0].package, "libsystemd0:amd64");
  EXPECT_EQ(steps[0].action, Action::Upgrade);
  EXPECT_EQ(steps[0].new_version, "252.38-1~deb12u1");
  EXPECT_EQ(steps[1].package, "equivs:amd64") << "an all package has the native slot";
  EXPECT_EQ(steps[1].old_version, "");
  EXPECT_EQ(steps[2].action, Action::Purge) << "removed first";
  EXPECT_EQ(steps[2].new_version, "");
  EXPECT_EQ(steps[3].action, Action::Configure);
  EXPECT_EQ(steps[3].package, "left:amd64");
}

TEST(DpkgLog, LeavesOutWhatItDoesNotUnderstand) {
  EXPECT_TRUE(steps_from_dpkg_log("", "amd64").empty());
  EXPECT_TRUE(steps_from_dpkg_log("\n\nupgrade\n2026 x upgrade a b c d e f\n", "amd64").empty());
}

}  // namespace
}  // namespace aptkeep
