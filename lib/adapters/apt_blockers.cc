// Which versions a later full-upgrade must not take while packages are kept back. A pin of -1 keeps
// the failed version away, but does not stop apt from removing the kept package for the sake of
// something new that Breaks it.
#include <apt-pkg/configuration.h>
#include <apt-pkg/depcache.h>
#include <apt-pkg/fileutl.h>
#include <apt-pkg/policy.h>
#include <apt-pkg/upgrade.h>

#include <algorithm>
#include <exception>
#include <filesystem>
#include <set>

#include "adapters/apt_impl.h"
#include "core/config.h"
#include "core/kept_set.h"

namespace aptkeep {
namespace {

using namespace apt_impl;

// The person's own preferences, without our pin file, plus versions that may not be taken.
// pkgPolicy::SetPriority(VerIterator) cannot serve for that: it makes a pin of type None, which
// GetPriority then passes over (apt 2.6 and 3.0, apt-pkg/policy.cc).
class BlockingPolicy final : public pkgPolicy {
 public:
  explicit BlockingPolicy(pkgCache* cache) : pkgPolicy(cache) {
    ReadPinFile(*this);
    const auto folder = _config->FindDir("Dir::Etc::PreferencesParts", "/dev/null");
    if (!DirectoryExists(folder)) return;
    const auto ours = std::filesystem::path(paths::kPins).filename();
    for (const auto& file : GetListOfFilesInDir(folder, "pref", true, true)) {
      if (std::filesystem::path(file).filename() != ours) ReadPinFile(*this, file);
    }
  }

  using pkgPolicy::GetPriority;
  signed short GetPriority(const pkgCache::VerIterator& version, bool consider_files) override {
    if (blocked_.count(version->ID) != 0) return -1;
    return pkgPolicy::GetPriority(version, consider_files);
  }

  bool block(const pkgCache::VerIterator& version) { return blocked_.insert(version->ID).second; }

 private:
  std::set<map_id_t> blocked_;
};

// What a full-upgrade would do: every package whose version changes.
struct FullUpgrade {
  std::vector<StepVersions> changes;
  std::set<map_id_t> removed;  // package IDs
  bool solved = false;
};

FullUpgrade simulate(pkgCache& cache, BlockingPolicy& policy) {
  FullUpgrade result;
  pkgDepCache depcache(&cache, &policy);
  if (!depcache.Init(nullptr)) return result;
  result.solved = APT::Upgrade::Upgrade(depcache, APT::Upgrade::ALLOW_EVERYTHING) &&
                  depcache.BrokenCount() == 0;
  discard_errors();
  if (!result.solved) return result;
  for (auto package = cache.PkgBegin(); !package.end(); ++package) {
    auto& state = depcache[package];
    const auto current = package.CurrentVer();
    if (state.Delete() && !current.end()) {
      result.changes.push_back({package, current, {}});
      result.removed.insert(package->ID);
    } else if (state.Install() && state.InstVerIter(cache) != current) {
      result.changes.push_back({package, current, state.InstVerIter(cache)});
    }
  }
  return result;
}

Plan plan_of(pkgCache& cache, const std::vector<StepVersions>& changes) {
  Plan plan;
  const auto text = [](const pkgCache::VerIterator& version) {
    return std::string(version.end() ? "" : version.VerStr());
  };
  for (const auto& change : changes) {
    Step step;
    step.package = full_name(change.package);
    step.old_version = text(change.old_version);
    step.new_version = text(change.new_version);
    step.action = step.new_version.empty()   ? Action::Remove
                  : step.old_version.empty() ? Action::Install
                                             : Action::Upgrade;
    const auto origin = origin_of(change.new_version);
    step.trust = origin.trust;
    step.security = origin.security;
    plan.steps.push_back(std::move(step));
  }
  add_clauses(cache, changes, plan);
  return plan;
}

class BlockerSearch {
 public:
  BlockerSearch(pkgCache& cache, const std::vector<ProtectedPackage>& keeps)
      : cache_(cache), policy_(&cache), free_policy_(&cache) {
    for (const auto& keep : keeps) {
      const auto package = find_package(cache, keep.package);
      if (package.end()) continue;
      const auto current = package.CurrentVer();
      if (current.end() || keep.version != current.VerStr()) continue;
      kept_.insert(package->ID);
      for (auto version = package.VersionList(); !version.end(); ++version) {
        if (!keep.tried.empty() && keep.tried == version.VerStr() && version != current) {
          policy_.block(version);
        }
      }
    }
  }

