#include "adapters/dpkg_db.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstdint>

#include "adapters/dpkg_impl.h"

namespace aptkeep {
namespace {

void open_database(void*) {
  dpkg_impl::open_for_reading();
}

// All that the database is read from. dpkg replaces the status file by a new one, and makes and
// removes files in updates/; two of its runs never fall into one tick of the file system's clock
// with a look of ours between them. Empty: one cannot be looked at.
std::string stamp_of_files() {
  std::string stamp;
  for (const char* name : {STATUSFILE, UPDATESDIR, TRIGGERSDIR "/Unincorp", "arch"}) {
    struct stat stab {};
    if (::stat((dpkg_db_get_dir() + ("/" + std::string(name))).c_str(), &stab) != 0) {
      if (errno != ENOENT) return "";
      stab = {};
    }
    for (const std::int64_t part :
         {static_cast<std::int64_t>(stab.st_ino), static_cast<std::int64_t>(stab.st_size),
          static_cast<std::int64_t>(stab.st_mtim.tv_sec),
          static_cast<std::int64_t>(stab.st_mtim.tv_nsec),
          static_cast<std::int64_t>(stab.st_ctim.tv_sec),
          static_cast<std::int64_t>(stab.st_ctim.tv_nsec)}) {
      stamp += std::to_string(part) + " ";
    }
  }
  return stamp;
}

}  // namespace

Result<DbSnapshot> RealDatabase::read() {
  const std::string stamp = stamp_of_files();
  if (!stamp.empty() && stamp == stamp_) return last_;
  const dpkg_impl::Memory memory;
  const Status opened = dpkg_impl::guarded("read dpkg's database", open_database, nullptr);
  if (!opened) return opened.error();
  DbSnapshot snapshot;
  struct pkg_hash_iter* packages = pkg_hash_iter_new();
  for (struct pkginfo* pkg = pkg_hash_iter_next_pkg(packages); pkg != nullptr;
       pkg = pkg_hash_iter_next_pkg(packages)) {
    if (pkg->status == PKG_STAT_NOTINSTALLED) continue;
    DbPackage package;
    package.version = versiondescribe(&pkg->installed.version, vdew_nonambig);
    package.arch = pkg->installed.arch != nullptr ? pkg->installed.arch->name : "";
    package.state = dpkg_impl::state_of(pkg);
    package.held = package.state[0] == 'h';
    if (dpkg_version_is_informative(&pkg->configversion)) {
      package.config_version = versiondescribe(&pkg->configversion, vdew_nonambig);
      if (package.config_version == package.version) package.config_version.clear();
    } else {
      package.never_configured = true;
    }
    snapshot[dpkg_impl::name_of(pkg)] = package;
  }
  pkg_hash_iter_free(packages);
  // What changed while it was read is read again the next time.
  stamp_ = stamp_of_files() == stamp ? stamp : "";
  last_ = snapshot;
  return snapshot;
}

}  // namespace aptkeep
