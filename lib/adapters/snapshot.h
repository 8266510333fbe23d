// Snapshots of packages on disk, and the way back from them. Below SnapshotOptions::folder (one per
// run and plan, for root alone) each package has a folder NAME:ARCH with
//   record    what Snapshot says, as CBOR behind a checksum; written last: no record, no snapshot
//   files/N   hard links to its files; copies of conffiles, of all below /etc and of setuid files
//   control/  its control files
// and the folder itself has `system`: diversions, overrides and alternatives as they were.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "adapters/dpkg_files.h"
#include "core/config.h"
#include "core/result.h"
#include "core/snapshot.h"
#include "engine/ports.h"

namespace aptkeep {

struct SnapshotOptions {
  std::string folder;  // .../snapshots/RUN/PLAN; RUN and PLAN are made when something is taken
  // Bytes that may be copied where a file cannot be linked or cloned (another file system). Files
  // that are copied for other reasons do not count.
  std::uint64_t copy_limit = std::uint64_t{2} << 30;
  // 0: what is put back has been changed in this very run. Otherwise a person undoes a run that
  // ended then (nanoseconds since the epoch), and what people have made of files since stays:
  // edited conffiles, local diversions, statoverrides, alternatives, folders' modes.
  std::int64_t since = 0;
  // Files that belong to a package though dpkg does not know them, by "name:arch". What a symlink
  // of them leads to belongs to it as well, where only root can have laid that way.
  std::map<std::string, std::vector<std::string>> extra;
  // Told of those that cannot be saved: "unable to save /etc/x for foo: that is a folder". That
  // holds nothing up.
  std::function<void(const std::string&)> say = [](const std::string&) {};

  // Whether dpkg may have unpacked files over another package's without a Replaces; asked only on
  // the way back.
  std::function<bool()> overwrites = [] { return false; };

  std::function<Result<DpkgFiles>(const std::vector<std::string>&)> read = read_dpkg_files;
  std::function<Status(const std::string&, const std::vector<ConffileRecord>&)> write =
      write_conffiles;
  std::function<Status(const std::string&, const std::string&)> half_configure =
      write_half_configured;
  // Where the way back puts what was in its way and may be somebody's data: RUN/NAME:ARCH/..., for
  // root alone. Nothing here ever removes that.
  std::string set_aside = paths::kSetAside;
  std::string dpkg_folder = "/var/lib/dpkg";
  std::string ucf_folder = "/var/lib/ucf";
  std::string alternatives_folder = "/etc/alternatives";
};

class RealSnapshots final : public Snapshots {
 public:
  explicit RealSnapshots(SnapshotOptions options) : options_(std::move(options)) {}

  void expect_overwrites() {
    options_.overwrites = [] { return true; };
  }

  std::map<std::string, std::string> take(const std::vector<std::string>& packages) override;
  std::map<std::string, std::string> renew(const std::vector<std::string>& packages) override;
  bool has(const std::string& package) override;
  Result<std::string> archive(const std::string& package) override;
  Status remove_strays(const std::string& package, const std::string& archive) override;
  Status clear_way(const std::vector<std::string>& packages) override;
  Status settle(const std::vector<std::string>& packages) override;
  Status unsettle(const std::string& package) override;
  bool lacks_files(const std::string& package) override;
  Result<std::vector<std::string>> complete(const std::vector<std::string>& packages) override;
  Status note_new(const std::vector<std::string>& packages) override;
  std::vector<std::string> undo_new(const std::string& package) override;
  void clear_new(const std::string& package) override;
  std::vector<std::string> undo_scripts(const std::string& package, const std::string& archive,
                                        bool once) override;
  bool shares_files(const std::string& newcomer, const std::vector<std::string>& packages) override;

 private:
  SnapshotOptions options_;
};

// What was recorded of a package; an Error too where the record is damaged.
Result<Snapshot> read_snapshot(const std::string& folder, const std::string& package);

// The packages that have a finished snapshot in the folder, "name:arch", sorted.
std::vector<std::string> snapshot_packages(const std::string& folder);

// Removes a folder of snapshots (a RUN, or one PLAN of it) with all that is in it. Follows no
// symlink and enters no other file system. A folder that is not there is a success.
Status remove_snapshots(const std::string& folder);

// Removes the oldest RUN folders of `base` until at most `keep_runs` are left, and all together
// hold at most `most_bytes` that nothing else holds. `current` (a folder's name) always stays.
Status prune_snapshots(const std::string& base, std::size_t keep_runs, std::uint64_t most_bytes,
                       const std::string& current = "");

}  // namespace aptkeep