  std::vector<BlockedVersion> run() {
    if (kept_.empty()) return {};
    // Each round blocks at least one version more; the bound is for a resolver that finds ever new
    // ways to remove the same package.
    for (int round = 0; round < kMostRounds; ++round) {
      const auto upgrade = simulate(cache_, policy_);
      if (!upgrade.solved) break;  // apt would then refuse, and remove nothing
      const auto victims = victims_of(upgrade);
      if (victims.empty()) break;
      if (!block_causes(upgrade, victims) && !block_direct(upgrade, victims)) break;
    }
    return std::move(blocked_);
  }

 private:
  static constexpr int kMostRounds = 20;

  // Indexes of the removals that must not be: those of kept packages, and those that a full-upgrade
  // without any keep would not make.
  std::vector<std::uint32_t> victims_of(const FullUpgrade& upgrade) {
    std::vector<std::uint32_t> victims;
    for (std::size_t i = 0; i < upgrade.changes.size(); ++i) {
      const auto id = upgrade.changes[i].package->ID;
      if (upgrade.removed.count(id) == 0) continue;
      if (kept_.count(id) != 0 || !removed_anyway(id)) {
        victims.push_back(static_cast<std::uint32_t>(i));
      }
    }
    return victims;
  }

  bool removed_anyway(map_id_t id) {
    if (!free_run_done_) {
      free_run_done_ = true;
      free_removals_ = simulate(cache_, free_policy_).removed;
    }
    return free_removals_.count(id) != 0;
  }

  // The victims "fail" to be removed; what must then stay back is what has to be blocked. Those at
  // whose new version a victim itself must go come first: the rest mostly waits by itself, held
  // back by its dependency on them.
  bool block_causes(const FullUpgrade& upgrade, const std::vector<std::uint32_t>& victims) {
    const auto plan = plan_of(cache_, upgrade.changes);
    const auto kept = least_kept_set(plan, victims);
    const auto block_members = [&](bool only_first) {
      bool any = false;
      for (const auto& member : kept.members) {
        if (member.failed) continue;
        const bool first =
            member.because < 0 || kept.members[static_cast<std::size_t>(member.because)].failed;
        if (only_first && !first) continue;
        any |= block(upgrade.changes[member.step],
                     because(plan.steps[root_of(kept, member)], plan.clauses[member.clause]));
      }
      return any;
    };
    return block_members(true) || block_members(false);
  }

  // When the hard relations alone do not say why (the resolver weighs more than those): all that
  // Breaks or Conflicts with a victim itself.
  bool block_direct(const FullUpgrade& upgrade, const std::vector<std::uint32_t>& victims) {
    bool any = false;
    const auto plan = plan_of(cache_, upgrade.changes);
    for (const auto& clause : plan.clauses) {
      const bool negative = clause.kind == ClauseKind::Breaks ||
                            clause.kind == ClauseKind::Conflicts ||
                            clause.kind == ClauseKind::Lockstep;
      if (!negative || clause.owner_step < 0 || clause.owner_side != Side::New) continue;
      for (const auto& literal : clause.any_of) {
        if (std::find(victims.begin(), victims.end(), literal.step) == victims.end()) continue;
        any |= block(upgrade.changes[static_cast<std::size_t>(clause.owner_step)],
                     because(plan.steps[literal.step], clause));
      }
    }
    return any;
  }

  static std::uint32_t root_of(const KeptSet& kept, KeptMember member) {
    // A cause stands before what it causes, so this ends.
    while (!member.failed && member.because >= 0) {
      member = kept.members[static_cast<std::size_t>(member.because)];
    }
    return member.step;
  }

  std::string because(const Step& victim, const Clause& clause) const {
    const char* verb = clause.kind == ClauseKind::Breaks      ? "Breaks "
                       : clause.kind == ClauseKind::Conflicts ? "Conflicts with "
                                                              : "needs ";
    return "would remove " + display_name(victim.package, cache_.NativeArch()) + ": " +
           display_name(clause.owner, cache_.NativeArch()) + " " + verb + clause.relation;
  }

  bool block(const StepVersions& change, const std::string& reason) {
    if (change.new_version.end() || !policy_.block(change.new_version)) return false;
    blocked_.push_back({full_name(change.package), change.new_version.VerStr(), reason});
    return true;
  }

  pkgCache& cache_;
  BlockingPolicy policy_;
  BlockingPolicy free_policy_;  // as if nothing were kept
  std::set<map_id_t> kept_;
  std::set<map_id_t> free_removals_;
  bool free_run_done_ = false;
  std::vector<BlockedVersion> blocked_;
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
