// Dependency relations as clauses over the steps of a run.
#include <algorithm>
#include <memory>
#include <unordered_map>

#include "adapters/apt_impl.h"

namespace aptkeep::apt_impl {
namespace {

using DepIterator = pkgCache::DepIterator;

class ClauseBuilder {
 public:
  ClauseBuilder(pkgCache& cache, const std::vector<StepVersions>& steps, Plan& plan)
      : cache_(cache),
        steps_(steps),
        plan_(plan),
        step_of_(cache.Head().PackageCount, -1),
        touched_(cache.Head().PackageCount, false) {
    for (std::size_t i = 0; i < steps.size(); ++i) {
      step_of_[steps[i].package->ID] = static_cast<std::int32_t>(i);
      touch(steps[i].package, steps[i].old_version);
      touch(steps[i].package, steps[i].new_version);
    }
  }

  void build() {
    for (std::size_t i = 0; i < steps_.size(); ++i) {
      const auto step = static_cast<std::int32_t>(i);
      if (!steps_[i].old_version.end()) add_version(steps_[i].old_version, step, Side::Old);
      if (!steps_[i].new_version.end()) add_version(steps_[i].new_version, step, Side::New);
    }
    // All installed packages, not RevDependsList: the latter walks every version in the lists.
    for (auto package = cache_.PkgBegin(); !package.end(); ++package) {
      const auto current = package.CurrentVer();
      if (current.end() || step_of_[package->ID] >= 0) continue;
      add_version(current, Clause::kOutside, Side::Old);
    }
  }

 private:
  struct Owner {
    pkgCache::VerIterator version;
    std::int32_t step;
    Side side;
  };

  void touch(const pkgCache::PkgIterator& package, const pkgCache::VerIterator& version) {
    touched_[package->ID] = true;
    if (version.end()) return;
    for (auto provided = version.ProvidesList(); !provided.end(); ++provided) {
      touched_[provided.ParentPkg()->ID] = true;
    }
  }

  static bool is_positive(std::uint8_t type) {
    return type == pkgCache::Dep::Depends || type == pkgCache::Dep::PreDepends;
  }
  // Obsoletes does not exist in Debian; Replaces, Recommends and the like forbid nothing.
  static bool is_negative(std::uint8_t type) {
    return type == pkgCache::Dep::Conflicts || type == pkgCache::Dep::DpkgBreaks;
  }

  void add_version(const pkgCache::VerIterator& version, std::int32_t step, Side side) {
    const Owner owner{version, step, side};
    for (auto dep = version.DependsList(); !dep.end();) {
      DepIterator first;
      DepIterator last;
      dep.GlobOr(first, last);  // moves dep to the next group
      const std::uint8_t type = first->Type;
      if (is_positive(type)) {
        add_positive(owner, first, last);
      } else if (is_negative(type)) {
        add_negative(owner, first);
      }
    }
  }

  // Most relations mention no package of the run; reading their targets would be the main cost.
  bool mentions_run(DepIterator dep, const DepIterator& last) const {
    for (;; ++dep) {
      if (touched_[dep.TargetPkg()->ID]) return true;
      if (same(dep, last)) return false;
    }
  }

  void add_positive(const Owner& owner, const DepIterator& first, const DepIterator& last) {
    if (!mentions_run(first, last)) return;
    std::vector<Literal> any_of;
    for (auto dep = first;; ++dep) {
      const auto& targets = targets_of(dep);
      if (targets.outside) return;
      for (const auto& literal : targets.literals) add_once(literal, any_of);
      if (same(dep, last)) break;
    }
    // A package may provide what it needs.
    if (owner.step >= 0 && contains(any_of, {static_cast<std::uint32_t>(owner.step), owner.side})) {
      return;
    }
    // One step that satisfies on both sides changes nothing while it works, but its failure to
    // configure must hold up what needs it. What goes back to its old side is configured already.
    if (owner.side == Side::Old && holds_always(any_of)) return;
    add(owner, first, relation_text(first, last), std::move(any_of));
  }

  // Each package that the relation hits is a clause of its own: it must be on a side that is not
  // hit. AllTargets leaves out what apt ignores: the package itself and its own provides.
  void add_negative(const Owner& owner, const DepIterator& dep) {
    if (!touched_[dep.TargetPkg()->ID]) return;
    std::vector<Literal> hits;
    const std::unique_ptr<pkgCache::Version*[]> targets(dep.AllTargets());
    for (auto** target = targets.get(); *target != nullptr; ++target) add_literals(*target, hits);
    std::sort(hits.begin(), hits.end(),
              [](const Literal& a, const Literal& b) { return a.step < b.step; });
    for (std::size_t i = 0; i < hits.size(); ++i) {
      const bool both_sides = i + 1 < hits.size() && hits[i + 1].step == hits[i].step;
      if (both_sides) {  // no side is left: violated before the run or accepted by the frontend
        ++i;
        continue;
      }
      const Side other = hits[i].side == Side::Old ? Side::New : Side::Old;
      add(owner, dep, relation_text(dep, dep), {Literal{hits[i].step, other}});
    }
  }

