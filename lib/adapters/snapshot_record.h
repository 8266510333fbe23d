// What a snapshot's folder says in files: CBOR behind a line with its checksum. A file that was cut
// short or changed counts as damaged, never as something smaller. Part of adapters/snapshot.h.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/result.h"
#include "core/snapshot.h"

namespace aptkeep::snapshot {

struct Record {
  Snapshot snapshot;
  std::size_t listed = 0;  // so many of snapshot.files dpkg knows; then ucf's and extra ones
  std::vector<FileRecord> beside;  // what lay beside configuration files: *.dpkg-old and the like
  std::int64_t taken = 0;          // when, as a file's ctime would say it (nanoseconds)
};

// A file that the failed version has and another package's list of checksums names, too.
struct Taken {
  std::string path;
  std::string owner;  // "name" or "name:arch"
};

// What the version that is gone back from brought, kept before dpkg forgets it.
struct Failed {
  std::string version;
  std::vector<std::string> paths;
  std::vector<ConffileRecord> conffiles;
  std::string state;  // dpkg's, "iF"
  std::vector<Taken> taken;
};

// What the way back moved, so that it can be moved back or named.
struct Move {
  std::string path;   // where it was
  std::string aside;  // where it was put; empty: left beside another file on purpose
  bool made = false;  // by the failed version's scripts, however it looks
};

// Facts of the whole system, before the run.
struct System {
  std::string diversions;                           // dpkg's file, word for word
  std::string statoverride;                         // the same
  std::map<std::string, std::string> alternatives;  // name -> update-alternatives' file
  std::map<std::string, std::string> links;         // name in /etc/alternatives -> target

  friend bool operator==(const System&, const System&) = default;
};

// Facts before the run: on disk with all else that is saved then, by one sync for all.
Status save(int folder, const std::string& name, const Record& record);
Status save(int folder, const std::string& name, const System& system);
// Facts of the way back: on disk when these return, since dpkg comes next and forgets them.
Status save(int folder, const std::string& name, const Failed& failed);
Status save(int folder, const std::string& name, const std::vector<Move>& moves);

Result<Record> load_record(int folder, const std::string& name);
Result<Failed> load_failed(int folder, const std::string& name);
Result<std::vector<Move>> load_moves(int folder, const std::string& name);  // none: no file
Result<System> load_system(int folder, const std::string& name);

// Whether the file is there and whole, without a look at what it says.
bool is_whole(int folder, const std::string& name);

}  // namespace aptkeep::snapshot
