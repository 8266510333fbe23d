// The kept packages: found by the name that a person types, sorted, and told.
#pragma once

#include <string>
#include <vector>

#include "adapters/apt_cache.h"
#include "now.h"
#include "record.h"

namespace aptkeep::cli {

// What is kept, whole: structs, and dpkg's word on each package now. For a record that is not this
// system's, what dpkg said then.
struct Kept {
  StateHandle state;
  KeepsHandle handle;
  std::vector<aptkeep_keep> keeps;  // security versions first, then those that failed
  std::string native_arch;
  std::map<std::string, Now> now;
  std::map<std::int64_t, ReportHandle> reports;  // of the runs that made the keeps
  std::vector<OutdonePin> outdone;               // only where they are to be told

  std::string name(const aptkeep_keep& keep) const;
  // nullptr: the package is not there.
  const Now* find_now(const aptkeep_keep& keep) const;
  bool unfinished(const aptkeep_keep& keep) const;  // unpacked or half-configured, now
  // What its run did to the package; size 0: that is not on record.
  aptkeep_step step(const aptkeep_keep& keep) const;
  // Its run put it back to the old side, where it still is.
  bool put_back(const aptkeep_keep& keep) const;
  // Those that wait for this failed one.
  std::vector<aptkeep_keep> waiting_for(const aptkeep_keep& failed) const;
  // Those that `name` means: "foo" or "foo:arch", on one architecture or several.
  std::vector<aptkeep_keep> named(const std::string& name) const;
};

// `keeps` is empty where nothing was recorded yet.
Kept read_kept(const std::string& path, int mode);

// "foo stays at 1.0: 2.0 was tried and failed" and the like; one line without its end.
std::string headline(const Kept& kept, const aptkeep_keep& keep);

// What was tried: the version that was there already, or an older one.
bool is_reinstallation(const aptkeep_keep& keep);
bool is_downgrade(const aptkeep_keep& keep);

// Why it failed: ending, and the last `lines` of what the script printed; with kAllLines all that
// is recorded, dpkg's own words and the kind of failure too.
constexpr std::size_t kAllLines = 1000;
std::string story(const aptkeep_keep& keep, std::size_t lines);

// Its cause but for what shortcomings() tells.
std::vector<std::string> reasons(const aptkeep_keep& keep);

// Why it was not put back, and what is not as it was although it was; a line each.
std::string shortcomings(const Kept& kept, const aptkeep_keep& keep, const std::string& indent);

// What can be typed next.
std::string advice(const Kept& kept, const aptkeep_keep& failed);

// The failed one that it waits for, or itself; nullptr where that is no longer kept.
const aptkeep_keep* root_of(const Kept& kept, const aptkeep_keep& keep);

// Whether a name means a package: "foo" or "foo:arch".
bool means(const std::string& name, const std::string& package);

// Has apt heed the keeps as they are now on record. Some were lifted: what was pinned away for
// their sake is looked at anew by the hook, which has apt's resolver.
void write_pins(const Kept& kept);

// Ends the command unless it runs as root. `what`: "release foo".
void need_root(const std::string& what);

}  // namespace aptkeep::cli
