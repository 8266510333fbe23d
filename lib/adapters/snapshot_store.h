// A snapshot's folder of contents: a link or a copy of each file, under a number. Part of
// adapters/snapshot.h.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>

#include "adapters/snapshot_fs.h"

namespace aptkeep::snapshot {

class Store {
 public:
  // `copied` counts the bytes that had to be copied because they could not be linked.
  Store(Fd folder, std::uint64_t copy_limit, std::uint64_t& copied)
      : folder_(std::move(folder)), copy_limit_(copy_limit), copied_(copied) {}

  // Puts the regular file in and says so in its record, or why it could not be. One that goes
  // meanwhile becomes Absent.
  void keep(FileRecord& file, const Place& place, bool copy);
  // The content that a conffile has through its symlink: dpkg writes there (its conffderef()).
  void keep_behind(FileRecord& file);
  // md5 of what was put in for it; "" where nothing was.
  std::string hash_of(const FileRecord& file);

 private:
  bool link_it(FileRecord& file, const Place& place, const std::string& name);
  void copy_it(FileRecord& file, const Place& place, const std::string& name, bool forced);

  Fd folder_;
  std::uint64_t copy_limit_;
  std::uint64_t& copied_;
  unsigned next_ = 0;
  // Where files that are one are stored: hard links among themselves stay so.
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::string> stored_;
  std::unordered_map<std::string, std::string> hashes_;  // stored name -> md5 of a copy
};

}  // namespace aptkeep::snapshot
