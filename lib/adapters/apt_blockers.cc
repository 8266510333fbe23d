// Which versions a later full-upgrade must not take while packages are kept back. A pin of -1 keeps
// the failed version away, but does not stop apt from removing the kept package for the sake of
// something new that Breaks it.
#include <algorithm>
#include <chrono>
#include <exception>
#include <optional>
#include <set>

#include "adapters/apt_upgrade.h"
#include "core/kept_set.h"

namespace aptkeep {
namespace {

using namespace apt_impl;

class BlockerSearch {
 public:
  BlockerSearch(pkgCache& cache, const std::vector<ProtectedPackage>& keeps)
      : cache_(cache), policy_(&cache), free_policy_(&cache) {
    for (const auto& keep : keeps) {
      const auto package = find_package(cache, keep.package);
      if (package.end()) continue;
      const auto current = package.CurrentVer();
      if (keep.version != (current.end() ? "" : current.VerStr())) continue;
      any_ = true;
      if (!current.end()) {
        kept_.insert(package->ID);
        kept_packages_.push_back(package);
      }
      for (auto version = package.VersionList(); !version.end(); ++version) {
        if (!keep.tried.empty() && keep.tried == version.VerStr() && !same(version, current)) {
          policy_.block(version);
        }
      }
    }
  }

  std::vector<BlockedVersion> run() {
    if (!any_) return {};
    for (int round = 0; round < kMostRounds; ++round) {
      auto upgrade = simulate(cache_, policy_);
      if (!upgrade.solved) {
        const std::string no_way = "has no way to be upgraded now";
        if (step_back() || (!last_ && !best_ && (block_all_kept(no_way) || block_left(no_way))))
          continue;
        break;
      }
      auto victims = victims_of(upgrade);
      remember_best(upgrade, victims);
      if (victims.empty()) break;
      // Kept packages are worth any time, but not what else is lost because of them.
      if (best_ && Clock::now() - begun_ > kMostTime) break;
      last_ = Attempt{std::move(upgrade), std::move(victims), blocked_.size()};
      if (!block_causes(*last_) && !widen(*last_) && !block_own(*last_) &&
          !block_all_kept(would_remove_both(*last_)) && !block_left(would_remove_now(*last_)))
        break;
    }
    if (best_) {
      unblock_down_to(best_->blocked);
    } else if (last_) {
      block_direct(*last_);
    } else {
      unblock_down_to(0);  // it did not help
    }
    return std::move(blocked_);
  }

 private:
  using Clock = std::chrono::steady_clock;
  // Each round blocks at least one version more, but a resolver may find ever new ways to remove
  // the same package. The time is for a whole release upgrade, where one round takes seconds.
  static constexpr int kMostRounds = 20;
  static constexpr auto kMostTime = std::chrono::seconds(8);

  struct Best {
    std::size_t lost = 0;
    std::size_t blocked = 0;
  };
  struct Attempt {
    FullUpgrade upgrade;
    std::vector<std::uint32_t> victims;
    std::size_t blocked_before = 0;
    bool wide = false;
  };

  // The resolver found no way with what the last round blocked. Blocking all that belongs to it
  // gives it a way that is there for certain, though it need not find it; so does blocking all that
  // is kept, with which it has less to try. If it does not: rather an upgrade that is refused than
  // the loss of a kept package, but rather the loss of another one.
  bool step_back() {
    if (!last_) return false;
    if (!last_->wide && widen(*last_)) return true;
    const bool hits_kept = kept_.count(package_of(*last_, last_->victims.front())) != 0;
    // With the kept set at its old versions, of which all others are known to be content.
    if (hits_kept) return block_all_kept(would_remove_both(*last_));
    for (const auto victim : last_->victims) given_up_.insert(package_of(*last_, victim));
    unblock_down_to(last_->blocked_before);
    last_.reset();
    return true;
  }

  void unblock_down_to(std::size_t count) {
    while (blocked_.size() > count) {
      policy_.unblock(blocked_versions_.back());
      blocked_versions_.pop_back();
      blocked_.pop_back();
    }
  }

