// What dpkg knows of a package's files, through libdpkg: lists, conffiles, diversions, control
// data. Like dpkg_db.cc linked into executables only (libdpkg.a longjmps on errors).
#pragma once

#include <string>
#include <vector>

#include "core/result.h"
#include "core/snapshot.h"

namespace aptkeep {

struct ControlFile {
  std::string name;  // "postinst", "md5sums", "triggers"; never "list"
  std::string path;  // in dpkg's info folder
};

struct PackageFiles {
  std::string package;  // "name:arch", arch never "all"
  std::string arch;     // of its control data
  std::string version;
  std::string state;    // "ii" ...
  std::string control;  // its stanza less Status, Conffiles, Config-Version and triggers' fields
  std::vector<std::string> paths;  // of its list, in dpkg's order, "/." left out
  // The list names something, if only "/.". That of an installed package which does not is lost (a
  // power cut; dpkg only warns of it).
  bool has_list = true;
  std::vector<ConffileRecord> conffiles;  // `edited` not filled in
  std::vector<ControlFile> control_files;
};

struct Diversion {
  std::string from;
  std::string to;
  std::string package;  // whose own files are not diverted; empty: local, all packages' are

  friend bool operator==(const Diversion&, const Diversion&) = default;
};

struct DpkgFiles {
  std::vector<PackageFiles> packages;  // those of the asked ones that have files, in asked order
  std::vector<Diversion> diversions;   // all of the system
};

// Reads, updates/ replayed, without changing anything. Packages that are not there are left out.
// Never looks up a user or group name (static programs must not; dpkg's ensure_statoverrides does).
Result<DpkgFiles> read_dpkg_files(const std::vector<std::string>& packages);

// Replaces what dpkg's database says of a package's conffiles (list, hashes, obsolete flags) and
// makes its file list name them, and no longer those that were obsolete and are not among them. The
// rest of the database stays. The caller is root. This takes dpkg's locks as dpkg does:
// lock-frontend too, unless DPKG_FRONTEND_LOCKED is set; so this process must not hold the inner
// one itself.
Status write_conffiles(const std::string& package, const std::vector<ConffileRecord>& conffiles);

// Says in dpkg's database that the package is half-configured ("iF"), and that `configured` was its
// last version that was configured (empty: none was). Only where it is installed ("ii"), else an
// Error. Locks as above.
Status write_half_configured(const std::string& package, const std::string& configured);

}  // namespace aptkeep
