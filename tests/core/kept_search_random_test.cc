// The exact search against brute force over arbitrary clauses: far more choices than packages give.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "core/kept_set.h"
#include "toy_seed.h"

namespace {

using aptkeep::Clause;
using aptkeep::KeptSet;
using aptkeep::Literal;
using aptkeep::Plan;
using aptkeep::Side;

using Mask = std::uint32_t;

bool has(Mask kept, std::uint32_t step) {
  return (kept >> step & 1U) != 0;
}

bool violated(const Clause& clause, Mask kept) {
  if (clause.owner_step >= 0) {
    const Side side =
        has(kept, static_cast<std::uint32_t>(clause.owner_step)) ? Side::Old : Side::New;
    if (side != clause.owner_side) return false;
  }
  for (const Literal& literal : clause.any_of) {
    const Side side = has(kept, literal.step) ? Side::Old : Side::New;
    if (side == literal.side) return false;
  }
  return true;
}

class ArbitraryPlan {
 public:
  explicit ArbitraryPlan(std::mt19937_64& random) : random_(random) {
    const std::uint32_t steps = 4 + below(9);
    const int shift = below(2) == 0 ? 4 : 0;  // nobody promises that trust is not negative
    for (std::uint32_t i = 0; i < steps; ++i) {
      aptkeep::Step step;
      step.package = std::string(1, static_cast<char>('a' + (i * 5 + 2) % 12)) + ":amd64";
      step.trust = static_cast<int>(below(4)) - shift;
      plan.steps.push_back(step);
    }
    all = (1U << steps) - 1;
    failed = 1U << below(steps) | 1U << below(steps);
    const std::uint32_t clauses = below(3 * steps);
    const bool many_choices = below(2) == 0;
    for (std::uint32_t i = 0; i < clauses; ++i) {
      plan.clauses.push_back(many_choices ? choice_or_link(i) : clause(i));
    }
    for (const Clause& made : plan.clauses) {
      if (binds(made)) binding_.push_back(&made);
    }
  }

  // The definition in kept_set.h, word by word.
  bool binds(const Clause& clause) const {
    if (violated(clause, all)) return false;
    return std::ranges::none_of(plan.clauses, [&](const Clause& old) {
      return clause.owner_step >= 0 && clause.owner_side == Side::New &&
             old.owner_step == clause.owner_step && old.owner_side == Side::Old &&
             old.kind == clause.kind && old.relation == clause.relation && violated(old, all);
    });
  }

  bool consistent(Mask kept) const {
    return std::ranges::none_of(binding_,
                                [&](const Clause* clause) { return violated(*clause, kept); });
  }

  Mask least() const {
    std::optional<Mask> best;
    for (Mask kept = 0; kept <= all; ++kept) {
      if ((kept & failed) == failed && consistent(kept) && (!best || key(kept) < key(*best))) {
        best = kept;
      }
    }
    return *best;
  }

  bool minimal(Mask kept) const {
    for (Mask some = kept; some != 0;) {
      some = (some - 1) & kept;
      if ((some & failed) == failed && consistent(some)) return false;
    }
    return true;
  }

  std::string text() const {
    std::string text = "failed " + std::to_string(failed) + "\n";
    for (const Clause& clause : plan.clauses) {
      text += std::to_string(clause.owner_step) + "@" + to_string(clause.owner_side) + " " +
              clause.relation + ":";
      for (const Literal& literal : clause.any_of) {
        text += " " + std::to_string(literal.step) + "@" + to_string(literal.side);
      }
      text += "\n";
    }
    return text;
  }

  Plan plan;
  Mask all = 0;
  Mask failed = 0;

 private:
  std::uint32_t below(std::uint32_t bound) { return static_cast<std::uint32_t>(random_() % bound); }

