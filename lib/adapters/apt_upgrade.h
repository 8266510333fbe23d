// What a full-upgrade would do under given preferences. Inside of the libapt-pkg adapter.
#pragma once

#include <apt-pkg/policy.h>

#include <set>
#include <vector>

#include "adapters/apt_impl.h"

namespace aptkeep::apt_impl {

// The person's own preferences, without our pin file, plus versions that may not be taken.
// pkgPolicy::SetPriority(VerIterator) cannot serve for that: it makes a pin of type None, which
// GetPriority then passes over (apt 2.6 and 3.0, apt-pkg/policy.cc).
class BlockingPolicy final : public pkgPolicy {
 public:
  explicit BlockingPolicy(pkgCache* cache);

  using pkgPolicy::GetPriority;
  signed short GetPriority(const pkgCache::VerIterator& version, bool consider_files) override;

  bool block(const pkgCache::VerIterator& version) { return blocked_.insert(version->ID).second; }
  void unblock(const pkgCache::VerIterator& version) { blocked_.erase(version->ID); }

 private:
  std::set<map_id_t> blocked_;
};

struct FullUpgrade {
  std::vector<StepVersions> changes;  // every package whose version changes
  std::set<map_id_t> removed;         // package IDs
  bool solved = false;
};

FullUpgrade simulate(pkgCache& cache, BlockingPolicy& policy);

// The same as a plan.
Plan plan_of(pkgCache& cache, const FullUpgrade& upgrade);

}  // namespace aptkeep::apt_impl
