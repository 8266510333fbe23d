#include "adapters/dpkg_files.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <system_error>
#include <utility>

#include "adapters/dpkg_impl.h"

namespace aptkeep {
namespace {

// All of it lives in libdpkg's memory.
struct Found {
  struct pkginfo* pkg;
  const char* version;
  const char* control;
  const char* list;  // path of its list of files
};

struct Reading {
  const std::vector<std::string>* names;
  Found* found;  // as many as names; pkg is nullptr: not there
  const char* info_folder;
  const char* diversions;
};

// What the status file adds to a package's own control file.
bool is_status_field(const char* name) {
  for (const char* field :
       {"Status", "Conffiles", "Config-Version", "Triggers-Pending", "Triggers-Awaited", "Want"}) {
    if (std::strcmp(name, field) == 0) return true;
  }
  return false;
}

const char* control_of(const struct pkginfo* pkg) {
  struct varbuf* text = varbuf_new(0);
  for (const struct fieldinfo* field = fieldinfos; field->name != nullptr; ++field) {
    if (!is_status_field(field->name))
      field->wcall(text, pkg, &pkg->installed, fw_printheader, field);
  }
  for (const struct arbitraryfield* field = pkg->installed.arbs; field != nullptr;
       field = field->next)
    varbuf_add_arbfield(text, field, fw_printheader);
  const char* control = nfstrnsave(text->buf, text->used);
  varbuf_free(text);
  return control;
}

void read_packages(void* data) {
  auto* reading = static_cast<Reading*>(data);
  dpkg_impl::open_for_reading();
  for (std::size_t i = 0; i < reading->names->size(); ++i) {
    Found* found = &reading->found[i];
    found->pkg = dpkg_impl::find_package((*reading->names)[i].c_str());
    if (found->pkg == nullptr) continue;
    struct pkgbin* bin = &found->pkg->installed;
    found->version = nfstrsave(versiondescribe(&bin->version, vdew_nonambig));
    found->control = control_of(found->pkg);
    found->list = nfstrsave(pkg_infodb_get_file(found->pkg, bin, LISTFILE));
    if (!found->pkg->files_list_valid) dpkg_impl::load_files(found->pkg);
  }
  reading->info_folder = pkg_infodb_get_dir();
  reading->diversions = dpkg_impl::admin_path(DIVERSIONSFILE);
}

ConffileRecord record_of(const struct conffile& conffile) {
  ConffileRecord record;
  record.path = conffile.name;
  record.hash = conffile.hash;
  record.obsolete = dpkg_impl::is_obsolete(conffile);
  record.remove_on_upgrade = dpkg_impl::is_remove_on_upgrade(conffile);
  return record;
}

PackageFiles package_files(const Found& found) {
  const struct pkginfo* pkg = found.pkg;
  PackageFiles files;
  files.package = dpkg_impl::name_of(pkg);
  files.arch = pkg->installed.arch != nullptr ? pkg->installed.arch->name : "";
  files.version = found.version;
  files.state = dpkg_impl::state_of(pkg);
  files.control = found.control;
  files.has_list = pkg->files != nullptr;
  for (const auto* file = pkg->files; file != nullptr; file = file->next) {
    if (std::strcmp(file->namenode->name, "/.") != 0)
      files.paths.emplace_back(file->namenode->name);
  }
  for (const auto* conffile = pkg->installed.conffiles; conffile != nullptr;
       conffile = conffile->next)
    files.conffiles.push_back(record_of(*conffile));
  return files;
}

// Not libdpkg's pkg_infodb_foreach(): it reads the whole folder once for each package.
Status add_control_files(const Reading& reading, std::map<std::string, PackageFiles*> by_prefix) {
  std::error_code error;
  std::filesystem::directory_iterator entries(reading.info_folder, error);
  for (; !error && entries != std::filesystem::directory_iterator(); entries.increment(error)) {
    const std::string name = entries->path().filename().string();
    const auto dot = name.rfind('.');
    if (dot == std::string::npos) continue;
    const auto package = by_prefix.find(name.substr(0, dot));
    if (package == by_prefix.end()) continue;
    const std::string kind = name.substr(dot + 1);
    // "-new": what dpkg was writing when it was cut off.
    if (kind == "list" || kind == "list-new" || kind == "md5sums-new") continue;
    std::error_code unknown;
    if (!entries->is_regular_file(unknown) || entries->is_symlink(unknown)) continue;
    package->second->control_files.push_back({kind, entries->path().string()});
  }
  if (error)
    return Error{"unable to read " + std::string(reading.info_folder) + ": " + error.message()};
  for (auto& [prefix, package] : by_prefix)
    std::sort(package->control_files.begin(), package->control_files.end(),
              [](const ControlFile& a, const ControlFile& b) { return a.name < b.name; });
  return success();
}

// Not libdpkg's ensure_diversions(): it remembers across calls what lay in memory that is freed
// between them, and ends the program where the file is damaged. Three lines each: from, to, package
// or ":" (dpkg, lib/dpkg/db-fsys-divert.c).
Result<std::vector<Diversion>> read_diversions(const std::string& path) {
  std::vector<Diversion> diversions;
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    if (errno == ENOENT) return diversions;
    return Error{"unable to read " + path + ": " + std::generic_category().message(errno)};
  }
  Diversion one;
  while (std::getline(file, one.from)) {
    if (!std::getline(file, one.to) || !std::getline(file, one.package) || file.eof())
      return Error{"unable to read " + path + ": its end is missing"};
    if (one.package == ":") one.package.clear();
    diversions.push_back(one);
  }
  if (file.bad()) return Error{"unable to read " + path + ": input/output error"};
  return diversions;
}

}  // namespace

Result<DpkgFiles> read_dpkg_files(const std::vector<std::string>& packages) {
  std::vector<std::string> names;
  std::set<std::string> seen;
  for (const auto& package : packages) {
    if (seen.insert(package).second) names.push_back(package);
  }
  std::vector<Found> found(names.size(), Found{});
  Reading reading{&names, found.data(), nullptr, nullptr};
  const dpkg_impl::Memory memory;
  if (Status done = dpkg_impl::guarded("read dpkg's database", read_packages, &reading); !done)
    return done.error();

  DpkgFiles files;
  files.packages.reserve(found.size());
  std::map<std::string, PackageFiles*> by_prefix;
  for (const Found& one : found) {
    if (one.pkg == nullptr) continue;
    files.packages.push_back(package_files(one));
    // "name" or "name:arch", as dpkg names this package's files.
    by_prefix[std::filesystem::path(one.list).stem().string()] = &files.packages.back();
  }
  if (Status added = add_control_files(reading, by_prefix); !added) return added.error();
  auto diversions = read_diversions(reading.diversions);
  if (!diversions) return diversions.error();
  files.diversions = std::move(*diversions);
  return files;
}

}  // namespace aptkeep
