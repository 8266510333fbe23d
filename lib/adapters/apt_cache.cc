#include "adapters/apt_cache.h"

#include <apt-pkg/aptconfiguration.h>
#include <apt-pkg/configuration.h>
#include <apt-pkg/error.h>
#include <apt-pkg/init.h>
#include <apt-pkg/pkgsystem.h>
#include <apt-pkg/sourcelist.h>

#include <algorithm>
#include <exception>
#include <filesystem>
#include <system_error>

#include "adapters/apt_impl.h"

namespace aptkeep {

using apt_impl::StepVersions;

namespace apt_impl {

void discard_errors() {
  _error->Discard();
}

std::string take_errors() {
  std::string first;
  while (!_error->empty()) {
    std::string text;
    const bool is_error = _error->PopMessage(text);
    if (is_error && first.empty()) first = text;
  }
  std::replace(first.begin(), first.end(), '\n', ' ');
  return first.empty() ? "no reason given" : first;
}

std::pair<std::string, std::string> split_name(std::string_view package) {
  const auto colon = package.rfind(':');
  if (colon == std::string_view::npos) return {std::string(package), {}};
  return {std::string(package.substr(0, colon)), std::string(package.substr(colon + 1))};
}

std::string full_name(const pkgCache::PkgIterator& package) {
  return std::string(package.Name()) + ":" + package.Arch();
}

pkgCache::PkgIterator find_package(pkgCache& cache, const std::string& package) {
  const auto [name, arch] = split_name(package);
  if (arch.empty()) return cache.FindPkg(name, cache.NativeArch());
  return cache.FindPkg(name, arch);
}

pkgCache::VerIterator find_version(const pkgCache::PkgIterator& package, const std::string& text) {
  auto version = package.VersionList();
  while (!version.end() && text != version.VerStr()) ++version;
  return version;
}

Origin origin_of(const pkgCache::VerIterator& version) {
  Origin best;
  if (version.end()) return best;
  const auto text = [](const char* value) { return std::string_view(value ? value : ""); };
  for (auto file = version.FileList(); !file.end(); ++file) {
    const auto index = file.File();
    if ((index->Flags & pkgCache::Flag::NotSource) != 0) continue;  // dpkg's status, a local .deb
    const auto origin = text(index.Origin());
    if (origin.empty()) continue;
    // An archive may call itself "-security" as it likes; only the distribution's own counts.
    const bool distribution = origin == "Debian" || origin == "Ubuntu";
    const bool security = distribution && (text(index.Label()) == "Debian-Security" ||
                                           text(index.Archive()).ends_with("-security") ||
                                           text(index.Codename()).ends_with("-security"));
    best.security = best.security || security;
    best.trust = std::max(best.trust, security ? 3 : distribution ? 2 : 1);
  }
  return best;
}

// A second reading on top of the first would double every anonymous list entry.
Status init_library() {
  _config->Clear();
  if (!pkgInitConfig(*_config) || !pkgInitSystem(*_config, _system)) {
    return Error{"unable to read apt's configuration: " + take_errors()};
  }
  // Otherwise libapt-pkg asks dpkg for them again and again.
  if (_config->FindVector("APT::Architectures").empty()) {
    for (const auto& name : APT::Configuration::getArchitectures()) {
      _config->Set("APT::Architectures::", name);
    }
  }
  discard_errors();
  return success();
}

}  // namespace apt_impl

namespace {

using namespace apt_impl;

bool is_in_file(const pkgCache::VerIterator& version, const std::string& file_name) {
  for (auto file = version.FileList(); !file.end(); ++file) {
    const char* name = file.File().FileName();
    if (name != nullptr && file_name == name) return true;
  }
  return false;
}

pkgCache::VerIterator find_old(const pkgCache::PkgIterator& package, const std::string& text) {
  const auto current = package.CurrentVer();
  return !current.end() && text == current.VerStr() ? current : find_version(package, text);
}

// One version string can stand for several builds with different relations: what is wanted is the
// archive's own. An archive that is of no build's size is of one that no list has.
pkgCache::VerIterator find_new(const pkgCache::PkgIterator& package, const Step& step) {
  if (step.archive.empty()) return find_old(package, step.new_version);
  std::error_code no_file;
  const auto size = std::filesystem::file_size(step.archive, no_file);
  pkgCache::VerIterator best;
  for (auto version = package.VersionList(); !version.end(); ++version) {
    if (step.new_version != version.VerStr()) continue;
    if (is_in_file(version, step.archive)) return version;
    if (!version.Downloadable() || best.IsGood()) continue;
    if (no_file || version->Size == size) best = version;
  }
  return best.IsGood() ? best : pkgCache::VerIterator(*package.Cache());
}

struct Resolved {
  std::vector<StepVersions> versions;
  std::vector<std::string> missing;  // archives whose version no list has
  std::string problem;               // the first one that no archive can mend
};

Resolved resolve(pkgCache& cache, const std::vector<Step>& steps) {
  Resolved result;
  const auto lacks = [&](const Step& step, const std::string& version) {
    if (!step.archive.empty() && version == step.new_version) {
      result.missing.push_back(step.archive);
    } else if (result.problem.empty()) {
      result.problem = step.package + (version.empty() ? "" : " " + version);
    }
  };
  for (const auto& step : steps) {
    StepVersions found;
    found.package = find_package(cache, step.package);
    if (found.package.end()) {
      lacks(step, step.new_version);
      result.versions.push_back(found);
      continue;
    }
    const pkgCache::VerIterator none(cache);
    found.old_version = step.old_version.empty() ? none : find_old(found.package, step.old_version);
    found.new_version = step.new_version.empty() ? none : find_new(found.package, step);
    if (!step.old_version.empty() && found.old_version.end()) lacks(step, step.old_version);
    if (!step.new_version.empty() && found.new_version.end()) lacks(step, step.new_version);
    result.versions.push_back(found);
  }
  return result;
}

// apt names the version of left-over configuration files when it purges them. Such a package is
// absent on both sides.
void drop_config_files_version(Step& step, StepVersions& found) {
  if (step.action != Action::Remove && step.action != Action::Purge) return;
  if (!found.package.CurrentVer().end()) return;
  step.old_version.clear();
  found.old_version = pkgCache::VerIterator(*found.package.Cache());
}

}  // namespace

Status AptCache::Impl::reopen() {
  file = std::make_unique<pkgCacheFile>();
  if (!archives.empty()) {
    auto* sources = file->GetSourceList();
    if (sources == nullptr) return Error{"unable to read apt's sources: " + take_errors()};
    for (const auto& archive : archives) {
      if (!sources->AddVolatileFile(archive)) {
        return Error{"unable to read " + archive + ": not there or not a package"};
      }
    }
  }
  // Without apt's lock: the frontend holds it.
  if (!file->BuildCaches(nullptr, false)) {
    return Error{"unable to open apt's cache: " + take_errors()};
  }
  discard_errors();
  return success();
}

AptCache::AptCache(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
AptCache::AptCache(AptCache&&) noexcept = default;
AptCache& AptCache::operator=(AptCache&&) noexcept = default;
AptCache::~AptCache() = default;

Result<AptCache> AptCache::open(const std::vector<std::string>& archives) try {
  if (auto ready = init_library(); !ready) return ready.error();
  auto impl = std::make_unique<Impl>();
  impl->archives = archives;
  if (auto opened = impl->reopen(); !opened) return opened.error();
  return AptCache(std::move(impl));
} catch (const std::exception& problem) {
  return Error{std::string("unable to open apt's cache: ") + problem.what()};
}

Result<Plan> AptCache::make_plan(std::vector<Step> steps) try {
  auto resolved = resolve(*impl_->file->GetPkgCache(), steps);
  if (resolved.problem.empty() && !resolved.missing.empty()) {
    auto& archives = impl_->archives;
    archives.insert(archives.end(), resolved.missing.begin(), resolved.missing.end());
    std::sort(archives.begin(), archives.end());
    archives.erase(std::unique(archives.begin(), archives.end()), archives.end());
    if (auto opened = impl_->reopen(); !opened) return opened.error();
    resolved = resolve(*impl_->file->GetPkgCache(), steps);
    if (!resolved.missing.empty()) resolved.problem = resolved.missing.front();
  }
  if (!resolved.problem.empty()) {
    return Error{"unable to find " + resolved.problem + " in apt's cache: no list has it"};
  }
  Plan plan;
  plan.steps = std::move(steps);
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    drop_config_files_version(plan.steps[i], resolved.versions[i]);
    const auto origin = origin_of(resolved.versions[i].new_version);
    plan.steps[i].trust = origin.trust;
    plan.steps[i].security = origin.security;
  }
  add_clauses(*impl_->file->GetPkgCache(), resolved.versions, plan);
  discard_errors();
  return plan;
} catch (const std::exception& problem) {
  return Error{std::string("unable to plan the run: ") + problem.what()};
}

std::string AptCache::installed_version(std::string_view name) const {
  auto& cache = *impl_->file->GetPkgCache();
  auto group = cache.FindGrp(std::string(name));
  if (group.end()) return {};
  std::string found;
  for (auto package = group.PackageList(); !package.end(); package = group.NextPkg(package)) {
    const auto version = package.CurrentVer();
    if (version.end()) continue;
    const bool native = std::string_view(package.Arch()) == cache.NativeArch();
    if (found.empty() || native) found = version.VerStr();
  }
  return found;
}

}  // namespace aptkeep