  Clause clause(std::uint32_t number) {
    const auto steps = static_cast<std::uint32_t>(plan.steps.size());
    Clause made;
    made.owner_step = static_cast<std::int32_t>(below(steps + 1)) - 1;
    made.owner_side = below(2) == 0 ? Side::Old : Side::New;
    // Now and then the same text twice, for the rule of what was violated before.
    made.relation = below(4) == 0 ? "common" : "r" + std::to_string(number);
    const std::uint32_t literals = 1 + below(4);
    for (std::uint32_t i = 0; i < literals; ++i) {
      made.any_of.push_back({below(steps), below(3) == 0 ? Side::New : Side::Old});
    }
    return made;
  }

  // Choices that the failures bring about, and between the choices links that punish some of them.
  Clause choice_or_link(std::uint32_t number) {
    const auto steps = static_cast<std::uint32_t>(plan.steps.size());
    Clause made;
    made.relation = "r" + std::to_string(number);
    if (below(2) == 0) {
      made.any_of = {{static_cast<std::uint32_t>(std::countr_zero(failed)), Side::New}};
      for (int i = 0; i < 2; ++i) made.any_of.push_back({below(steps), Side::Old});
      return made;
    }
    made.owner_step = static_cast<std::int32_t>(below(steps));
    made.owner_side = below(4) == 0 ? Side::Old : Side::New;
    made.any_of = {{below(steps), Side::New}, {below(steps), Side::New}};
    if (made.owner_side == Side::Old || below(3) == 0)
      made.any_of.push_back({below(steps), Side::Old});
    return made;
  }

  std::tuple<int, int, std::vector<std::string>> key(Mask kept) const {
    int trust = 0;
    std::vector<std::string> names;
    for (std::uint32_t i = 0; i < plan.steps.size(); ++i) {
      if (!has(kept, i)) continue;
      trust += plan.steps[i].trust;
      names.push_back(plan.steps[i].package);
    }
    std::ranges::sort(names);
    return {std::popcount(kept), trust, names};
  }

  std::mt19937_64& random_;
  std::vector<const Clause*> binding_;
};

std::vector<std::uint32_t> steps_of(Mask mask) {
  std::vector<std::uint32_t> steps;
  for (std::uint32_t i = 0; i < 32; ++i) {
    if (has(mask, i)) steps.push_back(i);
  }
  return steps;
}

Mask mask_of(const KeptSet& kept) {
  Mask mask = 0;
  for (const auto& member : kept.members) mask |= 1U << member.step;
  return mask;
}

TEST(KeptSearchRandom, ArbitraryClausesGiveTheBruteForceSet) {
  std::seed_seq seeds{toy::seed_of_run(), std::uint64_t{3}};
  std::mt19937_64 random(seeds);
  int searched = 0;
  const auto rounds = toy::rounds(20000);
  for (std::uint64_t round = 0; round < rounds && !HasFailure(); ++round) {
    const ArbitraryPlan test(random);
    SCOPED_TRACE("round " + std::to_string(round) + "\n" + test.text());
    const auto failed = steps_of(test.failed);
    const KeptSet kept = aptkeep::least_kept_set(test.plan, failed);
    EXPECT_TRUE(kept.exact);
    EXPECT_EQ(mask_of(kept), test.least());
    searched += kept.explored > 0 ? 1 : 0;
    for (const std::uint64_t nodes : {0U, 1U, 5U}) {
      const KeptSet quick = aptkeep::least_kept_set(test.plan, failed, {nodes});
      EXPECT_TRUE(quick.minimal);
      EXPECT_EQ(mask_of(quick) & test.failed, test.failed);
      EXPECT_TRUE(test.consistent(mask_of(quick)));
      EXPECT_TRUE(test.minimal(mask_of(quick)));
      if (quick.exact) {
        EXPECT_EQ(mask_of(quick), mask_of(kept));
      }
    }
  }
  EXPECT_GT(searched, static_cast<int>(rounds / 4)) << "too few choices";
}

}  // namespace
