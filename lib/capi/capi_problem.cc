// Building a problem.
#include <limits>

#include "capi.h"
#include "problem.h"

using namespace aptkeep;
using namespace aptkeep::capi;

namespace aptkeep::capi {
namespace {

constexpr std::size_t kMostIndexes = std::numeric_limits<std::int32_t>::max();

bool in(int value, int last) {
  return value >= 0 && value <= last;
}

int bad(const char* what) {
  return fail(APTKEEP_EINVAL, std::string("unable to take the problem: ") + what);
}

Step step_of(const aptkeep_package& package) {
  Step step;
  step.package = text(package.name);
  step.action = static_cast<Action>(package.action);
  step.old_version = text(package.old_version);
  step.new_version = text(package.new_version);
  step.trust = package.trust;
  step.security = package.security != 0;
  return step;
}

Clause clause_of(const aptkeep_problem& problem, const aptkeep_clause& given) {
  Clause clause;
  clause.owner_step = given.owner;
  clause.owner_side = given.owner_side == APTKEEP_NEW ? Side::New : Side::Old;
  clause.kind = static_cast<ClauseKind>(given.kind);
  clause.owner = text(given.owner_name);
  clause.owner_version = text(given.owner_version);
  clause.relation = text(given.relation);
  if (const auto owner = index_of(problem, given.owner)) {
    const Step& step = problem.plan.steps[*owner];
    if (given.owner_name == nullptr) {
      clause.owner = step.package;
    }
    if (given.owner_version == nullptr) {
      clause.owner_version = clause.owner_side == Side::New ? step.new_version : step.old_version;
    }
  }
  return clause;
}

}  // namespace

std::optional<std::uint32_t> index_of(const aptkeep_problem& problem, std::int32_t package) {
  if (package < 0 || static_cast<std::size_t>(package) >= problem.plan.steps.size()) {
    return std::nullopt;
  }
  return static_cast<std::uint32_t>(package);
}

std::optional<std::vector<std::uint32_t>> indexes(const aptkeep_problem* problem,
                                                  const std::int32_t* packages, std::size_t count) {
  if (problem == nullptr || (packages == nullptr && count > 0)) {
    bad("an argument is NULL");
    return std::nullopt;
  }
  std::vector<bool> seen(problem->plan.steps.size());
  std::vector<std::uint32_t> list;
  for (std::size_t i = 0; i < count; ++i) {
    const auto index = index_of(*problem, packages[i]);
    if (!index || seen[*index]) {
      bad(index ? "a package is named twice" : "there is no such package");
      return std::nullopt;
    }
    seen[*index] = true;
    list.push_back(*index);
  }
  return list;
}

}  // namespace aptkeep::capi

aptkeep_problem* aptkeep_problem_new(void) {
  return new (std::nothrow) aptkeep_problem;
}

void aptkeep_problem_free(aptkeep_problem* problem) {
  delete problem;
}

int aptkeep_problem_set_native_arch(aptkeep_problem* problem, const char* arch) {
  return guard([&] {
    if (problem == nullptr) {
      return bad("it is NULL");
    }
    problem->native_arch = text(arch);
    return int{APTKEEP_OK};
  });
}

int aptkeep_problem_set_max_nodes(aptkeep_problem* problem, uint64_t nodes) {
  return guard([&] {
    if (problem == nullptr) {
      return bad("it is NULL");
    }
    problem->limits.max_nodes = nodes;
    return int{APTKEEP_OK};
  });
}

int32_t aptkeep_problem_add_package(aptkeep_problem* problem, const aptkeep_package* package) {
  return guard([&] {
    aptkeep_package given{};
    if (problem == nullptr || !take(package, APTKEEP_LEAST(aptkeep_package, security), given)) {
      return bad("a package's struct is NULL or has a wrong size");
    }
    if (text(given.name).empty() || !in(given.action, APTKEEP_PURGE)) {
      return bad("a package has no name, or no such action");
    }
    if (problem->plan.steps.size() >= kMostIndexes) {
      return bad("there are too many packages");
    }
    problem->states.reserve(problem->states.size() + 1);
    problem->plan.steps.push_back(step_of(given));
    problem->states.push_back(StepState::Waiting);
    return static_cast<int>(problem->plan.steps.size() - 1);
  });
}

int32_t aptkeep_problem_add_clause(aptkeep_problem* problem, const aptkeep_clause* clause) {
  return guard([&] {
    aptkeep_clause given{};
    if (problem == nullptr || !take(clause, APTKEEP_LEAST(aptkeep_clause, relation), given)) {
      return bad("a clause's struct is NULL or has a wrong size");
    }
    if (given.owner != APTKEEP_OUTSIDE && !index_of(*problem, given.owner)) {
      return bad("a clause's owner is no package of it");
    }
    if (!in(given.owner_side, APTKEEP_NEW) || !in(given.kind, APTKEEP_LOCKSTEP)) {
      return bad("a clause has no such side or kind");
    }
    if (problem->plan.clauses.size() >= kMostIndexes) {
      return bad("there are too many clauses");
    }
    problem->plan.clauses.push_back(clause_of(*problem, given));
    return static_cast<int>(problem->plan.clauses.size() - 1);
  });
}

int aptkeep_problem_add_literal(aptkeep_problem* problem, int32_t clause, int32_t package,
                                int side) {
  return guard([&] {
    if (problem == nullptr || clause < 0 ||
        static_cast<std::size_t>(clause) >= problem->plan.clauses.size()) {
      return bad("there is no such clause");
    }
    const auto index = index_of(*problem, package);
    if (!index || !in(side, APTKEEP_NEW)) {
      return bad("a literal names no package of it, or no such side");
    }
    problem->plan.clauses[static_cast<std::size_t>(clause)].any_of.push_back(
        {*index, side == APTKEEP_NEW ? Side::New : Side::Old});
    return int{APTKEEP_OK};
  });
}

int aptkeep_problem_mark_failed(aptkeep_problem* problem, int32_t package) {
  return guard([&] {
    const auto index = problem == nullptr ? std::nullopt : index_of(*problem, package);
    if (!index) {
      return bad("there is no such package");
    }
    problem->failed.push_back(*index);
    return int{APTKEEP_OK};
  });
}

int aptkeep_problem_set_progress(aptkeep_problem* problem, int32_t package, int progress) {
  return guard([&] {
    const auto index = problem == nullptr ? std::nullopt : index_of(*problem, package);
    if (!index || !in(progress, APTKEEP_RETURNING)) {
      return bad("there is no such package or progress");
    }
    problem->states[*index] = static_cast<StepState>(progress);
    return int{APTKEEP_OK};
  });
}
