// dpkg's database through libdpkg. The only file with <dpkg/...> is dpkg_db.cc; it is linked into
// executables only, because libdpkg.a is not made for shared libraries and longjmps on errors.
#pragma once

#include "engine/ports.h"

namespace aptkeep {

class RealDatabase final : public DpkgDatabase {
 public:
  Result<DbSnapshot> read() override;
};

// "amd64": the architecture that dpkg was built for.
std::string native_architecture();

}  // namespace aptkeep
