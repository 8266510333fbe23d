// Saves one package. Part of adapters/snapshot.h.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "adapters/snapshot_fs.h"
#include "adapters/snapshot_record.h"
#include "adapters/snapshot_system.h"

namespace aptkeep::snapshot {

// What the packages of one take() have in common.
struct Taking {
  const SnapshotOptions& options;
  std::map<std::string, Diversion> diversions;  // by the path that is diverted
  UcfLists ucf;
  std::uint64_t copied = 0;  // bytes that had to be copied in this folder so far
  Walk walk;
  bool again = false;  // what cannot be saved has been told
};

// The record's name until all is on the disk; then it becomes "record".
inline constexpr const char* kUnsynced = "record.unsynced";
// Fills the package's folder; its record last, as kUnsynced.
Status save_package(Taking& taking, const PackageFiles& files, int folder);

// The names that dpkg, its helpers and ucf give to versions beside a configuration file.
inline constexpr const char* kDpkgBeside[] = {".dpkg-new", ".dpkg-dist",   ".dpkg-old",
                                              ".dpkg-bak", ".dpkg-backup", ".dpkg-remove"};
inline constexpr const char* kUcfBeside[] = {".ucf-new", ".ucf-dist", ".ucf-old"};

}  // namespace aptkeep::snapshot
