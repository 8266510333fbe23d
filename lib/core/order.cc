#include "core/order.h"

#include <algorithm>
#include <vector>

#include "core/order_graph.h"

namespace aptkeep {
namespace {

constexpr std::int64_t kNotInCall = -1;

bool is_negative(ClauseKind kind) {
  return kind == ClauseKind::Breaks || kind == ClauseKind::Conflicts;
}

bool is_positive(ClauseKind kind) {
  return kind == ClauseKind::Depends || kind == ClauseKind::PreDepends;
}

Side side_of(StepState state) {
  switch (state) {
    case StepState::Unpacked:
    case StepState::Done:
    case StepState::FailedNew:
    case StepState::Stranded:
      return Side::New;
    case StepState::Waiting:
    case StepState::FailedOld:
    case StepState::Kept:
    case StepState::NotReached:
    case StepState::Returning:
      break;
  }
  return Side::Old;
}

// What holds now and no later call of the run takes away.
bool holds_to_the_end(const Literal& literal, StepState state) {
  switch (state) {
    case StepState::Unpacked:
    case StepState::Done:
      return literal.side == Side::New;
    case StepState::FailedOld:
    case StepState::Kept:
    case StepState::NotReached:
    case StepState::Returning:
      return literal.side == Side::Old;
    default:
      return false;
  }
}

class CallGraph {
 public:
  CallGraph(const Plan& plan, std::span<const std::uint32_t> call,
            std::span<const StepState> states)
      : plan_(plan),
        call_(call),
        states_(states),
        place_(plan.steps.size(), kNotInCall),
        graph_(call.size()) {
    for (std::size_t i = 0; i < call.size(); ++i) place_[call[i]] = static_cast<std::int64_t>(i);
  }

  std::vector<std::uint32_t> order() {
    for (const Clause& clause : plan_.clauses) {
      if (clause.owner_step < 0) continue;
      const auto owner = static_cast<std::uint32_t>(clause.owner_step);
      if (place_[owner] != kNotInCall) add(clause, owner);
    }
    std::vector<std::uint32_t> steps;
    for (const std::uint32_t place : graph_.order()) steps.push_back(call_[place]);
    return steps;
  }

 private:
  void add(const Clause& clause, std::uint32_t owner) {
    if (clause.kind == ClauseKind::Lockstep) {
      for (const Literal& literal : clause.any_of) {
        if (place_[literal.step] == kNotInCall) continue;
        graph_.add_siblings(node(owner), node(literal.step));
      }
    } else if (clause.owner_side == Side::New) {
      if (satisfied_to_the_end(clause, owner)) return;
      add_edges(clause, owner, Side::New,
                is_negative(clause.kind) ? OrderGraph::kMust : OrderGraph::kWish);
    } else if (clause.kind == ClauseKind::Conflicts && states_[owner] == StepState::Waiting) {
      // dpkg looks at both directions of Conflicts (src/main/unpack.c, pkg_check_depcon): the
      // old version that forbids a new one must go before that one comes.
      add_edges(clause, owner, Side::Old, OrderGraph::kShould);
    }
  }

  // owner_side New: the literals' packages come before the owner; Old: after it.
  void add_edges(const Clause& clause, std::uint32_t owner, Side owner_side,
                 OrderGraph::Tier tier) {
    for (const Literal& literal : clause.any_of) {
      if (literal.side != owner_side || place_[literal.step] == kNotInCall) continue;
      if (side_of(states_[literal.step]) == Side::New) continue;
      if (owner_side == Side::New) {
        graph_.add_before(node(literal.step), node(owner), tier);
      } else {
        graph_.add_before(node(owner), node(literal.step), tier);
      }
    }
  }

  bool satisfied_to_the_end(const Clause& clause, std::uint32_t owner) const {
    return std::ranges::any_of(clause.any_of, [&](const Literal& literal) {
      if (literal.step == owner && literal.side == Side::New) return true;
      if (holds_to_the_end(literal, states_[literal.step])) return true;
      const Literal other{literal.step, literal.side == Side::Old ? Side::New : Side::Old};
      return std::ranges::find(clause.any_of, other) != clause.any_of.end();
    });
  }

  std::uint32_t node(std::uint32_t step) const { return static_cast<std::uint32_t>(place_[step]); }

  const Plan& plan_;
  std::span<const std::uint32_t> call_;
  std::span<const StepState> states_;
  std::vector<std::int64_t> place_;  // by step
  OrderGraph graph_;
};

// Which packages stand in the way of an archive while others are replaced one by one.
class Hits {
 public:
  Hits(const Plan& plan, std::span<const StepState> states)
      : plan_(plan), by_step_(plan.steps.size()) {
    for (const StepState state : states) sides_.push_back(side_of(state));
    for (std::uint32_t i = 0; i < plan.clauses.size(); ++i) {
      const Clause& clause = plan.clauses[i];
      if (!is_negative(clause.kind)) continue;
      if (clause.owner_step >= 0 && clause.owner_side == Side::New) {
        by_step_[static_cast<std::uint32_t>(clause.owner_step)].push_back(i);
      }
      // Of an installed package that forbids the archive dpkg heeds Conflicts only.
      if (clause.kind != ClauseKind::Conflicts) continue;
      for (const Literal& literal : clause.any_of) {
        if (literal.side == Side::Old) by_step_[literal.step].push_back(i);
      }
    }
  }

