// Windows that no upgrade can cross, against trying all versions.
#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "core/rule_match.h"
#include "core/rule_text.h"
#include "core/rule_window.h"
#include "rule_builder.h"
#include "toy_seed.h"

namespace aptkeep {
namespace {

std::string fault(std::vector<Relation> from, std::vector<Relation> to, bool both_ways = false) {
  Rule rule;
  rule.upgrade_from = std::move(from);
  rule.upgrade_to = std::move(to);
  rule.both_ways = both_ways;
  return window_fault(rule, test::compare_numbers);
}

TEST(Window, WhatIsWrongWithIt) {
  using enum RelationOp;
  EXPECT_EQ(fault({}, {}), "");
  EXPECT_EQ(fault({{Less, "36"}}, {{GreaterEqual, "36"}}), "");
  EXPECT_EQ(fault({{GreaterEqual, "3"}, {Less, "2"}}, {}),
            "Upgrade-From: no version is >= 3, << 2");
  EXPECT_EQ(fault({}, {{Greater, "3"}, {LessEqual, "3"}}), "Upgrade-To: no version is >> 3, <= 3");
  EXPECT_EQ(fault({{GreaterEqual, "3"}}, {{Less, "2"}}),
            "Upgrade-To: no upgrade goes from >= 3 to << 2, only a downgrade (Both-Ways: yes)");
  EXPECT_EQ(fault({{GreaterEqual, "3"}}, {{Less, "2"}}, true), "");
  EXPECT_EQ(fault({{Equal, "3"}}, {{Equal, "3"}}, true),
            "Upgrade-To: no upgrade goes from = 3 to = 3");
  EXPECT_EQ(fault({{Greater, "3"}}, {{Less, "4"}}), "") << "there are versions between";
}

class Windows {
 public:
  explicit Windows(std::uint64_t seed) : random_(seed) {}

  Rule next() {
    Rule rule;
    rule.packages = {"p"};
    rule.upgrade_from = relations();
    rule.upgrade_to = relations();
    rule.both_ways = below(3) == 0;
    return rule;
  }

 private:
  std::size_t below(std::size_t bound) { return random_() % bound; }
  std::vector<Relation> relations() {
    std::vector<Relation> made(below(4));
    for (auto& relation : made) {
      relation.op = static_cast<RelationOp>(below(5));
      relation.version = std::to_string(10 * (1 + below(4)));
    }
    return made;
  }

  std::mt19937_64 random_;
};

// Some versions lie between any two that a relation names, and on both sides of all.
bool any_step_crosses(const Rule& rule) {
  for (int from = 5; from < 50; ++from) {
    for (int to = 5; to < 50; ++to) {
      if (from == to || (!rule.both_ways && from > to)) continue;
      if (crosses_window(rule, std::to_string(from), std::to_string(to), test::compare_numbers)) {
        return true;
      }
    }
  }
  return false;
}

TEST(Window, AFaultIsOneThatNoStepCrosses) {
  Windows windows(toy::seed_of_run());
  for (std::uint64_t i = 0; i < toy::rounds(1000); ++i) {
    const auto rule = windows.next();
    const auto why = window_fault(rule, test::compare_numbers);
    std::string shown = rule.both_ways ? "both ways" : "";
    for (const auto& relation : rule.upgrade_from) shown += " from " + to_string(relation);
    for (const auto& relation : rule.upgrade_to) shown += " to " + to_string(relation);
    ASSERT_EQ(why.empty(), any_step_crosses(rule)) << shown << ": " << why;
  }
}

}  // namespace
}  // namespace aptkeep
