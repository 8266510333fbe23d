// dpkg's database through libdpkg. <dpkg/...> is in dpkg_*.cc and dpkg_impl.h only; they are linked
// into executables only, because libdpkg.a is not made for shared libraries and longjmps on errors.
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
