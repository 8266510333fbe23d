// dpkg's database through libdpkg. <dpkg/...> is in dpkg_*.cc and dpkg_impl.h only; they are linked
// into executables only, because libdpkg.a is not made for shared libraries and longjmps on errors.
#pragma once

#include "engine/ports.h"

namespace aptkeep {

// Reads again only what has changed since: every look at a package asks for the database.
class RealDatabase final : public DpkgDatabase {
 public:
  Result<DbSnapshot> read() override;

 private:
  std::string stamp_;  // of the files that `last_` was read from; empty: none
  DbSnapshot last_;
};

// "amd64": the architecture that dpkg was built for.
std::string native_architecture();

}  // namespace aptkeep
