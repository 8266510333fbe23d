// Orders, calls and what can be configured, judged on random package worlds without clauses.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/order.h"
#include "toy_seed.h"
#include "toy_world.h"

namespace {

using aptkeep::ClauseKind;
using aptkeep::Plan;
using aptkeep::StepState;
using toy::Package;
using toy::Relation;
using toy::Version;
using toy::World;

using Steps = std::vector<std::uint32_t>;
using Edges = std::set<std::pair<std::uint32_t, std::uint32_t>>;
using Maybe = std::optional<Version>;

bool is_new(StepState state) {
  return state == StepState::Unpacked || state == StepState::Done ||
         state == StepState::FailedNew || state == StepState::Stranded;
}

bool stays_old(StepState state) {
  return state == StepState::FailedOld || state == StepState::Kept ||
         state == StepState::NotReached;
}

// A world amid its run: some archives in this call, the other steps anywhere.
class Scene {
 public:
  explicit Scene(std::mt19937_64& random)
      : world_(toy::random_world(random, {.rich = random() % 4 != 0})),
        plan_(toy::make_plan(world_)) {
    for (std::uint32_t i = 0; i < plan_.steps.size(); ++i) {
      states.push_back(static_cast<StepState>(random() % 8));
      if (world_.packages[i].after && random() % 5 != 0) {
        call.push_back(i);
        states.back() = StepState::Waiting;
      }
    }
    std::shuffle(call.begin(), call.end(), random);
  }

  const Plan& plan() const { return plan_; }
  const World& world() const { return world_; }
  const Package& package(std::uint32_t i) const { return world_.packages[i]; }
  std::size_t size() const { return world_.packages.size(); }

  bool in_call(std::uint32_t step) const { return std::ranges::find(call, step) != call.end(); }

  bool met_by(const Package& owner, const Relation& relation, std::size_t by,
              const Maybe& version) const {
    return version && std::ranges::any_of(relation.any_of, [&](const toy::Target& target) {
             return toy::matches(owner, relation.kind, target, world_.packages[by], *version);
           });
  }

  // What is there now.
  const Maybe& version_at(std::size_t i, const std::vector<StepState>& at) const {
    const Package& package = world_.packages[i];
    return package.outside || !is_new(at[i]) ? package.before : package.after;
  }

  std::string text() const {
    std::string text = toy::describe(world_) + "call:";
    for (const auto step : call) text += " " + package(step).full_name();
    text += "\nstates:";
    for (const auto state : states) text += std::string(" ") + to_string(state);
    return text;
  }

  Steps call;
  std::vector<StepState> states;

