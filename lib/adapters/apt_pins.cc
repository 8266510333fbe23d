// Which of our pins count for nothing.
#include <apt-pkg/configuration.h>
#include <apt-pkg/fileutl.h>
#include <apt-pkg/policy.h>

#include <filesystem>
#include <set>

#include "adapters/apt_impl.h"
#include "core/config.h"

namespace aptkeep {
namespace {

using apt_impl::discard_errors;

std::string pins_folder() {
  return _config->FindDir("Dir::Etc::PreferencesParts", "/dev/null");
}

std::string our_file() {
  return pins_folder() + std::filesystem::path(paths::kPins).filename().string();
}

// Those that apt reads before ours, in that order.
std::vector<std::string> earlier_files() {
  std::vector<std::string> files;
  const auto first = _config->FindFile("Dir::Etc::Preferences");
  if (RealFileExists(first)) files.push_back(first);
  if (!DirectoryExists(pins_folder())) return files;
  for (const auto& file : GetListOfFilesInDir(pins_folder(), "pref", true, true)) {
    if (file == our_file()) break;
    files.push_back(file);
  }
  return files;
}

}  // namespace

Result<std::vector<OutdonePin>> AptCache::outdone_pins() try {
  std::vector<OutdonePin> found;
  if (auto ready = apt_impl::init_library(); !ready) return ready.error();
  const auto files = earlier_files();
  if (files.empty() || !RealFileExists(our_file())) return found;
  const auto opened = AptCache::open();
  if (!opened) return opened.error();
  auto& cache = *opened->impl_->file->GetPkgCache();
  pkgPolicy ours(&cache);
  ReadPinFile(ours, our_file());
  pkgPolicy theirs(&cache);
  std::set<map_id_t> seen;
  for (const auto& file : files) {
    ReadPinFile(theirs, file);
    for (auto package = cache.PkgBegin(); !package.end(); ++package) {
      for (auto version = package.VersionList(); !version.end(); ++version) {
        // Without the files that a version is in: what pins say that name the package, else 0.
        const int priority = theirs.GetPriority(version, false);
        if (ours.GetPriority(version, false) >= 0 || priority <= 0) continue;
        if (!seen.insert(version->ID).second) continue;
        found.push_back({apt_impl::full_name(package), version.VerStr(), file, priority});
      }
    }
  }
  discard_errors();
  return found;
} catch (const std::exception& problem) {
  return Error{std::string("unable to read apt's preferences: ") + problem.what()};
}

}  // namespace aptkeep
