// What must be pinned away while packages are kept back. Each case first sees the real apt-get
// remove something, and then, with what blockers() says pinned away, remove nothing.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>

#include "apt_root.h"

namespace aptkeep::test {
namespace {

using Names = std::vector<std::string>;

class Blockers : public ::testing::Test {
 protected:
  void upgradable(const std::string& name, const std::string& old_fields,
                  const std::string& new_fields) {
    root_.installed({name, "1.0", old_fields});
    root_.available({name, "2.0", new_fields});
  }

  // Makes so many packages need `name` at its new version that apt would rather have it than keep
  // what it breaks.
  void make_wanted(const std::string& name) {
    for (int i = 0; i < 6; ++i) {
      upgradable(name + "-user" + std::to_string(i), "Depends: " + name + "\n",
                 "Depends: " + name + " (>= 2)\n");
    }
  }

  void pin(const std::vector<BlockedVersion>& blocked) {
    std::string text;
    for (const auto& keep : keeps_) {
      if (!keep.tried.empty()) text += stanza(keep.package, keep.tried);
    }
    for (const auto& one : blocked) text += stanza(one.package, one.version);
    write_text(root_.path("etc/preferences.d/0-aptkeep.pref"), text);
  }

  static std::string stanza(const std::string& package, const std::string& version) {
    return "Package: " + package + "\nPin: version " + version + "\nPin-Priority: -1\n\n";
  }