 private:
  World world_;
  Plan plan_;
};

bool holds_for_good(const Scene& scene, std::uint32_t owner, const Relation& relation) {
  const Package& package = scene.package(owner);
  for (std::uint32_t i = 0; i < scene.size(); ++i) {
    const Package& other = scene.package(i);
    const bool before = scene.met_by(package, relation, i, other.before);
    const bool after = scene.met_by(package, relation, i, other.after);
    if (other.outside ? before : before && after) return true;
    if (i == owner ? after : false) return true;
    if (other.outside) continue;
    const StepState state = scene.states[i];
    if (after && (state == StepState::Done || state == StepState::Unpacked)) return true;
    if (before && stays_old(state)) return true;
  }
  return false;
}

struct Wishes {
  Edges must, should, soft, siblings;  // soft: no hard ones among them
};

Wishes wishes_of(const Scene& scene) {
  Wishes wishes;
  for (const auto x : scene.call) {
    const Package& package = scene.package(x);
    for (const Relation& relation : package.after->relations) {
      const bool negative =
          relation.kind == ClauseKind::Breaks || relation.kind == ClauseKind::Conflicts;
      if (!negative && holds_for_good(scene, x, relation)) continue;
      for (const auto t : scene.call) {
        if (t == x) continue;
        const bool before = scene.met_by(package, relation, t, scene.package(t).before);
        const bool after = scene.met_by(package, relation, t, scene.package(t).after);
        if (negative && before && !after) wishes.must.emplace(t, x);
        if (!negative && after) wishes.soft.emplace(t, x);
      }
    }
    if (!package.before) continue;
    for (const Relation& relation : package.before->relations) {
      if (relation.kind != ClauseKind::Conflicts) continue;
      for (const auto t : scene.call) {
        if (t != x && scene.met_by(package, relation, t, scene.package(t).after) &&
            !scene.met_by(package, relation, t, scene.package(t).before)) {
          wishes.should.emplace(x, t);
        }
      }
    }
  }
  for (const auto& clause : scene.plan().clauses) {
    if (clause.kind != ClauseKind::Lockstep || clause.any_of.empty() || clause.owner_step < 0) {
      continue;
    }
    const auto owner = static_cast<std::uint32_t>(clause.owner_step);
    const auto other = clause.any_of.front().step;
    if (scene.in_call(owner) && scene.in_call(other)) wishes.siblings.emplace(owner, other);
  }
  return wishes;
}

// What a careful person would do by hand: take the first in apt's order that nothing holds back,
// together with its siblings. An empty answer: everything left is held back.
Steps by_hand(const Scene& scene, const Wishes& wishes, const std::vector<const Edges*>& asked,
              bool together) {
  const auto unit_of = [&](std::uint32_t step) {
    Steps unit{step};
    for (const auto other : scene.call) {
      if (together && wishes.siblings.contains({step, other})) unit.push_back(other);
    }
    std::ranges::sort(unit, {}, [&](auto s) { return std::ranges::find(scene.call, s); });
    return unit;
  };
  std::set<std::uint32_t> done;
  Steps order;
  while (order.size() < scene.call.size()) {
    const auto next = std::ranges::find_if(scene.call, [&](std::uint32_t step) {
      const Steps unit = unit_of(step);
      const auto waits = [&](const auto& edge) {
        return std::ranges::find(unit, edge.second) != unit.end() && !done.contains(edge.first) &&
               std::ranges::find(unit, edge.first) == unit.end();
      };
      return !done.contains(step) && std::ranges::none_of(asked, [&](const Edges* edges) {
        return std::ranges::any_of(*edges, waits);
      });
    });
    if (next == scene.call.end()) return {};
    for (const auto step : unit_of(*next)) {
      done.insert(step);
      order.push_back(step);
    }
  }
  return order;
}

bool respects(const Steps& order, const Edges& edges) {
  return std::ranges::all_of(edges, [&](const auto& edge) {
    return std::ranges::find(order, edge.first) < std::ranges::find(order, edge.second);
  });
}

bool together(const Steps& order, const Edges& siblings) {
  return std::ranges::all_of(siblings, [&](const auto& pair) {
    const auto distance =
        std::ranges::find(order, pair.first) - std::ranges::find(order, pair.second);
    return distance == 1 || distance == -1;
  });
}

// Edges between siblings are for the order within a pair only.
bool has_inner_edges(const Wishes& wishes) {
  return std::ranges::any_of(wishes.siblings, [&](const auto& pair) {
    return wishes.must.contains(pair) || wishes.should.contains(pair) || wishes.soft.contains(pair);
  });
}

TEST(OrderRandom, EachWishIsGrantedUnlessAStrongerOneForbidsIt) {
  std::seed_seq seeds{toy::seed_of_run(), std::uint64_t{4}};
  std::mt19937_64 random(seeds);
  int free_of_cycles = 0;
  int must_win = 0;
  const auto rounds = toy::rounds(8000);
  for (std::uint64_t round = 0; round < rounds && !HasFailure(); ++round) {
    const Scene scene(random);
    SCOPED_TRACE("round " + std::to_string(round) + "\n" + scene.text());
    const Wishes wishes = wishes_of(scene);
    const Steps order = aptkeep::unpack_order(scene.plan(), scene.call, scene.states);
    EXPECT_EQ(order, aptkeep::unpack_order(scene.plan(), scene.call, scene.states));
    EXPECT_TRUE(std::ranges::is_permutation(order, scene.call));
    const std::vector<const Edges*> must{&wishes.must};
    const std::vector<const Edges*> hard{&wishes.must, &wishes.should};
    const std::vector<const Edges*> all{&wishes.must, &wishes.should, &wishes.soft};
    const Steps best = by_hand(scene, wishes, all, true);
    if (!best.empty() && !has_inner_edges(wishes)) {
      EXPECT_EQ(order, best);
      free_of_cycles += best != scene.call ? 1 : 0;
    }
    if (!by_hand(scene, wishes, must, false).empty()) {
      EXPECT_TRUE(respects(order, wishes.must));
      must_win += best.empty() && !wishes.must.empty() ? 1 : 0;
    }
    if (!by_hand(scene, wishes, hard, false).empty()) {
      EXPECT_TRUE(respects(order, wishes.must) && respects(order, wishes.should));
    }
    if (!by_hand(scene, wishes, hard, true).empty()) {
      EXPECT_TRUE(together(order, wishes.siblings));
    }
  }
  EXPECT_GT(free_of_cycles, static_cast<int>(rounds / 20));
  EXPECT_GT(must_win, static_cast<int>(rounds / 100));
}

// Whether dpkg, unpacking x now, finds a package that it would have to remove or deconfigure.
bool hits(const Scene& scene, std::uint32_t x, const std::vector<StepState>& states) {
  const Package& package = scene.package(x);
  for (std::uint32_t i = 0; i < scene.size(); ++i) {
    const auto& other = scene.version_at(i, states);
    if (i == x || !other) continue;
    for (const Relation& relation : package.after->relations) {
      if ((relation.kind == ClauseKind::Breaks || relation.kind == ClauseKind::Conflicts) &&
          scene.met_by(package, relation, i, other)) {
        return true;
      }
    }
    for (const Relation& relation : other->relations) {
      // One that forbids x at any version is no news to dpkg, and no part of a plan.
      if (relation.kind == ClauseKind::Conflicts &&
          scene.met_by(scene.package(i), relation, x, package.after) &&
          !scene.met_by(scene.package(i), relation, x, package.before)) {
        return true;
      }
    }
  }
  return false;
}

TEST(OrderRandom, EachHitIsACallOfItsOwnAndNothingElseIs) {
  std::seed_seq seeds{toy::seed_of_run(), std::uint64_t{5}};
  std::mt19937_64 random(seeds);
  int cut = 0;
  const auto rounds = toy::rounds(8000);
  for (std::uint64_t round = 0; round < rounds && !HasFailure(); ++round) {
    const Scene scene(random);
    SCOPED_TRACE("round " + std::to_string(round) + "\n" + scene.text());
    auto states = scene.states;
    std::vector<Steps> expected;
    bool alone = true;
    for (const auto step : scene.call) {
      const bool hit = hits(scene, step, states);
      if (hit || alone) expected.emplace_back();
      expected.back().push_back(step);
      alone = hit;
      states[step] = StepState::Unpacked;
    }
    EXPECT_EQ(aptkeep::unpack_calls(scene.plan(), scene.call, scene.states), expected);
    cut += expected.size() > 1 ? 1 : 0;
  }
  EXPECT_GT(cut, static_cast<int>(rounds / 20));
}

// dpkg's view of one package, given which of the others can be configured with it.
bool configurable(const Scene& scene, std::uint32_t x, const std::set<std::uint32_t>& able,
                  const std::vector<StepState>& states) {
  const Package& package = scene.package(x);
  for (const Relation& relation : package.after->relations) {
    if (relation.kind != ClauseKind::Depends && relation.kind != ClauseKind::PreDepends) continue;
    bool met = scene.met_by(package, relation, x, package.after);
    for (std::uint32_t i = 0; i < scene.size(); ++i) {
      const Package& other = scene.package(i);
      const bool configured =
          other.outside || able.contains(i) || !is_new(states[i]) || states[i] == StepState::Done;
      met = met || (i != x && configured &&
                    scene.met_by(package, relation, i, scene.version_at(i, states)));
    }
    if (!met) return false;
  }
  for (std::uint32_t i = 0; i < scene.size(); ++i) {
    const auto& other = scene.version_at(i, states);
    if (i == x || !other) continue;
    const Package& breaker = scene.package(i);
    for (const Relation& relation : other->relations) {
      if (relation.kind == ClauseKind::Breaks &&
          scene.met_by(breaker, relation, x, package.after) &&
          !scene.met_by(breaker, relation, x, package.before)) {
        return false;
      }
    }
    if (package.same && breaker.same && package.name == breaker.name &&
        other->number != package.after->number) {
      return false;
    }
  }
  return true;
}

TEST(OrderRandom, JustWhatDpkgWouldRefuseIsUnconfigurable) {
  std::seed_seq seeds{toy::seed_of_run(), std::uint64_t{6}};
  std::mt19937_64 random(seeds);
  int some = 0;
  const auto rounds = toy::rounds(8000);
  for (std::uint64_t round = 0; round < rounds && !HasFailure(); ++round) {
    Scene scene(random);
    for (const auto step : scene.call) scene.states[step] = StepState::Unpacked;
    SCOPED_TRACE("round " + std::to_string(round) + "\n" + scene.text());
    std::set<std::uint32_t> able(scene.call.begin(), scene.call.end());
    for (std::size_t before = 0; before != able.size();) {
      before = able.size();
      std::erase_if(able,
                    [&](auto step) { return !configurable(scene, step, able, scene.states); });
    }
    Steps expected;
    for (const auto step : scene.call) {
      if (!able.contains(step)) expected.push_back(step);
    }
    EXPECT_EQ(aptkeep::unconfigurable(scene.plan(), scene.call, scene.states), expected);
    some += expected.empty() || able.empty() ? 0 : 1;
  }
  EXPECT_GT(some, static_cast<int>(rounds / 20));
}

}  // namespace
