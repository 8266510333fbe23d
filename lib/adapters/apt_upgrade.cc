#include "adapters/apt_upgrade.h"

#include <apt-pkg/configuration.h>
#include <apt-pkg/depcache.h>
#include <apt-pkg/fileutl.h>
#include <apt-pkg/upgrade.h>

#include <filesystem>

#include "core/config.h"

namespace aptkeep::apt_impl {

BlockingPolicy::BlockingPolicy(pkgCache* cache) : pkgPolicy(cache) {
  ReadPinFile(*this);
  const auto folder = _config->FindDir("Dir::Etc::PreferencesParts", "/dev/null");
  if (!DirectoryExists(folder)) return;
  const auto ours = std::filesystem::path(paths::kPins).filename();
  for (const auto& file : GetListOfFilesInDir(folder, "pref", true, true)) {
    if (std::filesystem::path(file).filename() != ours) ReadPinFile(*this, file);
  }
}

signed short BlockingPolicy::GetPriority(const pkgCache::VerIterator& version,
                                         bool consider_files) {
  if (blocked_.count(version->ID) != 0) return -1;
  return pkgPolicy::GetPriority(version, consider_files);
}

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
    } else if (state.Install() && !same(state.InstVerIter(cache), current)) {
      result.changes.push_back({package, current, state.InstVerIter(cache)});
    }
  }
  return result;
}

Plan plan_of(pkgCache& cache, const FullUpgrade& upgrade) {
  Plan plan;
  const auto text = [](const pkgCache::VerIterator& version) {
    return std::string(version.end() ? "" : version.VerStr());
  };
  for (const auto& change : upgrade.changes) {
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
  add_clauses(cache, upgrade.changes, plan);
  return plan;
}

}  // namespace aptkeep::apt_impl
