// Random rules on random steps: the index finds what trying all rules finds, and what is decided is
// what rule.h says about precedence.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "core/rule_match.h"
#include "core/rule_text.h"
#include "rule_builder.h"
#include "toy_seed.h"

namespace aptkeep {
namespace {

class RandomRules {
 public:
  explicit RandomRules(std::uint64_t seed) : random_(seed) {}

  std::vector<Rule> rules() {
    std::vector<Rule> made(below(12));
    for (auto& rule : made) fill(rule);
    return made;
  }
  Step step() {
    const auto version = [this] { return below(5) == 0 ? "" : std::to_string(below(6)); };
    auto step = test::step_of(name() + (below(2) == 0 ? ":amd64" : ":i386"), version(), version());
    if (below(3) == 0) step.config_version = version();
    return step;
  }

 private:
  std::size_t below(std::size_t bound) { return random_() % bound; }
  std::string name() {
    std::string made(1 + below(3), 'a');
    for (auto& c : made) c = "ab"[below(2)];
    return made;
  }
  void fill(Rule& rule) {
    static const std::vector<std::string> patterns = {"*", "a*", "?b", "[!a]*", "*b*"};
    for (std::size_t i = 0; i <= below(3); ++i) {
      rule.packages.push_back(below(3) == 0 ? patterns[below(patterns.size())] : name());
    }
    if (below(4) == 0) rule.architectures = {"amd64"};
    if (below(4) == 0) rule.upgrade_from = {{RelationOp::Less, std::to_string(below(6))}};
    if (below(4) == 0) rule.upgrade_to = {{RelationOp::Greater, std::to_string(below(6))}};
    rule.both_ways = below(2) == 0;
    if (below(4) == 0) rule.when_installed = {{below(2) == 0 ? "there" : "not-there", {}}};
    if (below(2) == 0) rule.service_class = static_cast<ServiceClass>(below(5));
    if (below(2) == 0) rule.never_back = below(2) == 0;
    rule.services.none = below(6) == 0;
    for (std::size_t i = 0; i < below(3); ++i) rule.services.entries.push_back(name());
  }

  std::mt19937_64 random_;
};

template <typename T>
bool same(const std::optional<Decided<T>>& a, const std::optional<Decided<T>>& b) {
  if (!a || !b) return !a && !b;
  return a->value == b->value && a->by == b->by && a->beaten == b->beaten;
}

bool same(const DecidedList<std::string>& a, const DecidedList<std::string>& b) {
  return a.dropped == b.dropped && std::equal(a.entries.begin(), a.entries.end(), b.entries.begin(),
                                              b.entries.end(), [](const auto& x, const auto& y) {
                                                return x.value == y.value && x.by == y.by;
                                              });
}

// Precedence once more, from the end: nothing before a "none" counts.
std::string services_by_hand(const std::vector<const Rule*>& applying) {
  auto first = applying.size();
  while (first > 0 && !applying[first - 1]->services.none) --first;
  if (first > 0) --first;
  std::vector<std::string> units;
  for (auto i = first; i < applying.size(); ++i) {
    for (const auto& unit : applying[i]->services.entries) {
      if (std::find(units.begin(), units.end(), unit) == units.end()) units.push_back(unit);
    }
  }
  std::string text;
  for (const auto& unit : units) text += (text.empty() ? "" : " ") + unit;
  return text.empty() ? "none" : text;
}

std::string class_by_hand(const std::vector<const Rule*>& applying) {
  for (auto rule = applying.rbegin(); rule != applying.rend(); ++rule) {
    if ((*rule)->service_class) return rule_word(*(*rule)->service_class);
  }
  return "none";
}

TEST(RuleIndex, FindsWhatTryingAllRulesFinds) {
  RandomRules random(toy::seed_of_run());
  const auto facts = test::facts_with({{"there", "1"}});
  std::uint64_t applied = 0;
  for (std::uint64_t round = 0; round < toy::rounds(3000); ++round) {
    const auto rules = random.rules();
    const RuleIndex index(rules);
    for (int i = 0; i < 8; ++i) {
      const auto step = random.step();
      const auto all = decide(rules, step, facts);
      const auto found = index.decide(step, facts);
      ASSERT_EQ(found.applying, all.applying) << step.package;
      ASSERT_TRUE(same(found.services, all.services)) << step.package;
      ASSERT_TRUE(same(found.service_class, all.service_class)) << step.package;
      ASSERT_TRUE(same(found.never_back, all.never_back)) << step.package;
      ASSERT_EQ(decided_text(all, "Services"), services_by_hand(all.applying));
      ASSERT_EQ(decided_text(all, "Class"), class_by_hand(all.applying));
      applied += all.applying.size();
      for (const auto& rule : rules) {
        const bool listed =
            std::find(all.applying.begin(), all.applying.end(), &rule) != all.applying.end();
        ASSERT_EQ(applies(rule, step, facts), listed);
      }
    }
  }
  EXPECT_GT(applied, toy::rounds(3000)) << "the random rules are about nothing";
}

TEST(RuleIndex, OfNoRules) {
  const std::vector<Rule> none;
  const auto decided =
      RuleIndex(none).decide(test::step_of("a:amd64", "1", "2"), test::facts_with());
  EXPECT_TRUE(decided.applying.empty());
  for (const auto* field : decision_fields()) EXPECT_EQ(decided_text(decided, field), "none");
}

}  // namespace
}  // namespace aptkeep
