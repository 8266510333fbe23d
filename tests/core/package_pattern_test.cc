#include "core/package_pattern.h"

#include <fnmatch.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <string>

#include "toy_seed.h"

namespace aptkeep {
namespace {

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