  // Takes the step to its new side. True if something stood in its way.
  bool unpack(std::uint32_t step) {
    sides_[step] = Side::New;
    return std::ranges::any_of(by_step_[step], [&](std::uint32_t index) {
      const Clause& clause = plan_.clauses[index];
      if (clause.owner_step >= 0 &&
          sides_[static_cast<std::uint32_t>(clause.owner_step)] != clause.owner_side) {
        return false;
      }
      return std::ranges::none_of(clause.any_of, [&](const Literal& literal) {
        return sides_[literal.step] == literal.side;
      });
    });
  }

 private:
  const Plan& plan_;
  std::vector<Side> sides_;
  std::vector<std::vector<std::uint32_t>> by_step_;
};

// What dpkg would refuse to configure (src/main/packages.c: dependencies_ok, breakses_ok;
// configure.c: the versions of Multi-Arch: same siblings).
class ConfigureCheck {
 public:
  ConfigureCheck(const Plan& plan, std::span<const std::uint32_t> pending,
                 std::span<const StepState> states)
      : plan_(plan), states_(states), pending_(plan.steps.size(), false) {
    for (const std::uint32_t step : pending) pending_[step] = true;
  }

  // Leaves in `able` what can be configured. A cycle of packages that need each other can be.
  std::vector<bool> able() {
    able_ = pending_;
    for (const Clause& clause : plan_.clauses) {
      if (clause.kind == ClauseKind::Breaks || clause.kind == ClauseKind::Lockstep) refuse(clause);
    }
    bool changed = true;
    while (changed) {
      changed = false;
      for (const Clause& clause : plan_.clauses) {
        if (!is_positive(clause.kind) || clause.owner_step < 0) continue;
        const auto owner = static_cast<std::uint32_t>(clause.owner_step);
        if (clause.owner_side != side(owner)) continue;
        if (!able_[owner] || is_met(clause)) continue;
        able_[owner] = false;
        changed = true;
      }
    }
    return able_;
  }

 private:
  Side side(std::uint32_t step) const {
    const bool returning = states_[step] == StepState::Returning;
    return pending_[step] && !returning ? Side::New : side_of(states_[step]);
  }

  // What is violated now stays so. dpkg asks of a package who breaks it, not whom it breaks: the
  // one that it breaks is in its old version, deconfigured, and would gain nothing.
  void refuse(const Clause& clause) {
    const bool owned = clause.owner_step >= 0;
    const auto owner = owned ? static_cast<std::uint32_t>(clause.owner_step) : 0;
    if (owned && side(owner) != clause.owner_side) return;
    if (std::ranges::any_of(clause.any_of, [&](const Literal& literal) {
          return side(literal.step) == literal.side;
        })) {
      return;
    }
    if (owned && clause.kind == ClauseKind::Lockstep) able_[owner] = false;
    for (const Literal& literal : clause.any_of) able_[literal.step] = false;
  }

  bool is_met(const Clause& clause) const {
    return std::ranges::any_of(clause.any_of, [&](const Literal& literal) {
      const StepState state = states_[literal.step];
      if (state == StepState::Returning) return literal.side == Side::Old && able_[literal.step];
      if (literal.side == Side::Old) return side(literal.step) == Side::Old;
      return able_[literal.step] || (!pending_[literal.step] && state == StepState::Done);
    });
  }

  const Plan& plan_;
  std::span<const StepState> states_;
  std::vector<bool> pending_, able_;
};

}  // namespace

std::vector<std::uint32_t> unpack_order(const Plan& plan, std::span<const std::uint32_t> call,
                                        std::span<const StepState> states) {
  return CallGraph(plan, call, states).order();
}

std::vector<std::vector<std::uint32_t>> unpack_calls(const Plan& plan,
                                                     std::span<const std::uint32_t> order,
                                                     std::span<const StepState> states) {
  Hits hits(plan, states);
  std::vector<std::vector<std::uint32_t>> calls;
  bool alone = true;  // the last call takes nothing more
  for (const std::uint32_t step : order) {
    const bool hit = hits.unpack(step);
    if (hit || alone) calls.emplace_back();
    calls.back().push_back(step);
    alone = hit;
  }
  return calls;
}

std::vector<std::uint32_t> unconfigurable(const Plan& plan, std::span<const std::uint32_t> pending,
                                          std::span<const StepState> states) {
  const auto able = ConfigureCheck(plan, pending, states).able();
  std::vector<std::uint32_t> refused;
  for (const std::uint32_t step : pending) {
    if (!able[step]) refused.push_back(step);
  }
  return refused;
}

}  // namespace aptkeep
