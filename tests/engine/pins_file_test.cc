// Which keeps become pins.
#include "engine/pins_file.h"

#include <gtest/gtest.h>

namespace aptkeep {
namespace {

Keep keep_of(const std::string& name, const std::string& state, const std::string& root = "") {
  Keep keep;
  keep.package = name + ":amd64";
  keep.version = "2.0";
  keep.old_version = "1.0";
  keep.db_state = state;
  keep.failed = root.empty();
  keep.root = (root.empty() ? name : root) + ":amd64";
  return keep;
}

std::string pinned(const std::vector<Keep>& keeps) {
  std::string text;
  for (const Pin& pin : pins_of(keeps)) text += pin.package + " " + pin.version + ";";
  return text;
}

TEST(PinsOf, WhatFailedIsPinnedAndWhatWaitsForItIsNot) {
  EXPECT_EQ(pinned({keep_of("foo", "ii"), keep_of("dep", "ii", "foo")}), "foo:amd64 2.0;");
}

TEST(PinsOf, NoPinForWhatAptMustHave) {
  EXPECT_EQ(pinned({keep_of("foo", "iHR")}), "");
}

TEST(PinsOf, NoPinForWhatAnUnpackedPackageWaitsFor) {
  EXPECT_EQ(pinned({keep_of("foo", "ii"), keep_of("dep", "iU", "foo"), keep_of("other", "ii")}),
            "other:amd64 2.0;");
}

// What waits for it has gone back as well, and needs the old version.
TEST(PinsOf, WhatCameBackUnconfiguredIsPinned) {
  Keep foo = keep_of("foo", "uF");
  foo.back_unconfigured = true;
  EXPECT_EQ(pinned({foo, keep_of("dep", "uU", "foo")}), "foo:amd64 2.0;");
  EXPECT_EQ(pinned({foo, keep_of("other", "iU")}), "");  // which may wait for it
}

TEST(PinsOf, NoPinForTheVersionThatIsThere) {
  Keep keep = keep_of("foo", "iF");
  keep.old_version = keep.version;
  EXPECT_EQ(pinned({keep}), "");
}

}  // namespace
}  // namespace aptkeep
