// fallback.h Facts as dpkg-query and dpkg-deb tell them.
#pragma once

#include "fallback.h"

namespace aptkeep::launcher {

class DpkgFacts final : public Facts {
 public:
  DpkgFacts() = default;
  DpkgFacts(const DpkgFacts&) = delete;
  DpkgFacts& operator=(const DpkgFacts&) = delete;
  ~DpkgFacts();

  bool unpacked(const char* archive) override;
  bool configured(const char* package) override;
  bool gone(const char* package, bool purge) override;

 private:
  const char* database();

  char* database_ = nullptr;  // one line for each package, read once
  bool asked_ = false;
};

// What a program prints, ended with a NUL; nullptr if it cannot be had whole or it ended non-zero.
// The caller frees it.
char* output_of(const char* const* argv);

}  // namespace aptkeep::launcher
