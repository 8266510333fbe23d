// Where the launcher finds things. The tests build it once more with other places.
#pragma once

#include "core/config.h"

namespace aptkeep::launcher {

#ifdef APTKEEP_LAUNCHER_TEST_ROOT
inline constexpr const char* kBinDir = APTKEEP_LAUNCHER_TEST_ROOT "/bin";
inline constexpr const char* kDriver = APTKEEP_LAUNCHER_TEST_ROOT "/driver";
inline constexpr const char* kOff = APTKEEP_LAUNCHER_TEST_ROOT "/off";
inline constexpr const char* kRunDir = APTKEEP_LAUNCHER_TEST_ROOT "/run";
inline constexpr const char* kDriverDied = APTKEEP_LAUNCHER_TEST_ROOT "/run/driver-died";
inline constexpr const char* kRealDpkg = APTKEEP_LAUNCHER_TEST_ROOT "/real/dpkg";
inline constexpr const char* kDpkgQuery = APTKEEP_LAUNCHER_TEST_ROOT "/real/dpkg-query";
inline constexpr const char* kDpkgDeb = APTKEEP_LAUNCHER_TEST_ROOT "/real/dpkg-deb";
#else
inline constexpr const char* kBinDir = paths::kBinDir;
inline constexpr const char* kDriver = paths::kDriver;
inline constexpr const char* kOff = paths::kOff;
inline constexpr const char* kRunDir = paths::kRunDir;
inline constexpr const char* kDriverDied = paths::kDriverDied;
inline constexpr const char* kRealDpkg = paths::kRealDpkg;
inline constexpr const char* kDpkgQuery = "/usr/bin/dpkg-query";
inline constexpr const char* kDpkgDeb = "/usr/bin/dpkg-deb";
#endif

}  // namespace aptkeep::launcher