  // Blocking for the sake of packages that are not kept themselves can cost others of them. The
  // state in which the fewest were lost, and no kept one, is the one to end with.
  void remember_best(const FullUpgrade& upgrade, const std::vector<std::uint32_t>& victims) {
    for (const auto victim : victims) {
      if (kept_.count(upgrade.changes[victim].package->ID) != 0) return;
    }
    if (!best_ || victims.size() < best_->lost) best_ = Best{victims.size(), blocked_.size()};
  }

  static map_id_t package_of(const Attempt& attempt, std::uint32_t change) {
    return attempt.upgrade.changes[change].package->ID;
  }

  // Indexes of the removals that must not be: those of kept packages; when there are none (any
  // more), those that a full-upgrade without any keep would not make.
  std::vector<std::uint32_t> victims_of(const FullUpgrade& upgrade) {
    std::vector<std::uint32_t> kept;
    std::vector<std::uint32_t> others;
    for (std::size_t i = 0; i < upgrade.changes.size(); ++i) {
      const auto id = upgrade.changes[i].package->ID;
      if (upgrade.removed.count(id) == 0 || given_up_.count(id) != 0) continue;
      if (kept_.count(id) != 0) kept.push_back(static_cast<std::uint32_t>(i));
      if (kept_.count(id) == 0) others.push_back(static_cast<std::uint32_t>(i));
    }
    if (!kept.empty()) return kept;
    std::erase_if(others,
                  [&](std::uint32_t i) { return removed_anyway(upgrade.changes[i].package->ID); });
    return others;
  }

  bool removed_anyway(map_id_t id) {
    if (!free_run_) free_run_ = simulate(cache_, free_policy_);
    return !free_run_->solved || free_run_->removed.count(id) != 0;
  }

  // The victims "fail" to be removed; what must then stay back is what has to be blocked. Those at
  // whose new version a victim itself must go come first: the rest mostly waits by itself, held
  // back by its dependency on them.
  bool block_causes(const Attempt& attempt) {
    const auto plan = plan_of(cache_, attempt.upgrade);
    const auto kept = least_kept_set(plan, attempt.victims);
    bool any = false;
    for (const auto& member : kept.members) {
      if (member.failed) continue;
      const bool first =
          member.because < 0 || kept.members[static_cast<std::size_t>(member.because)].failed;
      if (!first && !attempt.wide) continue;
      any |= block(attempt.upgrade.changes[member.step],
                   because(plan.steps[root_of(kept, member).step], plan.clauses[member.clause]));
    }
    return any;
  }

  bool widen(Attempt& attempt) {
    attempt.wide = true;
    return block_causes(attempt);
  }

  // When the hard relations alone do not say why: the resolver weighs more than those, and rather
  // removes a package than leave it as it is when it has a newer version that cannot be installed.
  bool block_own(const Attempt& attempt) {
    bool any = false;
    for (const auto victim : attempt.victims) {
      const auto& package = attempt.upgrade.changes[victim].package;
      const auto name = display_name(full_name(package), cache_.NativeArch());
      any |= block({package, package.CurrentVer(), package.VersionList()},
                   "would remove " + name + ": it cannot be installed now");
    }
    return any;
  }

  // What the resolver tried on its way, and took back, is in no result: it may have tried to
  // upgrade one of several kept packages, of which the victim needs the old one, or have given up
  // over that. Without their new versions there is nothing to try: the kept set at its old versions
  // fits all others at their new ones.
  bool block_all_kept(const std::string& reason) {
    bool any = false;
    for (const auto& package : kept_packages_) {
      any |= block({package, package.CurrentVer(), package.VersionList()}, reason);
    }
    return any;
  }

  // What an upgrade without any keep leaves as it is, too: for the sake of a version that cannot be
  // installed the resolver may try what removes a kept package, and stay with that.
  bool block_left(const std::string& reason) {
    if (!free_run_) free_run_ = simulate(cache_, free_policy_);
    if (!free_run_->solved) return false;
    std::set<map_id_t> changed;
    for (const auto& change : free_run_->changes) changed.insert(change.package->ID);
    bool any = false;
    for (auto package = cache_.PkgBegin(); !package.end(); ++package) {
      const auto current = package.CurrentVer();
      if (current.end() || changed.count(package->ID) != 0) continue;
      // A person's hold or pin does the same.
      if (package->SelectedState == pkgCache::State::Hold) continue;
      if (same(free_policy_.GetCandidateVer(package), current)) continue;
      any |= block({package, current, package.VersionList()}, reason);
    }
    return any;
  }