  // What the real full-upgrade would do, as apt-get -s says it: "Remv foo", "Inst bar".
  Names simulate(const std::string& word) const {
    std::string output;
    EXPECT_EQ(root_.apt_get("-s dist-upgrade", &output), 0) << output;
    Names names;
    for (std::size_t at = 0; (at = output.find("\n" + word + " ", at)) != std::string::npos; ++at) {
      const auto from = at + word.size() + 2;
      names.push_back(output.substr(from, output.find(' ', from) - from));
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  std::vector<BlockedVersion> blockers() const {
    auto cache = AptCache::open();
    if (!cache) {
      ADD_FAILURE() << cache.error().message;
      return {};
    }
    const auto found = cache->blockers(keeps_);
    if (!found) {
      ADD_FAILURE() << found.error().message;
      return {};
    }
    return *found;
  }

  static Names versions(const std::vector<BlockedVersion>& blocked) {
    Names names;
    for (const auto& one : blocked) names.push_back(one.package + " " + one.version);
    std::sort(names.begin(), names.end());
    return names;
  }

  AptRoot root_;
  std::vector<ProtectedPackage> keeps_ = {{"foo:amd64", "1.0", "2.0"}};
};

TEST_F(Blockers, WhatBreaksTheKeptVersionWaits) {
  upgradable("foo", "", "");
  upgradable("bar", "", "Breaks: foo (<< 2)\n");
  make_wanted("bar");
  root_.write();
  pin({});
  ASSERT_EQ(simulate("Remv"), Names{"foo"});
  const auto blocked = blockers();
  ASSERT_EQ(versions(blocked), Names{"bar:amd64 2.0"});
  EXPECT_EQ(blocked[0].because, "would remove foo: bar Breaks foo (<< 2)");
  pin(blocked);
  EXPECT_EQ(simulate("Remv"), Names{});
}

TEST_F(Blockers, TheRestOfTheUpgradeGoesOn) {
  upgradable("foo", "", "");
  upgradable("bar", "", "Conflicts: foo (<< 2)\n");
  make_wanted("bar");
  upgradable("innocent", "", "");
  root_.write();
  pin(blockers());
  EXPECT_EQ(simulate("Remv"), Names{});
  EXPECT_EQ(simulate("Inst"), Names{"innocent"});
}

TEST_F(Blockers, APackageThatNeedsTheKeptOneIsProtectedWithIt) {
  upgradable("foo", "", "");
  upgradable("app", "Depends: foo\n", "Depends: foo (>= 2)\n");
  upgradable("bar", "", "Breaks: app (<< 2)\n");
  make_wanted("bar");
  root_.write();
  pin({});
  ASSERT_EQ(simulate("Remv"), Names{"app"});
  const auto blocked = blockers();
  EXPECT_EQ(versions(blocked), Names{"bar:amd64 2.0"});
  pin(blocked);
  EXPECT_EQ(simulate("Remv"), Names{});
}

TEST_F(Blockers, AReplacementThatWouldComeAsNewIsHeldOff) {
  upgradable("foo", "", "");
  upgradable("bar", "", "Depends: bar-data\n");
  root_.available({"bar-data", "2.0", "Conflicts: foo (<< 2)\n"});
  make_wanted("bar");
  root_.write();
  pin({});
  ASSERT_EQ(simulate("Remv"), Names{"foo"});
  const auto blocked = blockers();
  EXPECT_FALSE(blocked.empty());
  pin(blocked);
  EXPECT_EQ(simulate("Remv"), Names{});
}

TEST_F(Blockers, WhatTheUpgradeRemovesAnywayMayGo) {
  upgradable("foo", "", "");
  upgradable("bar", "", "Conflicts: relic\n");
  make_wanted("bar");
  root_.installed({"relic", "1.0", ""});
  root_.write();
  pin({});
  ASSERT_EQ(simulate("Remv"), Names{"relic"});
  EXPECT_EQ(versions(blockers()), Names{});
}

TEST_F(Blockers, OurOwnPinsFromBeforeDoNotHideTheNeed) {
  upgradable("foo", "", "");
  upgradable("bar", "", "Breaks: foo (<< 2)\n");
  make_wanted("bar");
  root_.write();
  const auto first = versions(blockers());
  pin(blockers());
  EXPECT_EQ(versions(blockers()), first);
}

TEST_F(Blockers, ThePersonsOwnPinsCount) {
  upgradable("foo", "", "");
  upgradable("bar", "", "Breaks: foo (<< 2)\n");
  make_wanted("bar");
  root_.write();
  write_text(root_.path("etc/preferences.d/mine.pref"), stanza("bar", "2.0"));
  EXPECT_EQ(versions(blockers()), Names{});
}

TEST_F(Blockers, ANewerVersionOfTheKeptPackageEndsThem) {
  upgradable("foo", "", "");
  root_.available({"foo", "2.1", ""});
  upgradable("bar", "", "Breaks: foo (<< 2)\n");
  make_wanted("bar");
  root_.write();
  EXPECT_EQ(versions(blockers()), Names{});
  pin({});
  EXPECT_EQ(simulate("Remv"), Names{});
}

TEST_F(Blockers, SeveralRoundsFindSeveralWays) {
  upgradable("foo", "", "");
  for (const char* name : {"bar", "baz", "qux"}) {
    upgradable(name, "", "Breaks: foo (<< 2)\n");
    make_wanted(name);
  }
  root_.write();
  pin({});
  ASSERT_EQ(simulate("Remv"), Names{"foo"});
  const auto blocked = blockers();
  EXPECT_EQ(versions(blocked), (Names{"bar:amd64 2.0", "baz:amd64 2.0", "qux:amd64 2.0"}));
  pin(blocked);
  EXPECT_EQ(simulate("Remv"), Names{});
}

TEST_F(Blockers, AnOlderVersionOfTheSameHarmWaitsToo) {
  upgradable("foo", "", "");
  upgradable("bar", "", "Breaks: foo (<< 2)\n");
  root_.available({"bar", "1.5", "Breaks: foo (<< 2)\n"});
  make_wanted("bar");
  root_.write();
  const auto blocked = blockers();
  EXPECT_EQ(versions(blocked), (Names{"bar:amd64 1.5", "bar:amd64 2.0"}));
  pin(blocked);
  EXPECT_EQ(simulate("Remv"), Names{});
}

TEST_F(Blockers, AKeptPackageIsLeftAloneWhenNoVersionOfItFits) {
  // Below the version that failed there is another, which only fits an older companion.
  root_.installed({"foo", "1.0", "Depends: foo-data (>= 1)\n"});
  root_.available({"foo", "2.0", "Depends: foo-data (= 2.0)\n"});
  root_.available({"foo", "1.5", "Depends: foo-data (= 1.5)\n"});
  root_.installed({"foo-data", "1.0", ""});
  root_.available({"foo-data", "2.0", "Breaks: foo (<< 1.5)\n"});
  root_.available({"foo-data", "1.5", "Breaks: foo (<< 1.5)\n"});
  make_wanted("foo-data");
  root_.write();
  pin({});
  ASSERT_EQ(simulate("Remv"), Names{"foo"});
  pin(blockers());
  EXPECT_EQ(simulate("Remv"), Names{});
}

TEST_F(Blockers, WhatTheResolverTriesOnItsWayAndTakesBack) {
  // Python 3.13 of Debian 13, its libtinfo6 kept: apt upgrades the -minimal packages for a moment,
  // and then rather removes what needs the old one than take that back.
  upgradable("foo", "", "");
  upgradable("alib-std", "Depends: alib-min (= 1.0), foo (>= 1)\n",
             "Depends: alib-min (= 2.0), foo (>= 2)\n");
  upgradable("alib-min", "Breaks: alib-std (<< 1.0)\nRecommends: alib-std\n",
             "Breaks: alib-std (<< 2.0)\nRecommends: alib-std\n");
  upgradable("alib-cursesw", "Depends: foo (= 1.0)\n", "Depends: foo (= 2.0)\n");
  upgradable("py-min", "Depends: alib-min (= 1.0)\nRecommends: py\n",
             "Depends: alib-min (= 2.0)\nRecommends: py\n");
  upgradable("py", "Depends: py-min (= 1.0), alib-std (= 1.0)\n",
             "Depends: py-min (= 2.0), alib-std (= 2.0)\n");
  root_.installed({"p3", "2.0", "Depends: py (>= 1.0), p3-std\n"});
  root_.installed({"p3-std", "2.0", "Depends: alib-std (>= 1.0)\n"});
  root_.installed({"p3-distro", "2.0", "Depends: p3\n"});
  root_.write();
  for (const char* name : {"alib-std", "alib-min", "alib-cursesw", "py-min", "py"}) {
    keeps_.push_back({std::string(name) + ":amd64", "1.0", ""});
  }
  pin({});
  ASSERT_EQ(simulate("Remv"), (Names{"p3", "p3-distro", "py"}));
  pin(blockers());
  EXPECT_EQ(simulate("Remv"), Names{});
  EXPECT_EQ(simulate("Inst"), Names{});
}

// The resolver does not come to its end: it takes core's new version for possible, so that
// common's, which Breaks the old one, is wanted too. (libreoffice in a random graph, and apt 2.6.)
TEST_F(Blockers, AFullUpgradeThatFindsNoWayIsGivenOne) {
  keeps_ = {{"deflate:amd64", "1.0", "2.0"}};
  upgradable("deflate", "", "");
  upgradable("tiff", "Depends: deflate (>= 1.0)\n", "Depends: deflate (>= 2.0)\n");
  upgradable("poppler", "Depends: tiff (>= 1.0)\n", "Depends: tiff (>= 2.0)\n");
  upgradable("common", "Breaks: core (<< 1.0)\n", "Breaks: core (<< 2.0)\n");
  upgradable("core", "Depends: common (>= 1.0), poppler (>= 1.0), tiff (>= 1.0)\n",
             "Depends: common (>= 1.0), poppler (>= 2.0), tiff (>= 1.0)\n");
  upgradable("innocent", "", "");
  root_.write();
  for (const char* name : {"tiff", "poppler", "common", "core"}) {
    keeps_.push_back({std::string(name) + ":amd64", "1.0", ""});
  }
  pin({});
  std::string output;
  ASSERT_EQ(root_.apt_get("-s dist-upgrade", &output), 100) << output;
  pin(blockers());
  EXPECT_EQ(simulate("Remv"), Names{});
  EXPECT_EQ(simulate("Inst"), Names{"innocent"});
}

// app's new version needs what cannot be installed.
TEST_F(Blockers, ANewPackageThatFailedIsNotCountedOn) {
  keeps_ = {{"libnew:amd64", "", "1.0"}, {"app:amd64", "1.0", ""}};
  root_.available({"libnew", "1.0", ""});
  upgradable("app", "", "Depends: libnew\n");
  upgradable("tool", "Depends: app\n", "Depends: app\n");
  upgradable("libold", "", "Breaks: app (<< 2)\n");
  make_wanted("libold");
  root_.write();
  pin({});
  ASSERT_EQ(simulate("Remv"), (Names{"app", "tool"}));
  const auto blocked = blockers();
  EXPECT_EQ(versions(blocked), Names{"libold:amd64 2.0"});
  pin(blocked);
  EXPECT_EQ(simulate("Remv"), Names{});
}

TEST_F(Blockers, APinOfANewPackageAloneRemovesNothing) {
  keeps_ = {{"libnew:amd64", "", "1.0"}};
  root_.available({"libnew", "1.0", ""});
  upgradable("app", "", "Depends: libnew\n");
  upgradable("libold", "", "Breaks: app (<< 2)\n");
  make_wanted("libold");
  root_.write();
  pin({});
  ASSERT_EQ(simulate("Remv"), Names{"app"});
  pin(blockers());
  EXPECT_EQ(simulate("Remv"), Names{});
}

// p0 2.0 needs what only the kept p1 1.0 provides, which needs p0 1.0.
TEST_F(Blockers, WhatCannotBeInstalledRemovesNothing) {
  keeps_ = {{"p1:amd64", "1.0", "2.0"}};
  upgradable("p0", "", "Depends: v1\n");
  upgradable("p1", "Provides: v1\nDepends: p0 (= 1.0)\n", "");
  upgradable("p3", "Depends: p0\n", "Depends: p0, v1\n");
  upgradable("innocent", "", "");
  root_.write();
  pin({});
  ASSERT_EQ(simulate("Remv"), Names{"p1"});
  pin(blockers());
  EXPECT_EQ(simulate("Remv"), Names{});
  EXPECT_EQ(simulate("Inst"), Names{"innocent"});
}

TEST_F(Blockers, NothingKeptNothingBlocked) {
  upgradable("foo", "", "");
  upgradable("bar", "", "Breaks: foo (<< 2)\n");
  root_.write();
  keeps_.clear();
  EXPECT_EQ(versions(blockers()), Names{});
  keeps_ = {{"foo:amd64", "0.5", "2.0"}};  // no longer what is installed
  EXPECT_EQ(versions(blockers()), Names{});
  keeps_ = {{"never-heard-of:amd64", "1.0", "2.0"}};
  EXPECT_EQ(versions(blockers()), Names{});
}

}  // namespace
}  // namespace aptkeep::test
