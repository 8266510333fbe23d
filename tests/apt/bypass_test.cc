// Whether apt would start our launcher: what it looks "dpkg" up in. Where it is installed, real
// runs tell (tests/frontends).
#include "adapters/apt_bypass.h"

#include <gtest/gtest.h>

#include <string>

#include "core/config.h"

namespace aptkeep {
namespace {

TEST(Bypass, AProgramByItsPathIsOursOrIsNot) {
  EXPECT_FALSE(bypasses_launcher(std::string(paths::kBinDir) + "/dpkg", ""));
  EXPECT_TRUE(bypasses_launcher("/usr/bin/dpkg", paths::kBinDir));
  EXPECT_TRUE(bypasses_launcher("", paths::kBinDir));
}

TEST(Bypass, TheFirstFolderThatHasItDecides) {
  EXPECT_TRUE(bypasses_launcher("dpkg", "/nowhere:/usr/bin:" + std::string(paths::kBinDir)));
  EXPECT_TRUE(bypasses_launcher("dpkg", "/nowhere"));
  EXPECT_TRUE(bypasses_launcher("dpkg", ""));
}

}  // namespace
}  // namespace aptkeep
