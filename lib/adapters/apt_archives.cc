// Where apt has the archives of a plan's steps.
#include <apt-pkg/configuration.h>
#include <apt-pkg/strutl.h>

#include <filesystem>

#include "adapters/apt_impl.h"

namespace aptkeep {
namespace {

using namespace apt_impl;

// As apt names what it downloads (pkgAcqArchive in apt-pkg/acquire-item.cc of 2.6 and 3.0).
std::string downloaded_name(const pkgCache::VerIterator& version) {
  return _config->FindDir("Dir::Cache::Archives") + QuoteString(version.ParentPkg().Name(), "_:") +
         '_' + QuoteString(version.VerStr(), "_:") + '_' + QuoteString(version.Arch(), "_:.") +
         ".deb";
}

// A file that was given on the command line.
std::string given_name(const pkgCache::VerIterator& version) {
  for (auto file = version.FileList(); !file.end(); ++file) {
    const char* name = file.File().FileName();
    if (name != nullptr && std::string_view(name).ends_with(".deb")) return name;
  }
  return {};
}

}  // namespace

std::string AptCache::archive_of(const Step& step) const {
  if (!step.archive.empty()) return step.archive;
  const auto package = find_package(*impl_->file->GetPkgCache(), step.package);
  if (package.end() || step.new_version.empty()) return {};
  for (auto version = package.VersionList(); !version.end(); ++version) {
    if (step.new_version != version.VerStr()) continue;
    if (std::string given = given_name(version); !given.empty()) return given;
    std::string name = downloaded_name(version);
    std::error_code error;
    const auto size = std::filesystem::file_size(name, error);
    if (!error && version.Downloadable() && size == version->Size) return name;
  }
  return {};
}

}  // namespace aptkeep
