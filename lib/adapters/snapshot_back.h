// The steps of the way back, for one package. Part of adapters/snapshot.h.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "adapters/snapshot.h"
#include "adapters/snapshot_claims.h"
#include "adapters/snapshot_fs.h"
#include "adapters/snapshot_record.h"
#include "adapters/snapshot_system.h"

namespace aptkeep::snapshot {

// Conffiles of all packages with a snapshot in the folder: one may move from package to package.
// Read when first asked for, since most conffiles stay where they are.
class AllConffiles {
 public:
  explicit AllConffiles(const SnapshotOptions& options) : options_(options) {}
  bool was_there(const std::string& path);  // an old version had it
  // By any version of theirs, or of another package, such as a newcomer that failed.
  bool was_shipped(const std::string& path, const std::string& hash);
  // Who has it in dpkg's database.
  const std::vector<Claim>& claims_of(const std::string& path);

 private:
  void read();

  const SnapshotOptions& options_;
  bool read_ = false;
  std::unordered_set<std::string> before_;
  std::unordered_set<std::string> versions_;  // "PATH HASH"
  std::optional<Claims> claims_;
};

// In a package's folder: what is known of the failed version.
inline constexpr const char* kFailed = "failed";
// In a package's folder: the failed version's md5sums, as it shipped them.
inline constexpr const char* kFailedSums = "failed.md5sums";
// In a package's folder: the failed version's scripts, one after the other.
inline constexpr const char* kFailedScripts = "failed.scripts";
// In a package's folder: what its scripts did was undone (snapshot_unwound.cc).
inline constexpr const char* kUnwound = "unwound";
// In a package's folder: the overrides of others' files that were undone, as dpkg had them.
inline constexpr const char* kUndone = "undone.statoverride";

// A package's snapshot, opened, with what is known of the version that it is gone back from.
struct Package {
  Package(const SnapshotOptions& all, const std::string& name)
      : options(all), path(all.folder + "/" + name) {}

  const SnapshotOptions& options;
  std::string path;  // of its folder
  Fd folder;
  Record record;
  Failed failed;  // empty until clear_way() has seen it; its list of checksums is kFailedSums
  System before;
  std::int64_t before_at = 0;  // when that was written down, as a file's ctime would say it
  bool configured = false;     // dpkg has done so with the old version (as settle() finds it)

  const std::string& name() const { return record.snapshot.package; }
  bool lists(const std::string& listed) const;    // the old version does
  bool brought(const std::string& listed) const;  // the failed version lists it
  bool stays(const std::string& path) const;  // a person has changed it since (snapshot_today.cc)
  // Whether the failed version's scripts, or the old one's, call `tool`, and have the path's
  // folder, and its last name as a word: what of others' was changed in the run was changed by
  // them, then (snapshot_scripts.cc).
  bool has_named(const std::string& path, const std::string& tool) const;
  // Whether those of another package that was unpacked since `before_at`, and has not gone back, do
  // so too: then it may be that one's work, and it is left.
  bool others_name(const std::string& path, const std::string& tool) const;
  // They alone: then it is that one's work, even where it is done to a file of this package.
  bool only_others_name(const std::string& named, const std::string& tool) const {
    return !may_name(named, tool) && others_name(named, tool);
  }
  // Whether its scripts, or the old version's, may be about one of its own files so: the folder may
  // be in pieces there.
  bool may_name(const std::string& path, const std::string& tool) const;
  // Whether they do that to a whole group of alternatives ("--remove-all"), and no other's do.
  bool treats_group(const std::string& group, const std::string& how) const;
  // Whether they set owner or mode of that folder, which they have, as far as their text tells.
  bool others_set(const std::string& named) const;

