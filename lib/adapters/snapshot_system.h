// The files of dpkg and ucf that speak of the whole system: read as text, since a static program
// may not look up the users that dpkg's own readers ask for. Part of adapters/snapshot.h.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "adapters/dpkg_files.h"
#include "adapters/snapshot.h"
#include "adapters/snapshot_record.h"
#include "core/result.h"

namespace aptkeep::snapshot {

Result<System> read_system(const SnapshotOptions& options);
// Without the alternatives, which are many files.
Result<System> read_lists(const SnapshotOptions& options);

// dpkg-divert's file: three lines each, ":" for a local one.
std::vector<Diversion> parse_diversions(const std::string& text);

struct Override {
  std::string user;  // as written: a name, or "#" and a number
  std::string group;
  std::string mode;
  std::string path;

  friend bool operator==(const Override&, const Override&) = default;
};
std::vector<Override> parse_overrides(const std::string& text);

struct Choice {
  int priority = 0;
  std::vector<std::string> slaves;  // in the order of Alternative::slaves; "" for none
};
struct Alternative {
  bool manual = false;
  std::string link;
  std::vector<std::pair<std::string, std::string>> slaves;  // name, link
  std::map<std::string, Choice> choices;                    // path -> what it brings
};
// Empty (no link) where the text is not what update-alternatives writes.
Alternative parse_alternative(const std::string& text);

// ucf's two lists.
struct UcfLists {
  std::map<std::string, std::vector<std::string>> registry;  // package without arch -> paths
  std::map<std::string, std::string> hashes;                 // path -> md5
};
UcfLists read_ucf(const std::string& folder);
// Puts the hash of a path in its list, or takes the path out of it ("" ).
Status write_ucf_hash(const std::string& folder, const std::string& path, const std::string& hash);
Status drop_ucf_registration(const std::string& folder, const std::string& path);
// Its name in ucf's folder of shipped versions.
std::string ucf_cache_name(const std::string& path);

std::string name_without_arch(const std::string& package);

// What of `all` is not in `without`.
template <typename T>
std::vector<T> less(const std::vector<T>& all, const std::vector<T>& without) {
  std::vector<T> rest;
  for (const T& one : all) {
    if (std::ranges::find(without, one) == without.end()) rest.push_back(one);
  }
  return rest;
}

}  // namespace aptkeep::snapshot
