// Makes the archive that dpkg puts the old version back from. Part of adapters/snapshot.h.
#pragma once

#include <string>
#include <unordered_set>

#include "adapters/snapshot_fs.h"
#include "adapters/snapshot_record.h"

namespace aptkeep::snapshot {

// `folder` is the package's, open; `path` its path. Returns the archive's.
Result<std::string> make_archive(const Record& record, int folder, const std::string& path);

// Whether the archive has the conffile: dpkg takes what an archive has as the shipped version, so
// that an edited one must not be in it.
bool is_shipped(const ConffileRecord& conffile);

// The folders that the listed paths are in: they are folders in the archive, even where a symlink
// stands for them on disk (/lib).
std::unordered_set<std::string> folders_of(const Record& record);

}  // namespace aptkeep::snapshot