  std::string would_remove_now(const Attempt& attempt) const {
    const auto& victim = attempt.upgrade.changes[attempt.victims.front()].package;
    return "would remove " + display_name(full_name(victim), cache_.NativeArch()) +
           ": it cannot be installed now";
  }

  std::string would_remove_both(const Attempt& attempt) const {
    const auto& victim = attempt.upgrade.changes[attempt.victims.front()].package;
    return "would remove " + display_name(full_name(victim), cache_.NativeArch()) +
           ": both are kept back for now";
  }

  // When nothing else helped: all that Breaks or Conflicts with a victim itself.
  void block_direct(const Attempt& attempt) {
    const auto plan = plan_of(cache_, attempt.upgrade);
    const auto& victims = attempt.victims;
    for (const auto& clause : plan.clauses) {
      const bool negative = clause.kind == ClauseKind::Breaks ||
                            clause.kind == ClauseKind::Conflicts ||
                            clause.kind == ClauseKind::Lockstep;
      if (!negative || clause.owner_step < 0 || clause.owner_side != Side::New) continue;
      for (const auto& literal : clause.any_of) {
        if (std::find(victims.begin(), victims.end(), literal.step) == victims.end()) continue;
        block(attempt.upgrade.changes[static_cast<std::size_t>(clause.owner_step)],
              because(plan.steps[literal.step], clause));
      }
    }
  }

  std::string because(const Step& victim, const Clause& clause) const {
    const char* verb = clause.kind == ClauseKind::Breaks      ? "Breaks "
                       : clause.kind == ClauseKind::Conflicts ? "Conflicts with "
                                                              : "needs ";
    return "would remove " + display_name(victim.package, cache_.NativeArch()) + ": " +
           display_name(clause.owner, cache_.NativeArch()) + " " + verb + clause.relation;
  }

  // Together with those between it and the installed one: they would be next, most often with the
  // same relations, and each would take a round of its own.
  bool block(const StepVersions& change, const std::string& reason) {
    bool any = false;
    auto version = change.new_version;
    for (; !version.end() && !same(version, change.old_version); ++version) {
      // A pin names a version by its text: it must not hit the installed one.
      if (is_installed(version) || !policy_.block(version)) continue;
      blocked_.push_back({full_name(change.package), version.VerStr(), reason});
      blocked_versions_.push_back(version);
      any = true;
    }
    return any;
  }

  static bool is_installed(const pkgCache::VerIterator& version) {
    const auto current = version.ParentPkg().CurrentVer();
    return !current.end() && std::string_view(current.VerStr()) == version.VerStr();
  }

  pkgCache& cache_;
  BlockingPolicy policy_;
  BlockingPolicy free_policy_;  // as if nothing were kept
  bool any_ = false;            // something is kept, be it away
  std::set<map_id_t> kept_;     // at their old versions
  std::vector<pkgCache::PkgIterator> kept_packages_;
  std::optional<FullUpgrade> free_run_;
  std::vector<BlockedVersion> blocked_;
  std::vector<pkgCache::VerIterator> blocked_versions_;  // the same, in the same order
  std::optional<Attempt> last_;
  std::optional<Best> best_;
  std::set<map_id_t> given_up_;  // packages that cannot be protected but by a refusal
  const Clock::time_point begun_ = Clock::now();
};

}  // namespace

Result<std::vector<BlockedVersion>> AptCache::blockers(
    const std::vector<ProtectedPackage>& keeps) try {
  if (keeps.empty()) return std::vector<BlockedVersion>{};
  auto found = BlockerSearch(*impl_->file->GetPkgCache(), keeps).run();
  discard_errors();
  return found;
} catch (const std::exception& problem) {
  return Error{std::string("unable to protect the kept packages: ") + problem.what()};
}

}  // namespace aptkeep
