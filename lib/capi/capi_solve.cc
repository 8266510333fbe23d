// Answers to a problem: the kept set, and the order of unpacking.
#include <memory>

#include "capi.h"
#include "core/order.h"
#include "problem.h"

using namespace aptkeep;
using namespace aptkeep::capi;

struct aptkeep_solution {
  KeptSet kept;
  std::vector<std::vector<std::string>> causes;  // one for each member
  std::vector<Lines> lines;                      // into `causes`
};

struct aptkeep_order {
  struct Place {
    std::int32_t package;
    std::int32_t call;
  };
  std::vector<Place> places;
};

namespace {

int no_such(const char* what) {
  return fail(APTKEEP_EINVAL, std::string("unable to answer: there is no such ") + what);
}

// What is handed out is owned by the caller from here on.
template <typename Handle>
int hand_out(std::unique_ptr<Handle> handle, Handle** out) {
  *out = handle.release();
  return APTKEEP_OK;
}

}  // namespace

int aptkeep_problem_solve(const aptkeep_problem* problem, aptkeep_solution** out) {
  return guard([&] {
    if (problem == nullptr || out == nullptr) {
      return fail(APTKEEP_EINVAL, "unable to solve a problem: an argument is NULL");
    }
    *out = nullptr;
    auto solution = std::make_unique<aptkeep_solution>();
    solution->kept = least_kept_set(problem->plan, problem->failed, problem->limits);
    for (const KeptMember& member : solution->kept.members) {
      solution->causes.push_back(
          cause_chain(problem->plan, solution->kept, member.step, problem->native_arch));
    }
    for (const auto& cause : solution->causes) {
      solution->lines.emplace_back(cause);
    }
    return hand_out(std::move(solution), out);
  });
}

void aptkeep_solution_free(aptkeep_solution* solution) {
  delete solution;
}

size_t aptkeep_solution_count(const aptkeep_solution* solution) {
  return solution == nullptr ? 0 : solution->kept.members.size();
}

int aptkeep_solution_exact(const aptkeep_solution* solution) {
  return solution != nullptr && solution->kept.exact ? 1 : 0;
}

int aptkeep_solution_minimal(const aptkeep_solution* solution) {
  return solution != nullptr && solution->kept.minimal ? 1 : 0;
}

int aptkeep_solution_member(const aptkeep_solution* solution, size_t number,
                            aptkeep_member* member) {
  return guard([&] {
    if (number >= aptkeep_solution_count(solution)) {
      return no_such("member");
    }
    const KeptMember& kept = solution->kept.members[number];
    aptkeep_member filled{};
    filled.package = static_cast<std::int32_t>(kept.step);
    filled.failed = kept.failed ? 1 : 0;
    filled.because = kept.failed ? -1 : kept.because;
    filled.clause = kept.failed ? -1 : static_cast<std::int32_t>(kept.clause);
    filled.cause_count = solution->lines[number].size();
    filled.cause = solution->lines[number].data();
    return give(filled, APTKEEP_LEAST(aptkeep_member, cause), member);
  });
}

int aptkeep_problem_is_consistent(const aptkeep_problem* problem, const int32_t* packages,
                                  size_t count) {
  return guard([&] {
    const auto list = indexes(problem, packages, count);
    if (!list) {
      return int{APTKEEP_EINVAL};
    }
    std::vector<bool> kept(problem->plan.steps.size());
    for (const std::uint32_t index : *list) {
      kept[index] = true;
    }
    return is_consistent(problem->plan, kept) ? 1 : 0;
  });
}

int aptkeep_problem_unpack_order(const aptkeep_problem* problem, const int32_t* packages,
                                 size_t count, aptkeep_order** out) {
  return guard([&] {
    if (out == nullptr) {
      return fail(APTKEEP_EINVAL, "unable to order packages: an argument is NULL");
    }
    *out = nullptr;
    const auto list = indexes(problem, packages, count);
    if (!list) {
      return int{APTKEEP_EINVAL};
    }
    auto order = std::make_unique<aptkeep_order>();
    const auto ordered = unpack_order(problem->plan, *list, problem->states);
    std::int32_t number = 0;
    for (const auto& call : unpack_calls(problem->plan, ordered, problem->states)) {
      for (const std::uint32_t package : call) {
        order->places.push_back({static_cast<std::int32_t>(package), number});
      }
      ++number;
    }
    return hand_out(std::move(order), out);
  });
}

void aptkeep_order_free(aptkeep_order* order) {
  delete order;
}

size_t aptkeep_order_count(const aptkeep_order* order) {
  return order == nullptr ? 0 : order->places.size();
}

int32_t aptkeep_order_package(const aptkeep_order* order, size_t number) {
  return number < aptkeep_order_count(order) ? order->places[number].package : no_such("place");
}

int32_t aptkeep_order_call(const aptkeep_order* order, size_t number) {
  return number < aptkeep_order_count(order) ? order->places[number].call : no_such("place");
}

int32_t aptkeep_problem_unconfigurable(const aptkeep_problem* problem, const int32_t* packages,
                                       size_t count, int32_t* found) {
  return guard([&] {
    const auto list = indexes(problem, packages, count);
    if (!list) {
      return int{APTKEEP_EINVAL};
    }
    if (found == nullptr) {
      return count == 0 ? 0
                        : fail(APTKEEP_EINVAL, "unable to answer: there is no room for the answer");
    }
    int number = 0;
    for (const std::uint32_t package : unconfigurable(problem->plan, *list, problem->states)) {
      found[number++] = static_cast<std::int32_t>(package);
    }
    return number;
  });
}
