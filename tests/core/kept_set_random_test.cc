// The least kept set against brute force over toy worlds.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <numeric>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "core/kept_set.h"
#include "toy_seed.h"
#include "toy_world.h"

namespace {

using aptkeep::KeptMember;
using aptkeep::KeptSet;
using aptkeep::KeptSetLimits;
using aptkeep::Plan;
using toy::Judge;
using toy::World;

using Mask = std::uint32_t;

std::vector<bool> as_flags(Mask mask, std::size_t size) {
  std::vector<bool> flags(size);
  for (std::size_t i = 0; i < size; ++i) flags[i] = (mask >> i & 1U) != 0;
  return flags;
}

Mask as_mask(const KeptSet& kept) {
  Mask mask = 0;
  for (const KeptMember& member : kept.members) mask |= 1U << member.step;
  return mask;
}

// One world, one set of failures, and all subsets of the run tried one by one.
class Case {
 public:
  Case(World world, Mask failed)
      : world_(std::move(world)), judge_(world_), plan_(toy::make_plan(world_)), failed_(failed) {}

  const World& world() const { return world_; }
  const Plan& plan() const { return plan_; }
  const Judge& judge() const { return judge_; }
  Mask failed() const { return failed_; }
  std::vector<std::uint32_t> failed_steps() const { return steps_of(failed_); }

  bool consistent(Mask mask) const { return judge_.consistent(flags(mask)); }
  std::vector<bool> flags(Mask mask) const { return as_flags(mask, world_.packages.size()); }

  // By the definition: the fewest packages, then the least trust, then the names.
  Mask least() const {
    std::vector<Mask> masks;
    for (Mask mask = 0; mask < 1U << world_.in_run(); ++mask) {
      if ((mask & failed_) == failed_) masks.push_back(mask);
    }
    std::ranges::stable_sort(masks, {}, [](Mask mask) { return std::popcount(mask); });
    std::optional<Mask> best;
    for (const Mask mask : masks) {
      if (best && std::popcount(mask) > std::popcount(*best)) break;
      if (consistent(mask) && (!best || key(mask) < key(*best))) best = mask;
    }
    return *best;  // the state before the run is always consistent
  }

  bool minimal(Mask mask) const {
    const Mask rest = mask & ~failed_;
    for (Mask some = rest; some != 0;) {
      some = (some - 1) & rest;  // all proper subsets
      if (consistent(some | failed_)) return false;
    }
    return true;
  }

  std::string text() const {
    std::string text = toy::describe(world_) + "failed:";
    for (const auto step : failed_steps()) text += " " + world_.packages[step].full_name();
    return text;
  }

 private:
  static std::vector<std::uint32_t> steps_of(Mask mask) {
    std::vector<std::uint32_t> steps;
    for (std::uint32_t i = 0; i < 32; ++i) {
      if ((mask >> i & 1U) != 0) steps.push_back(i);
    }
    return steps;
  }

  std::tuple<int, int, std::vector<std::string>> key(Mask mask) const {
    int trust = 0;
    std::vector<std::string> names;
    for (const auto step : steps_of(mask)) {
      trust += world_.packages[step].trust;
      names.push_back(world_.packages[step].full_name());
    }
    std::ranges::sort(names);
    return {std::popcount(mask), trust, names};
  }

