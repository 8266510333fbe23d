#include "core/never_back.h"

#include <fnmatch.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "toy_seed.h"

namespace aptkeep {
namespace {

NeverBack never(std::vector<std::string> names, std::string reason) {
  return {std::move(names), true, std::move(reason), "test postinst: none", "test:1"};
}

NeverBack allowed(std::vector<std::string> names) {
  return {std::move(names), false, "the test says so", "test postinst: none", "test:2"};
}

TEST(NeverBack, NamesAndPatterns) {
  const std::vector<NeverBack> rules = {never({"slapd", "postgresql-[0-9]*"}, "data")};
  EXPECT_EQ(never_back_reason(rules, "slapd:amd64"), "data");
  EXPECT_EQ(never_back_reason(rules, "slapd"), "data");
  EXPECT_EQ(never_back_reason(rules, "postgresql-15:amd64"), "data");
  EXPECT_EQ(never_back_reason(rules, "slapd-contrib:amd64"), "");
  EXPECT_EQ(never_back_reason(rules, "postgresql-common:amd64"), "");
  EXPECT_EQ(never_back_reason({}, "slapd:amd64"), "");
}

TEST(NeverBack, EveryArchitectureOfAName) {
  const std::vector<NeverBack> rules = {never({"libc6"}, "all needs it")};
  EXPECT_EQ(never_back_reason(rules, "libc6:i386"), "all needs it");
  EXPECT_EQ(never_back_reason({never({"*i386"}, "x")}, "libc6:i386"), "") << "a name, not a slot";
}

TEST(NeverBack, TheLastRuleDecides) {
  const auto first = never({"mariadb-server*"}, "first");
  const auto second = never({"mariadb-server"}, "second");
  EXPECT_EQ(never_back_reason({first, second}, "mariadb-server:amd64"), "second");
  EXPECT_EQ(never_back_reason({second, first}, "mariadb-server:amd64"), "first");
  const auto lifted = allowed({"mariadb-server"});
  EXPECT_EQ(never_back_reason({first, lifted}, "mariadb-server:amd64"), "");
  EXPECT_EQ(never_back_reason({first, lifted}, "mariadb-server-core:amd64"), "first");
  EXPECT_EQ(never_back_reason({lifted, first}, "mariadb-server:amd64"), "first");
}

TEST(NeverBack, TheDecidingRuleIsNamed) {
  const std::vector<NeverBack> rules = {never({"a*"}, "x"), allowed({"ab"})};
  ASSERT_NE(deciding_rule(rules, "ab:amd64"), nullptr);
  EXPECT_EQ(deciding_rule(rules, "ab:amd64")->where, "test:2");
  EXPECT_EQ(deciding_rule(rules, "ac:amd64")->where, "test:1");
  EXPECT_EQ(deciding_rule(rules, "b:amd64"), nullptr);
}

Step step(const std::string& name, const std::string& from, const std::string& to) {
  Step made;
  made.package = name + ":amd64";
  made.old_version = from;
  made.new_version = to;
  return made;
}

TEST(MarkNeverBack, WhatHasAnOldSide) {
  const std::vector<NeverBack> rules = {never({"db"}, "data"), allowed({"lifted"})};
  std::vector<Step> steps = {step("db", "1.0", "2.0"), step("db", "", "2.0"),
                             step("other", "1.0", "2.0"), step("lifted", "1.0", "2.0")};
  mark_never_back(rules, steps);
  EXPECT_EQ(steps[0].never_back, "data");
  EXPECT_EQ(steps[1].never_back, "") << "a new install loses nothing";
  EXPECT_EQ(steps[2].never_back, "");
  EXPECT_EQ(steps[3].never_back, "");
}

TEST(MarkNeverBack, ANewInstallThatTakesOver) {
  const std::vector<NeverBack> rules = {never({"db", "db-[0-9]*"}, "data"), never({"x"}, "not it")};
  std::vector<Step> steps = {step("db-10", "1.0", ""), step("db", "", "2.0"), step("x", "", "2")};
  mark_never_back(rules, steps);
  EXPECT_EQ(steps[0].never_back, "data");
  EXPECT_EQ(steps[1].never_back, "data");
  EXPECT_EQ(steps[2].never_back, "");
}

TEST(MarkNeverBack, WithoutRulesNothing) {
  std::vector<Step> steps = {step("db", "1.0", ""), step("db", "", "2.0")};
  mark_never_back({}, steps);
  EXPECT_EQ(steps[0].never_back, "");
  EXPECT_EQ(steps[1].never_back, "");
}

TEST(Glob, SetsAndTheirOddities) {
  EXPECT_TRUE(glob_matches("linux-image-[0-9]*", "linux-image-6.1.0-9-amd64"));
  EXPECT_FALSE(glob_matches("linux-image-[!0-9]*", "linux-image-6.1.0-9-amd64"));
  EXPECT_TRUE(glob_matches("a[]]b", "a]b"));
  EXPECT_TRUE(glob_matches("a[b-]c", "a-c"));
  EXPECT_TRUE(glob_matches("a[b", "a[b")) << "never closed: stands for itself";
  EXPECT_TRUE(glob_matches("", ""));
  EXPECT_TRUE(glob_matches("**", ""));
  EXPECT_FALSE(glob_matches("", "a"));
  EXPECT_FALSE(glob_matches("?", ""));
}

TEST(Glob, ManyStarsTakeNoTime) {
  const std::string stars = "*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b";
  EXPECT_FALSE(glob_matches(stars, std::string(3000, 'a')));
}

// Against the C library's own.
TEST(Glob, AsFnmatchHasIt) {
  std::mt19937_64 random(toy::seed_of_run());
  const auto text = [&random](const std::string& letters, int most) {
    std::string made(
        std::uniform_int_distribution<std::size_t>(0, static_cast<std::size_t>(most))(random), ' ');
    for (auto& c : made) {
      c = letters[std::uniform_int_distribution<std::size_t>(0, letters.size() - 1)(random)];
    }
    return made;
  };
  for (std::uint64_t i = 0; i < toy::rounds(200000); ++i) {
    const auto pattern = text("ab*?[]-!", 8);
    const auto name = text("ab-]", 7);
    const bool expected = ::fnmatch(pattern.c_str(), name.c_str(), FNM_NOESCAPE) == 0;
    ASSERT_EQ(glob_matches(pattern, name), expected) << pattern << " on " << name;
  }
}

TEST(Pattern, WhatMayStandInARule) {
  for (const char* good : {"libc6", "g++", "postgresql-[0-9]*", "libpq5", "*", "a?c", "[!a]b"}) {
    EXPECT_TRUE(is_package_pattern(good)) << good;
  }
  for (const char* bad : {"", "-x", "a b", "a,b", "libc6:i386", "a/b*", "$(id)*", "x;*", "a\n*"}) {
    EXPECT_FALSE(is_package_pattern(bad)) << bad;
  }
}

}  // namespace
}  // namespace aptkeep
