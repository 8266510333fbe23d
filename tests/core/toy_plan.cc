// The translation of a toy world into what the core works on, as the apt adapter would do it.
#include <algorithm>
#include <array>

#include "toy_world.h"

namespace toy {
namespace {

using aptkeep::Action;
using aptkeep::Clause;
using aptkeep::ClauseKind;
using aptkeep::Literal;
using aptkeep::Plan;
using aptkeep::Side;
using aptkeep::Step;

constexpr std::array kSides = {Side::Old, Side::New};

const std::optional<Version>& version_on(const Package& package, Side side) {
  return package.outside || side == Side::Old ? package.before : package.after;
}

Side other_side(Side side) {
  return side == Side::Old ? Side::New : Side::Old;
}

Action action_of(const Package& package) {
  if (!package.before) return Action::Install;
  if (!package.after) return Action::Remove;
  if (package.after->number == package.before->number) return Action::Reinstall;
  return package.after->number > package.before->number ? Action::Upgrade : Action::Downgrade;
}

class Translator {
 public:
  explicit Translator(const World& world) : world_(world) {}

  Plan translate() {
    for (const Package& package : world_.packages) {
      if (!package.outside) plan_.steps.push_back(step_of(package));
    }
    for (std::size_t i = 0; i < world_.packages.size(); ++i) {
      add_owner(i, Side::Old);
      if (!world_.packages[i].outside) add_owner(i, Side::New);
    }
    return std::move(plan_);
  }

 private:
  static Step step_of(const Package& package) {
    Step step;
    step.package = package.full_name();
    step.action = action_of(package);
    if (package.before) step.old_version = std::to_string(package.before->number);
    if (package.after) step.new_version = std::to_string(package.after->number);
    step.trust = package.trust;
    return step;
  }

  void add_owner(std::size_t owner, Side side) {
    const auto& version = version_on(world_.packages[owner], side);
    if (!version) return;
    for (const Relation& relation : version->relations) {
      const bool negative =
          relation.kind == ClauseKind::Breaks || relation.kind == ClauseKind::Conflicts;
      if (negative) {
        for (std::size_t i = 0; i < world_.packages.size(); ++i) {
          if (i != owner) add_forbidden(owner, side, relation, i);
        }
      } else {
        add_needed(owner, side, relation);
      }
    }
    add_siblings(owner, side, version->number);
  }

  bool met(std::size_t owner, const Relation& relation, std::size_t package, Side side) const {
    const auto& version = version_on(world_.packages[package], side);
    return version && std::ranges::any_of(relation.any_of, [&](const Target& target) {
             return matches(world_.packages[owner], relation.kind, target, world_.packages[package],
                            *version);
           });
  }

  void add_needed(std::size_t owner, Side side, const Relation& relation) {
    std::vector<Literal> any_of;
    for (std::size_t i = 0; i < world_.packages.size(); ++i) {
      if (world_.packages[i].outside || i == owner) {
        if (met(owner, relation, i, side)) return;
      }
      if (world_.packages[i].outside) continue;
      for (const Side where : kSides) {
        if (met(owner, relation, i, where)) {
          any_of.push_back({static_cast<std::uint32_t>(i), where});
        }
      }
    }
    add(owner, side, relation.kind, to_string(relation), std::move(any_of));
  }

  void add_forbidden(std::size_t owner, Side side, const Relation& relation, std::size_t package) {
    add_one_side(owner, side, relation.kind, to_string(relation), package,
                 [&](Side where) { return met(owner, relation, package, where); });
  }

  void add_siblings(std::size_t owner, Side side, int version) {
    const Package& package = world_.packages[owner];
    for (std::size_t i = 0; i < world_.packages.size(); ++i) {
      const Package& other = world_.packages[i];
      if (i == owner || !package.same || !other.same || other.name != package.name) continue;
      add_one_side(owner, side, ClauseKind::Lockstep, lockstep_relation(other, version), i,
                   [&](Side where) {
                     const auto& sibling = version_on(other, where);
                     return sibling && sibling->number != version;
                   });
    }
  }

  template <typename Forbidden>
  void add_one_side(std::size_t owner, Side side, ClauseKind kind, const std::string& relation,
                    std::size_t package, const Forbidden& forbidden) {
    if (world_.packages[package].outside) {
      if (forbidden(Side::Old)) add(owner, side, kind, relation, {});
      return;
    }
    std::vector<Literal> any_of;
    for (const Side where : kSides) {
      if (forbidden(where)) {
        if (!forbidden(other_side(where))) {
          any_of.push_back({static_cast<std::uint32_t>(package), other_side(where)});
        }
      }
    }
    if (forbidden(Side::Old) || forbidden(Side::New)) {
      add(owner, side, kind, relation, std::move(any_of));
    }
  }

  void add(std::size_t owner, Side side, ClauseKind kind, std::string relation,
           std::vector<Literal> any_of) {
    const Package& package = world_.packages[owner];
    Clause clause;
    clause.owner_step = package.outside ? Clause::kOutside : static_cast<std::int32_t>(owner);
    clause.owner_side = side;
    clause.kind = kind;
    clause.owner = package.full_name();
    clause.owner_version = std::to_string(version_on(package, side)->number);
    clause.relation = std::move(relation);
    clause.any_of = std::move(any_of);
    plan_.clauses.push_back(std::move(clause));
  }

  const World& world_;
  Plan plan_;
};

}  // namespace

Plan make_plan(const World& world) {
  return Translator(world).translate();
}

}  // namespace toy