  // What satisfies one alternative.
  struct Targets {
    bool outside = false;  // an installed package that the run does not change
    std::vector<Literal> literals;
  };

  // libapt-pkg shares the data of equal relations among all that state them: "libc6 (>= 2.34)"
  // need be worked out only once.
  const Targets& targets_of(const DepIterator& dep) {
    const auto [entry, is_new] = known_.try_emplace(std::uint32_t(dep->DependencyData));
    if (!is_new) return entry->second;
    const std::unique_ptr<pkgCache::Version*[]> targets(dep.AllTargets());
    for (auto** target = targets.get(); *target != nullptr; ++target) {
      const pkgCache::VerIterator version(cache_, *target);
      const auto package = version.ParentPkg();
      if (step_of_[package->ID] < 0 && same(package.CurrentVer(), version))
        entry->second.outside = true;
      add_literals(*target, entry->second.literals);
    }
    return entry->second;
  }

  static bool contains(const std::vector<Literal>& literals, const Literal& wanted) {
    return std::find(literals.begin(), literals.end(), wanted) != literals.end();
  }

  static void add_once(const Literal& literal, std::vector<Literal>& out) {
    if (!contains(out, literal)) out.push_back(literal);
  }

  void add_literals(pkgCache::Version* target, std::vector<Literal>& out) const {
    const pkgCache::VerIterator version(cache_, target);
    const auto index = step_of_[version.ParentPkg()->ID];
    if (index < 0) return;
    const auto step = static_cast<std::uint32_t>(index);
    const auto& found = steps_[step];
    if (!found.old_version.end() && same(found.old_version, version))
      add_once({step, Side::Old}, out);
    if (!found.new_version.end() && same(found.new_version, version))
      add_once({step, Side::New}, out);
  }

  static bool holds_always(const std::vector<Literal>& any_of) {
    for (const auto& literal : any_of) {
      const Literal other{literal.step, literal.side == Side::Old ? Side::New : Side::Old};
      if (contains(any_of, other)) return true;
    }
    return false;
  }

  // A clause that the run as wanted violates binds nobody: the frontend itself has accepted that
  // (--force, a broken package that it only makes less broken). Without literals it was violated
  // before the run as well, or is so at its end.
  static bool accepted_by_frontend(const Owner& owner, const std::vector<Literal>& any_of) {
    if (any_of.empty()) return true;
    if (owner.step >= 0 && owner.side == Side::Old) return false;
    return std::none_of(any_of.begin(), any_of.end(),
                        [](const Literal& literal) { return literal.side == Side::New; });
  }

  void add(const Owner& owner, const DepIterator& dep, std::string relation,
           std::vector<Literal> any_of) {
    if (accepted_by_frontend(owner, any_of)) return;
    Clause clause;
    clause.owner_step = owner.step;
    clause.owner_side = owner.side;
    clause.kind = kind_of(dep);
    clause.owner = full_name(owner.version.ParentPkg());
    clause.owner_version = owner.version.VerStr();
    clause.relation = std::move(relation);
    clause.any_of = std::move(any_of);
    plan_.clauses.push_back(std::move(clause));
  }

  static ClauseKind kind_of(const DepIterator& dep) {
    switch (dep->Type) {
      case pkgCache::Dep::PreDepends:
        return ClauseKind::PreDepends;
      case pkgCache::Dep::DpkgBreaks:
        // libapt-pkg states the rule for Multi-Arch: same siblings as a Breaks of its own.
        return dep.IsMultiArchImplicit() ? ClauseKind::Lockstep : ClauseKind::Breaks;
      case pkgCache::Dep::Conflicts:
        return ClauseKind::Conflicts;
      default:
        return ClauseKind::Depends;
    }
  }

  static std::string relation_text(DepIterator dep, const DepIterator& last) {
    std::string text;
    for (;; ++dep) {
      if (!text.empty()) text += " | ";
      text += dep.TargetPkg().FullName(true);
      if (kind_of(dep) == ClauseKind::Lockstep) {
        text += std::string(" (= ") + dep.TargetVer() + ")";
      } else if (dep.TargetVer() != nullptr) {
        text +=
            std::string(" (") + pkgCache::CompTypeDeb(dep->CompareOp) + " " + dep.TargetVer() + ")";
      }
      if (same(dep, last)) return text;
    }
  }

  pkgCache& cache_;
  const std::vector<StepVersions>& steps_;
  Plan& plan_;
  std::vector<std::int32_t> step_of_;  // by package ID; -1: outside the run
  std::vector<bool> touched_;          // by package ID: in the run, or provided by one that is
  std::unordered_map<std::uint32_t, Targets> known_;
};

}  // namespace

void add_clauses(pkgCache& cache, const std::vector<StepVersions>& steps, Plan& plan) {
  ClauseBuilder(cache, steps, plan).build();
}

}  // namespace aptkeep::apt_impl
