// The decisions in libaptkeep.so.0, asked through its C interface, are those of the objects that
// the static programs are linked from: same members, order and causes for thousands of problems.
#include <aptkeep/aptkeep.h>
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <numeric>
#include <random>

#include "core/kept_set.h"
#include "core/order.h"

namespace aptkeep {
namespace {

struct Problem {
  Plan plan;
  std::vector<std::uint32_t> failed;
  std::vector<StepState> states;
};

class Random {
 public:
  explicit Random(std::uint32_t seed) : engine_(seed) {}
  std::uint32_t below(std::uint32_t limit) { return static_cast<std::uint32_t>(engine_() % limit); }
  bool chance(std::uint32_t percent) { return below(100) < percent; }

 private:
  std::mt19937 engine_;
};

Step random_step(Random& random, std::uint32_t index) {
  static constexpr const char* kArchs[] = {"amd64", "i386"};
  Step step;
  step.package = "p" + std::to_string(index) + ":" + kArchs[random.below(2)];
  step.old_version = random.chance(85) ? "1." + std::to_string(random.below(3)) : "";
  step.new_version = step.old_version.empty() || random.chance(85) ? "2" : "";
  step.action = step.old_version.empty()   ? Action::Install
                : step.new_version.empty() ? Action::Remove
                                           : Action::Upgrade;
  step.trust = static_cast<int>(random.below(4));
  step.security = random.chance(10);
  return step;
}

Clause random_clause(Random& random, const Plan& plan) {
  const auto count = static_cast<std::uint32_t>(plan.steps.size());
  Clause clause;
  clause.kind = static_cast<ClauseKind>(random.below(5));
  clause.owner_side = random.chance(70) ? Side::New : Side::Old;
  clause.owner = "outside:amd64";
  clause.owner_version = "7";
  if (random.chance(90)) {
    clause.owner_step = static_cast<std::int32_t>(random.below(count));
    const Step& owner = plan.steps[static_cast<std::size_t>(clause.owner_step)];
    clause.owner = owner.package;
    clause.owner_version = clause.owner_side == Side::New ? owner.new_version : owner.old_version;
  }
  clause.relation = "r" + std::to_string(random.below(50)) + " (>= 2)";
  for (auto left = random.chance(5) ? 0 : 1 + random.below(3); left > 0; --left) {
    clause.any_of.push_back({random.below(count), random.chance(60) ? Side::New : Side::Old});
  }
  return clause;
}

Problem random_problem(std::uint32_t seed) {
  Random random(seed);
  Problem problem;
  const std::uint32_t steps = 1 + random.below(random.chance(10) ? 60 : 12);
  for (std::uint32_t i = 0; i < steps; ++i) {
    problem.plan.steps.push_back(random_step(random, i));
    problem.states.push_back(static_cast<StepState>(random.below(9)));
  }
  for (auto left = random.below(2 * steps + 1); left > 0; --left) {
    problem.plan.clauses.push_back(random_clause(random, problem.plan));
  }
  for (auto left = random.below(3); left > 0; --left) {
    problem.failed.push_back(random.below(steps));
  }
  return problem;
}

using ProblemHandle = std::unique_ptr<aptkeep_problem, decltype(&aptkeep_problem_free)>;

ProblemHandle load(const Problem& problem) {
  ProblemHandle handle(aptkeep_problem_new(), aptkeep_problem_free);
  aptkeep_problem_set_native_arch(handle.get(), "amd64");
  for (std::size_t i = 0; i < problem.plan.steps.size(); ++i) {
    const Step& step = problem.plan.steps[i];
    const aptkeep_package package{
        sizeof package,           step.package.c_str(),          step.old_version.c_str(),
        step.new_version.c_str(), static_cast<int>(step.action), step.trust,
        step.security ? 1 : 0};
    const int index = aptkeep_problem_add_package(handle.get(), &package);
    EXPECT_EQ(index, static_cast<int>(i));
    aptkeep_problem_set_progress(handle.get(), index, static_cast<int>(problem.states[i]));
  }
  for (const Clause& clause : problem.plan.clauses) {
    const aptkeep_clause given{sizeof given,
                               clause.owner_step,
                               static_cast<int>(clause.owner_side),
                               static_cast<int>(clause.kind),
                               clause.owner.c_str(),
                               clause.owner_version.c_str(),
                               clause.relation.c_str()};
    const int index = aptkeep_problem_add_clause(handle.get(), &given);
    for (const Literal& literal : clause.any_of) {
      EXPECT_EQ(
          aptkeep_problem_add_literal(handle.get(), index, static_cast<std::int32_t>(literal.step),
                                      static_cast<int>(literal.side)),
          APTKEEP_OK);
    }
  }
  for (const std::uint32_t failed : problem.failed) {
    aptkeep_problem_mark_failed(handle.get(), static_cast<std::int32_t>(failed));
  }
  return handle;
}

void compare_kept_sets(const Problem& problem, const aptkeep_problem* handle) {
  const KeptSet here = least_kept_set(problem.plan, problem.failed);
  aptkeep_solution* there = nullptr;
  ASSERT_EQ(aptkeep_problem_solve(handle, &there), APTKEEP_OK);
  ASSERT_EQ(aptkeep_solution_count(there), here.members.size());
  EXPECT_EQ(aptkeep_solution_exact(there) != 0, here.exact);
  EXPECT_EQ(aptkeep_solution_minimal(there) != 0, here.minimal);
  for (std::size_t i = 0; i < here.members.size(); ++i) {
    aptkeep_member member{};
    member.size = sizeof member;
    ASSERT_EQ(aptkeep_solution_member(there, i, &member), APTKEEP_OK);
    EXPECT_EQ(member.package, static_cast<std::int32_t>(here.members[i].step));
    EXPECT_EQ(member.failed != 0, here.members[i].failed);
    if (member.failed == 0) {
      EXPECT_EQ(member.because, here.members[i].because);
      EXPECT_EQ(member.clause, static_cast<std::int32_t>(here.members[i].clause));
    }
    const std::vector<std::string> cause(member.cause, member.cause + member.cause_count);
    EXPECT_EQ(cause, cause_chain(problem.plan, here, here.members[i].step, "amd64"));
  }
  aptkeep_solution_free(there);
}

std::vector<std::uint32_t> shuffled(const Problem& problem, std::uint32_t seed) {
  std::vector<std::uint32_t> all(problem.plan.steps.size());
  std::iota(all.begin(), all.end(), 0U);
  std::mt19937 engine(seed);
  std::shuffle(all.begin(), all.end(), engine);
  all.resize(1 + engine() % all.size());
  return all;
}

void compare_orders(const Problem& problem, const aptkeep_problem* handle, std::uint32_t seed) {
  const std::vector<std::uint32_t> call = shuffled(problem, seed);
  const std::vector<std::int32_t> given(call.begin(), call.end());
  std::vector<std::pair<std::int32_t, std::int32_t>> here;
  std::int32_t number = 0;
  const auto order = unpack_order(problem.plan, call, problem.states);
  for (const auto& one : unpack_calls(problem.plan, order, problem.states)) {
    for (const std::uint32_t step : one) {
      here.emplace_back(static_cast<std::int32_t>(step), number);
    }
    ++number;
  }
  aptkeep_order* handed = nullptr;
  ASSERT_EQ(aptkeep_problem_unpack_order(handle, given.data(), given.size(), &handed), APTKEEP_OK);
  std::vector<std::pair<std::int32_t, std::int32_t>> there;
  for (std::size_t i = 0; i < aptkeep_order_count(handed); ++i) {
    there.emplace_back(aptkeep_order_package(handed, i), aptkeep_order_call(handed, i));
  }
  aptkeep_order_free(handed);
  EXPECT_EQ(there, here);

  std::vector<std::int32_t> stuck(given.size());
  const int count =
      aptkeep_problem_unconfigurable(handle, given.data(), given.size(), stuck.data());
  ASSERT_GE(count, 0);
  stuck.resize(static_cast<std::size_t>(count));
  const auto expected = unconfigurable(problem.plan, call, problem.states);
  EXPECT_EQ(stuck, std::vector<std::int32_t>(expected.begin(), expected.end()));
}

// How many problems.
std::uint32_t rounds() {
  return std::getenv("APTKEEP_SOAK") == nullptr ? 5000 : 200000;
}

TEST(SameAnswersTest, TheSharedLibraryIsNotThisProgram) {
  Dl_info there{};
  ASSERT_NE(::dladdr(reinterpret_cast<void*>(&aptkeep_problem_solve), &there), 0);
  EXPECT_NE(std::string(there.dli_fname).find("libaptkeep.so.0"), std::string::npos);
}

TEST(SameAnswersTest, LibraryAndObjectsDecideAlike) {
  std::size_t members = 0;
  for (std::uint32_t seed = 1; seed <= rounds() && !HasFatalFailure() && !HasNonfatalFailure();
       ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Problem problem = random_problem(seed);
    const ProblemHandle handle = load(problem);
    compare_kept_sets(problem, handle.get());
    compare_orders(problem, handle.get(), seed);
    members += least_kept_set(problem.plan, problem.failed).members.size();
  }
  // The problems are not all trivial.
  EXPECT_GT(members, rounds());
}

}  // namespace
}  // namespace aptkeep