  World world_;
  Judge judge_;
  Plan plan_;
  Mask failed_;
};

Case random_case(std::mt19937_64& random, const toy::Kinds& kinds) {
  World world = toy::random_world(random, kinds);
  const std::size_t steps = world.in_run();
  Mask failed = 1U << random() % steps;
  if (random() % 3 == 0) failed |= 1U << random() % steps;
  if (random() % 9 == 0) failed |= 1U << random() % steps;
  return {std::move(world), failed};
}

bool forbids(const aptkeep::Clause& clause) {
  return clause.kind != aptkeep::ClauseKind::Depends &&
         clause.kind != aptkeep::ClauseKind::PreDepends;
}

// The violation that a clause stands for, told from the raw packages. One relation may forbid
// several of them, each in a clause of its own.
bool complains(const Case& test, Mask kept, const aptkeep::Clause& clause) {
  const auto found = test.judge().complaints(test.flags(kept));
  return std::ranges::any_of(found, [&](const toy::Violation& violation) {
    const bool old = clause.owner_step < 0 || (kept >> clause.owner_step & 1U) != 0;
    return test.world().packages[violation.package].full_name() == clause.owner &&
           old == (clause.owner_side == aptkeep::Side::Old) && violation.kind == clause.kind &&
           violation.relation == clause.relation &&
           (!forbids(clause) || clause.any_of.empty() ||
            violation.hit == static_cast<std::ptrdiff_t>(clause.any_of.front().step));
  });
}

// Each member joins because of what the members before it violate, and one of them is to blame.
void expect_causes(const Case& test, const KeptSet& kept) {
  Mask before = 0;
  for (std::size_t i = 0; i < kept.members.size(); ++i) {
    const KeptMember& member = kept.members[i];
    const Mask with = before | 1U << member.step;
    ASSERT_EQ(member.failed, (test.failed() >> member.step & 1U) != 0);
    if (!member.failed) {
      const auto& clause = test.plan().clauses.at(member.clause);
      EXPECT_TRUE(complains(test, before, clause)) << clause.owner << ": " << clause.relation;
      EXPECT_FALSE(complains(test, with, clause)) << clause.owner << ": " << clause.relation;
      if (member.because < 0) {
        EXPECT_TRUE(complains(test, 0, clause)) << "only without any failure needs no cause";
      } else {
        ASSERT_LT(static_cast<std::size_t>(member.because), i);
        const auto cause = kept.members[static_cast<std::size_t>(member.because)].step;
        const bool named =
            clause.owner_step == static_cast<std::int32_t>(cause) ||
            std::ranges::any_of(clause.any_of, [&](auto literal) { return literal.step == cause; });
        EXPECT_TRUE(named);
        // Going through would have spared the member this clause.
        EXPECT_FALSE(complains(test, before & ~(1U << cause), clause));
        if (clause.owner_step != static_cast<std::int32_t>(cause)) {
          Mask before_cause = 0;
          for (auto j = 0; j < member.because; ++j) {
            before_cause |= 1U << kept.members[static_cast<std::size_t>(j)].step;
          }
          EXPECT_FALSE(complains(test, before_cause, clause)) << "an earlier one is to blame";
          EXPECT_TRUE(complains(test, before_cause | 1U << cause, clause)) << "a later one is";
        }
      }
    }
    before = with;
  }
}

void expect_chains(const Case& test, const KeptSet& kept, bool no_failure_needed) {
  for (const KeptMember& member : kept.members) {
    const auto chain = aptkeep::cause_chain(test.plan(), kept, member.step, "amd64");
    ASSERT_FALSE(chain.empty());
    if (!no_failure_needed) {
      EXPECT_TRUE(chain.back().ends_with(" failed"));
    }
    for (std::size_t i = 0; i + 1 < chain.size(); ++i) {
      EXPECT_NE(chain[i].find(" kept: "), std::string::npos);
    }
  }
}

void expect_least(const Case& test) {
  const auto failed = test.failed_steps();
  const KeptSet kept = aptkeep::least_kept_set(test.plan(), failed);
  const Mask mask = as_mask(kept);
  const Mask least = test.least();
  EXPECT_EQ(std::popcount(mask), static_cast<int>(kept.members.size())) << "a member twice";
  EXPECT_EQ(mask, least);
  EXPECT_TRUE(kept.exact);
  EXPECT_TRUE(kept.minimal);
  EXPECT_TRUE(test.consistent(mask));
  expect_causes(test, kept);
  expect_chains(test, kept, !test.consistent(0));
}

void expect_minimal_without_search(const Case& test) {
  KeptSetLimits limits;
  limits.max_nodes = 0;
  const KeptSet kept = aptkeep::least_kept_set(test.plan(), test.failed_steps(), limits);
  const Mask mask = as_mask(kept);
  EXPECT_EQ(mask & test.failed(), test.failed());
  EXPECT_TRUE(test.consistent(mask));
  EXPECT_TRUE(kept.minimal) << "nine packages are within any bound";
  EXPECT_TRUE(test.minimal(mask));
  if (kept.exact) {
    EXPECT_EQ(mask, test.least());
  }
  expect_causes(test, kept);
}

void expect_same_judgement(const Case& test, std::mt19937_64& random) {
  const auto size = test.world().in_run();
  const Mask mask = static_cast<Mask>(random()) & ((1U << size) - 1);
  EXPECT_EQ(test.consistent(mask), test.judge().complaints(test.flags(mask)).empty());
  EXPECT_EQ(aptkeep::is_consistent(test.plan(), as_flags(mask, size)), test.consistent(mask));
}

struct Count {
  int larger_than_failed = 0;
  int searched = 0;
  int inexact = 0;
};

Count try_worlds(const toy::Kinds& kinds, std::uint64_t rounds, std::uint64_t stream) {
  std::seed_seq seeds{toy::seed_of_run(), stream};
  std::mt19937_64 random(seeds);
  Count count;
  for (std::uint64_t round = 0; round < rounds && !testing::Test::HasFailure(); ++round) {
    const Case test = random_case(random, kinds);
    SCOPED_TRACE("round " + std::to_string(round) + "\n" + test.text());
    expect_least(test);
    expect_minimal_without_search(test);
    expect_same_judgement(test, random);
    const auto kept = aptkeep::least_kept_set(test.plan(), test.failed_steps());
    count.larger_than_failed += kept.members.size() > test.failed_steps().size() ? 1 : 0;
    count.searched += kept.explored > 0 ? 1 : 0;
    count.inexact += aptkeep::least_kept_set(test.plan(), test.failed_steps(), {0}).exact ? 0 : 1;
  }
  std::cout << count.larger_than_failed << " of " << rounds << " sets grew, " << count.searched
            << " were searched for\n";
  return count;
}

constexpr std::uint64_t kOrdinaryRounds = 6000;

TEST(KeptSetRandom, PlainDependenciesGiveTheBruteForceSet) {
  const auto rounds = toy::rounds(kOrdinaryRounds);
  const Count count = try_worlds({.rich = false}, rounds, 1);
  EXPECT_GT(count.larger_than_failed, static_cast<int>(rounds / 10)) << "the worlds are too easy";
}

TEST(KeptSetRandom, AlternativesProvidesBreaksAndMultiArchGiveTheBruteForceSet) {
  const auto rounds = toy::rounds(kOrdinaryRounds);
  const Count count = try_worlds({.rich = true}, rounds, 2);
  EXPECT_GT(count.larger_than_failed, static_cast<int>(rounds / 10)) << "the worlds are too easy";
  EXPECT_GT(count.searched, static_cast<int>(rounds / 50)) << "too few choices";
  EXPECT_GT(count.inexact, static_cast<int>(rounds / 100)) << "the greedy way was hardly tried";
}

}  // namespace
