// Takes back that dpkg calls a package installed.
#include "adapters/dpkg_files.h"
#include "adapters/dpkg_impl.h"

namespace aptkeep {
namespace {

struct Writing {
  const char* package;
  const char* configured;
};

void write(void* data) {
  const auto* writing = static_cast<const Writing*>(data);
  dpkg_impl::open_for_writing();
  struct pkginfo* pkg = dpkg_impl::find_package(writing->package);
  if (pkg == nullptr) ohshit("dpkg's database does not have it");
  if (pkg->status != PKG_STAT_INSTALLED) ohshit("it is not installed");
  if (*writing->configured == '\0') {
    dpkg_version_blank(&pkg->configversion);
  } else {
    struct dpkg_error error = DPKG_ERROR_INIT;
    if (parseversion(&pkg->configversion, writing->configured, &error) != 0)
      ohshit("'%s' is not a version", writing->configured);
  }
  pkg_set_status(pkg, PKG_STAT_HALFCONFIGURED);
  dpkg_impl::write_database();
}

}  // namespace

Status write_half_configured(const std::string& package, const std::string& configured) {
  Writing writing{package.c_str(), configured.c_str()};
  const dpkg_impl::Locks locks;
  const dpkg_impl::Memory memory;
  return dpkg_impl::guarded("call " + package + " half-configured", write, &writing);
}

}  // namespace aptkeep
