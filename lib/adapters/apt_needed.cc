// Which packages of a run others of it depend on.
#include <memory>
#include <string_view>

#include "adapters/apt_impl.h"

namespace aptkeep {
namespace {

using namespace apt_impl;

bool same_source(const pkgCache::VerIterator& one, const pkgCache::VerIterator& other) {
  return std::string_view(one.SourcePkgName()) == other.SourcePkgName();
}

void add_needs(pkgCache& cache, const pkgCache::VerIterator& version,
               const std::set<std::string>& within, std::set<std::string>& needed) {
  for (auto depends = version.DependsList(); !depends.end(); ++depends) {
    if (depends->Type != pkgCache::Dep::Depends && depends->Type != pkgCache::Dep::PreDepends)
      continue;
    const std::unique_ptr<pkgCache::Version*[]> targets(depends.AllTargets());
    for (auto** target = targets.get(); *target != nullptr; ++target) {
      const pkgCache::VerIterator found(cache, *target);
      const std::string name = full_name(found.ParentPkg());
      // Parts of one source are one service.
      if (within.contains(name) && !same_source(version, found)) needed.insert(name);
    }
  }
}

}  // namespace

std::set<std::string> AptCache::needed_within(const std::vector<Step>& steps) const {
  std::set<std::string> within;
  for (const Step& step : steps) within.insert(step.package);
  pkgCache& cache = *impl_->file->GetPkgCache();
  std::set<std::string> needed;
  for (const Step& step : steps) {
    const auto package = find_package(cache, step.package);
    if (package.end() || step.new_version.empty()) continue;
    const auto version = find_version(package, step.new_version);
    if (!version.end()) add_needs(cache, version, within, needed);
  }
  return needed;
}

}  // namespace aptkeep
