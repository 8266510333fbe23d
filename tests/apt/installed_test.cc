// What rules ask apt's cache: which version of a package is installed.
#include <gtest/gtest.h>

#include "adapters/apt_cache.h"
#include "apt_root.h"

namespace aptkeep {
namespace {

TEST(Installed, ByNameWithoutArchitecture) {
  test::AptRoot root;
  root.installed({"vmm", "0.6-1", ""});
  root.installed({"libx", "1.0", "Multi-Arch: same\n", "i386"});
  root.installed({"liby", "2.0", "Multi-Arch: same\n", "i386"});
  root.installed({"liby", "2.0", "Multi-Arch: same\n"});
  root.installed({"docs", "3.0", "", "all"});
  root.available({"vmm", "0.7-1", ""});
  root.available({"new", "1.0", ""});
  root.write();
  const auto cache = AptCache::open();
  ASSERT_TRUE(cache.ok()) << cache.error().message;
  EXPECT_EQ(cache->installed_version("vmm"), "0.6-1") << "not what is available";
  EXPECT_EQ(cache->installed_version("libx"), "1.0");
  EXPECT_EQ(cache->installed_version("liby"), "2.0");
  EXPECT_EQ(cache->installed_version("docs"), "3.0");
  EXPECT_EQ(cache->installed_version("new"), "");
  EXPECT_EQ(cache->installed_version("no-such-thing"), "");
  EXPECT_EQ(cache->installed_version("$(id)"), "");
}

}  // namespace
}  // namespace aptkeep
