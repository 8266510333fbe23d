// What an archive (.deb) would unpack, read by libdpkg's own reader of tar. Linked into executables
// only, as dpkg_files.h is.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/result.h"
#include "core/snapshot.h"

namespace aptkeep {

struct ArchiveFile {
  std::string path;  // "/usr/bin/x"
  FileType type = FileType::Absent;
  std::uint64_t size = 0;  // bytes, of a regular file; 0 for a further name of one (hard_link)
  std::int64_t mtime = 0;  // seconds since the epoch; dpkg gives it to what it unpacks
  std::string target;      // of a symlink
  bool hard_link = false;
};

// In the archive's order, "/" left out. Runs dpkg-deb, which unpacks into a pipe: as dear as dpkg's
// own unpacking but for the disk. An Error where the archive is missing or damaged.
Result<std::vector<ArchiveFile>> read_archive_files(const std::string& archive);

// The content of those of an archive's control files ("preinst") that it has; one of more than
// `most` bytes is left out. Runs dpkg-deb. An Error as above.
Result<std::map<std::string, std::string>> read_control_files(const std::string& archive,
                                                              const std::vector<std::string>& names,
                                                              std::size_t most);

}  // namespace aptkeep
