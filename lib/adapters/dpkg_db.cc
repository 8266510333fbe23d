#include "adapters/dpkg_db.h"

#include "adapters/dpkg_impl.h"

namespace aptkeep {
namespace {

void open_database(void*) {
  dpkg_impl::open_for_reading();
}

}  // namespace

Result<DbSnapshot> RealDatabase::read() {
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
    snapshot[dpkg_impl::name_of(pkg)] = package;
  }
  pkg_hash_iter_free(packages);
  return snapshot;
}

}  // namespace aptkeep