  std::unordered_set<std::string> listed_;
  std::unordered_set<std::string> brought_;
  std::unordered_set<std::string> stays_;
  std::string scripts_;                                      // the failed version's
  std::string old_scripts_;                                  // the old one's
  std::optional<std::unordered_set<std::string>> replaced_;  // by note_replaced()
  struct Script {
    std::string owner;
    std::string text;
  };
  const std::vector<Script>& others_scripts() const;
  mutable std::optional<std::vector<Script>> others_scripts_;
};

// snapshot_return.cc
// Fills `before`; `folder`: that of all packages.
Status read_before(Package& package, int folder);
// What was noted of the failed version; empty: nothing yet.
Result<Failed> read_failed(const Package& package);
Result<Package> open_package(const SnapshotOptions& options, const std::string& name);

// snapshot_today.cc: in a rollback by hand, before dpkg begins; `record` is then as of today, too.
Status note_today(const SnapshotOptions& options, const std::string& name, Record& record);
// Has the package see what was noted, if anything.
Status as_of_today(Package& package);

// snapshot_way.cc: what stands where dpkg has to unpack something of another type.
Status clear_package(Package& package);
Status undo_moves(Package& package);
// Symlinks that the archive had as folders; and into them what others had laid in such a folder.
Status make_symlinks(Package& package);
// A path that we left beside another on purpose: not a leftover to be removed.
Status note_kept(Package& package, const std::string& path);
bool was_kept(const Package& package, const std::string& path);

// snapshot_aside.cc: puts what is at a path into SnapshotOptions::set_aside.
// `made`: the failed version's scripts have made it, so that it need not be kept.
Status move_aside(Package& package, const std::string& path, bool made = false);
// Once all is back: what was the failed version's own is of no use any more. Sentences on the rest,
// which stays there for good: it may be somebody's data.
std::vector<std::string> drop_aside(Package& package);

// snapshot_put.cc: contents put in place whole, as they were recorded.
Status put_back(Package& package, const FileRecord& file, const std::string& path);
enum class Present { Missing, Same, Other, NoFile };
Result<Present> compare_content(Package& package, const FileRecord& file, const std::string& path);
// md5 of the file there, "" where there is none.
std::string hash_at(const std::string& path);
// By its ctime, in nanoseconds. False also where it is not there.
bool changed_since(const std::string& path, std::int64_t taken);
bool is_since(const struct stat& stab, std::int64_t taken);
Status remove_file(const std::string& path);
// Takes a file that somebody changed out of use, and keeps it.
Status keep_beside(Package& package, const std::string& path);
// What lay beside `path` lies there again, and nothing else; `spared` is left alone.
Status settle_beside(Package& package, const std::string& path, const char* const* extensions,
                     std::size_t count, const char* spared = nullptr);

// snapshot_conffiles.cc
// The old version's record of a path; nullptr: it has none.
const FileRecord* find_file(const Package& package, const std::string& path);
// nullptr: it is none of them.
const ConffileRecord* find_conffile(const std::vector<ConffileRecord>& conffiles,
                                    const std::string& path);
// Whether nobody would miss the content: some version of it that was shipped.
bool is_known(const Package& package, AllConffiles& all, const std::string& path,
              const std::string& hash);
// Whether a conffile that the old version does not have was another package's before the run, which
// has given it up, and has that one's text.
bool has_others_text(const Package& package, AllConffiles& all, const std::string& path);
Status settle_conffiles(Package& package, AllConffiles& all);
Status cross_off_newcomers(Package& package, AllConffiles& all);
// After dpkg has configured the old version: what it did not take of what it unpacked.
Status settle_leftovers(Package& package);
// snapshot_ucf.cc
Status settle_ucf(Package& package);
Status settle_extra(Package& package);

// snapshot_scripts.cc
// Keeps what dpkg is about to forget: the maintainer scripts that it has of a version.
Status keep_scripts(int folder, const PackageFiles& files);
// Those kept; "": none.
// Those of the old version, from its snapshot.
std::string read_old_scripts(const Package& package);
Result<std::string> read_scripts(const Package& package);
// The text of those that dpkg has; what cannot be read is left out.
std::string scripts_of(const PackageFiles& files);
inline constexpr const char* kScripts[] = {"config", "postinst", "postrm", "preinst", "prerm"};
// A longer one is not looked into.
inline constexpr std::size_t kLongestScript = std::size_t{1} << 20;

// snapshot_diverted.cc
// Path -> where it goes, by diversions that are not the package's own; `local`: also by those that
// are no package's.
std::map<std::string, std::string> diverted_by_others(const Package& package,
                                                      const std::string& list, bool local);
// FileRecord::true_path as other packages' diversions have it now.
Status follow_diversions(Package& package);

// snapshot_diversions.cc, snapshot_undo.cc: sentences on what could not be undone.
std::vector<std::string> restore_diversions(Package& package);  // before
std::vector<std::string> undo_diversions(Package& package);
std::vector<std::string> undo_overrides(Package& package);
// Of others' files whose override was undone: whose owner and mode they were before nobody knows.
std::vector<std::string> tell_undone(Package& package);
// snapshot_alternatives.cc
std::vector<std::string> undo_alternatives(Package& package);

// snapshot_owners.cc
// The same path on a system whose /bin is in /usr, as a package may say it; "": there is none.
std::string alias_of(const std::string& path);
// What dpkg-query prints of who has these paths (core/dpkg_status.h: owners_in).
Result<std::string> search_owners(const std::vector<std::string>& paths);
// Whose a path is by dpkg's lists as they are: of its name alone, whatever the architecture. Nobody
// also where dpkg does not say. To ask takes as long as to read all lists, whether of one or many.
enum class Owner { Nobody, Own, Shared, Others };
Owner owner_of(const Package& package, const std::string& path);
// Those that are somebody's.
std::unordered_map<std::string, Owner> owners_of(const Package& package,
                                                 const std::vector<std::string>& paths);
// Of a package as dpkg names it: whether it is there, more than its conffiles.
bool is_installed(const SnapshotOptions& options, const std::string& owner);
// Whether it is back at its old version, or removed again.
bool is_as_before(const SnapshotOptions& options, const std::string& owner);

// snapshot_taken.cc: what `failed`, which is still there, took over from other packages, and what
// others have by now that the old version has as well.
std::vector<Taken> taken_over(const Package& package, const PackageFiles& failed);
// Whether something of the old version is not there that is to come with its unpacking.
bool lacks_files(const Package& package);
// Whether another package has a file of the old version by now, which dpkg has left to it when it
// unpacked that (Replaces).
bool is_replaced(const Package& package, const std::string& path);
// Remembers of which paths that is so.
void note_replaced(Package& package);
// The conffiles of which that is so: before dpkg knows of them again by this package's list.
std::vector<std::string> tell_replaced(const Package& package);
// Sentences on what of the one is nowhere now, and of the other is there twice.
std::vector<std::string> still_taken(const Package& package, AllConffiles& all);

// snapshot_compare.cc: puts back owners, modes and attributes; says what is not as it was.
std::vector<std::string> compare_package(Package& package);
// The same of those of its files that are named.
std::vector<std::string> compare_paths(Package& package,
                                       const std::unordered_set<std::string>& paths);

}  // namespace aptkeep::snapshot
