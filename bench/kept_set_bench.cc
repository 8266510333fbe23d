// How long the least kept set takes on graphs of the shape that a release upgrade has: ten clauses
// a package, most of them met on either side, groups of one source that need each other's exact
// version, and now and then a choice.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "core/kept_set.h"
#include "core/order.h"

namespace {

using namespace aptkeep;

class Upgrade {
 public:
  explicit Upgrade(std::uint32_t packages) : random_(packages) {
    for (std::uint32_t i = 0; i < packages; ++i) {
      Step step;
      step.package = "package-" + std::to_string(i) + ":amd64";
      step.old_version = "1.0-1";
      step.new_version = "2.0-1";
      step.trust = static_cast<int>(below(4));
      plan.steps.push_back(std::move(step));
    }
    for (std::uint32_t i = 1; i < packages; ++i) add_package(i);
  }

  std::vector<std::uint32_t> fail(std::uint32_t count) {
    std::vector<std::uint32_t> failed;
    for (std::uint32_t i = 0; i < count; ++i) {
      // Leaves fail like anything else, but what everything needs is tried by everybody.
      failed.push_back(static_cast<std::uint32_t>(plan.steps.size() / 10) +
                       below(static_cast<std::uint32_t>(plan.steps.size() * 9 / 10)));
    }
    return failed;
  }

  Plan plan;

 private:
  std::uint32_t below(std::uint32_t bound) { return static_cast<std::uint32_t>(random_() % bound); }

  // A package that comes earlier, the first ones far more often: few libraries serve many.
  std::uint32_t earlier(std::uint32_t than) {
    std::uint32_t pick = below(than);
    while (pick > 0 && below(2) == 0) pick = below(pick);
    return pick;
  }

  void add(std::uint32_t owner, Side side, ClauseKind kind, std::vector<Literal> any_of) {
    Clause clause;
    clause.owner_step = static_cast<std::int32_t>(owner);
    clause.owner_side = side;
    clause.kind = kind;
    clause.owner = plan.steps[owner].package;
    clause.owner_version = side == Side::Old ? "1.0-1" : "2.0-1";
    clause.relation = plan.steps[any_of.front().step].package + " (>= 2.0-1)";
    clause.any_of = std::move(any_of);
    plan.clauses.push_back(std::move(clause));
  }

  void add_package(std::uint32_t i) {
    for (int n = 0; n < 7; ++n) {
      const std::uint32_t on = earlier(i);
      add(i, Side::New, ClauseKind::Depends, {{on, Side::Old}, {on, Side::New}});
    }
    const std::uint32_t source = i - i % 4;  // packages of one source, next to each other
    if (source != i) {
      add(i, Side::New, ClauseKind::Depends, {{source, Side::New}});
      add(i, Side::Old, ClauseKind::Depends, {{source, Side::Old}});
    } else if (below(3) == 0) {
      add(i, Side::New, ClauseKind::Depends, {{earlier(i), Side::New}});
    }
    if (below(8) == 0) add(i, Side::New, ClauseKind::Breaks, {{below(i), Side::New}});
    if (below(10) == 0) {
      add(i, Side::New, ClauseKind::Depends, {{below(i), Side::Old}, {below(i), Side::New}});
    }
  }

  std::mt19937 random_;
};

void least_kept_set(benchmark::State& state) {
  Upgrade upgrade(static_cast<std::uint32_t>(state.range(0)));
  const auto failed = upgrade.fail(static_cast<std::uint32_t>(state.range(1)));
  KeptSet kept;
  for (auto _ : state) {
    kept = aptkeep::least_kept_set(upgrade.plan, failed);
    benchmark::DoNotOptimize(kept);
  }
  state.counters["clauses"] = static_cast<double>(upgrade.plan.clauses.size());
  state.counters["kept"] = static_cast<double>(kept.members.size());
  state.counters["nodes"] = static_cast<double>(kept.explored);
  state.counters["exact"] = kept.exact ? 1 : 0;
}
BENCHMARK(least_kept_set)
    ->ArgNames({"packages", "failed"})
    ->ArgsProduct({{300, 2000}, {1, 3, 10, 30}})
    ->Unit(benchmark::kMillisecond);

// A choice that no search can finish: how long it takes to say so.
void beyond_the_bound(benchmark::State& state) {
  Plan plan;
  const auto packages = static_cast<std::uint32_t>(state.range(0));
  for (std::uint32_t i = 0; i < packages; ++i) {
    plan.steps.emplace_back().package = "package-" + std::to_string(i) + ":amd64";
  }
  for (std::uint32_t i = 1; i < packages; ++i) {
    for (const std::uint32_t far : {1U, 7U, 31U}) {
      Clause& clause = plan.clauses.emplace_back();
      clause.any_of = {{i, Side::Old}, {1 + (i + far) % (packages - 1), Side::Old}, {0, Side::New}};
    }
  }
  const std::vector<std::uint32_t> failed{0};
  KeptSet kept;
  for (auto _ : state) kept = aptkeep::least_kept_set(plan, failed);
  state.counters["kept"] = static_cast<double>(kept.members.size());
  state.counters["minimal"] = kept.minimal ? 1 : 0;
  state.counters["exact"] = kept.exact ? 1 : 0;
}
BENCHMARK(beyond_the_bound)
    ->ArgName("packages")
    ->Arg(300)
    ->Arg(2000)
    ->Unit(benchmark::kMillisecond);

void unpack_order(benchmark::State& state) {
  Upgrade upgrade(static_cast<std::uint32_t>(state.range(0)));
  std::vector<std::uint32_t> call;
  for (std::uint32_t i = 0; i < upgrade.plan.steps.size(); ++i) call.push_back(i);
  const std::vector<StepState> states(call.size(), StepState::Waiting);
  for (auto _ : state) {
    const auto order = aptkeep::unpack_order(upgrade.plan, call, states);
    benchmark::DoNotOptimize(aptkeep::unpack_calls(upgrade.plan, order, states));
  }
}
BENCHMARK(unpack_order)->ArgName("packages")->Arg(300)->Arg(2000)->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
