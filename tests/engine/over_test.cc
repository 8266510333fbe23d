// Which keeps are over, and what is gone.
#include "engine/over.h"

#include <gtest/gtest.h>

namespace aptkeep {
namespace {

using Names = std::vector<std::string>;

Keep newcomer(const std::string& name, const std::string& state) {
  Keep keep;
  keep.package = keep.root = name + ":amd64";
  keep.version = "1.0";
  keep.failed = true;
  keep.db_state = state;
  return keep;
}

Keep waiting(const std::string& name, const std::string& old_version, const std::string& root) {
  Keep keep;
  keep.package = name + ":amd64";
  keep.version = "2.0";
  keep.old_version = old_version;
  keep.root = root + ":amd64";
  keep.db_state = old_version.empty() ? "" : "ii";
  return keep;
}

DbPackage package(const std::string& version, const std::string& state) {
  return DbPackage{version, "amd64", state, false};
}

TEST(Over, ANewPackageThatWasLeftThereAndIsRemoved) {
  const std::vector<Keep> active{newcomer("taken-back", ""), newcomer("left", "iU"),
                                 newcomer("conf", "iF"), waiting("never-there", "", "left")};
  const DbSnapshot db{{"conf:amd64", package("1.0", "rc")}};
  const auto over = over_now(active, {}, db);
  EXPECT_EQ(over, (Names{"left:amd64", "conf:amd64", "never-there:amd64"}));
  EXPECT_EQ(gone_since(active, {}, over, db), Names{});
  EXPECT_EQ(over_now(active, {"left:amd64"}, db), Names{"conf:amd64"}) << "it failed again";
}

TEST(Over, NotWhileSomethingInstalledWaitsForIt) {
  const std::vector<Keep> active{newcomer("left", "iU"), newcomer("taken-back", ""),
                                 waiting("app", "1.0", "left"),
                                 waiting("tool", "1.0", "taken-back")};
  DbSnapshot db{{"app:amd64", package("1.0", "ii")}, {"tool:amd64", package("1.0", "ii")}};
  const auto over = over_now(active, {}, db);
  EXPECT_EQ(over, Names{});
  EXPECT_EQ(gone_since(active, {}, over, db), Names{"left:amd64"});

  for (auto& [name, now] : db) now.version = "3.0";
  EXPECT_EQ(over_now(active, {}, db),
            (Names{"left:amd64", "taken-back:amd64", "app:amd64", "tool:amd64"}));
}

TEST(Over, WhatWaitsUnpackedStillWantsIt) {
  const std::vector<Keep> active{newcomer("left", "iF"), waiting("newapp", "", "left")};
  const DbSnapshot db{{"newapp:amd64", package("2.0", "iU")}};
  EXPECT_EQ(over_now(active, {}, db), Names{});
}

}  // namespace
}  // namespace aptkeep
