// Whether a version can be had.
#include <apt-pkg/version.h>

#include "adapters/apt_impl.h"

namespace aptkeep {

bool AptCache::offers(const std::string& package, const std::string& version, bool or_newer) const {
  auto& cache = *impl_->file->GetPkgCache();
  const auto found = apt_impl::find_package(cache, package);
  if (found.end()) return false;
  for (auto one = found.VersionList(); !one.end(); ++one) {
    const int order = cache.VS->CmpVersion(one.VerStr(), version);
    if ((order == 0 || (or_newer && order > 0)) && one.Downloadable()) return true;
  }
  return false;
}

}  // namespace aptkeep
