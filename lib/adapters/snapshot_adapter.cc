#include "adapters/snapshot.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <memory>
#include <optional>
#include <unordered_set>

#include "adapters/snapshot_back.h"
#include "adapters/snapshot_fs.h"
#include "adapters/snapshot_guarded.h"
#include "adapters/snapshot_record.h"
#include "adapters/snapshot_stage.h"
#include "adapters/snapshot_system.h"
#include "adapters/snapshot_take.h"

namespace aptkeep {

using snapshot::Fd;

namespace {

constexpr const char* kRecord = "record";
constexpr const char* kSystem = "system";
constexpr const char* kCopied = "copied";  // bytes that the copy limit counts

bool usable_name(const std::string& package) {
  return !package.empty() && package[0] != '.' && package.find('/') == std::string::npos &&
         package.find('\0') == std::string::npos;
}

bool finished(int folder, const std::string& path, const std::string& package) {
  if (!usable_name(package)) return false;
  auto own = snapshot::open_below(folder, package, path + "/" + package, false);
  return own && snapshot::is_whole(own->get(), kRecord);
}

std::uint64_t read_copied(int folder) {
  std::uint64_t bytes = 0;
  auto fd = snapshot::open_file(snapshot::Place{folder, kCopied}, kCopied);
  if (!fd) return 0;
  auto text = snapshot::read_fd(fd->get(), kCopied, 4096);
  if (text) std::from_chars(text->data(), text->data() + text->size(), bytes);
  return bytes;
}

Status save_one(snapshot::Taking& taking, const PackageFiles& files, int folder) {
  const std::string path = taking.options.folder + "/" + files.package;
  if (auto removed = snapshot::remove_tree(folder, files.package, path); !removed) return removed;
  auto own = snapshot::open_below(folder, files.package, path, true);
  auto saved = own ? snapshot::save_package(taking, files, own->get()) : Status(own.error());
  // Half of it is of no use, and may have filled the disk.
  if (!saved) (void)snapshot::remove_tree(folder, files.package, path);
  return saved;
}

// Writes all to the disk, and only then calls it a snapshot: a record that a power cut leaves has
// everything that it names. Twice a sync, since dpkg must not begin before the names are there.
Status finish(const std::vector<std::string>& packages, int folder, const std::string& path) {
  if (syncfs(folder) != 0) return snapshot::failure("write " + path);
  for (const std::string& package : packages) {
    auto own = snapshot::open_below(folder, package, path + "/" + package, false);
    if (!own) return own.error();
    if (renameat(own->get(), snapshot::kUnsynced, own->get(), kRecord) != 0) {
      return snapshot::failure("write " + path + "/" + package);
    }
  }
  if (syncfs(folder) != 0) return snapshot::failure("write " + path);
  return success();
}

using Problems = std::map<std::string, std::string>;

// Reads and saves them; `states`: what dpkg said of some when they were saved first.
Status save_all(const SnapshotOptions& options, int folder,
                const std::vector<std::string>& packages,
                const std::map<std::string, std::string>& states, Problems& problems) {
  auto read = options.read(packages);
  if (!read) return read.error();
  snapshot::Taking taking{
      options,        {}, snapshot::read_ucf(options.ucf_folder), read_copied(folder), {},
      !states.empty()};
  for (const Diversion& diversion : read->diversions) {
    taking.diversions.emplace(diversion.from, diversion);
  }
  for (const std::string& package : packages) {
    problems[package] = "unable to save " + package + ": dpkg knows no files of it";
  }
  std::vector<std::string> fresh;
  for (PackageFiles& files : read->packages) {
    if (const auto state = states.find(files.package); state != states.end())
      files.state = state->second;
    // Who put back what an empty list names would delete all files.
    auto saved = files.has_list ? save_one(taking, files, folder)
                                : Status(Error{"unable to save " + files.package +
                                               ": dpkg's list of its files is lost"});
    if (saved) {
      problems.erase(files.package);
      fresh.push_back(files.package);
    } else {
      problems[files.package] = saved.error().message;
    }
  }
  if (taking.copied != 0) {
    auto noted =
        snapshot::write_file(folder, kCopied, std::to_string(taking.copied), snapshot::Sync::Later);
    if (!noted) return noted;
  }
  return finish(fresh, folder, options.folder);
}

// What all packages of the call need; an Error concerns them all.
Status take_all(const SnapshotOptions& options, const std::vector<std::string>& packages,
                Problems& problems) {
  auto folder = snapshot::open_folder(options.folder, true);
  if (!folder) return folder.error();
  std::vector<std::string> missing;
  for (const std::string& package : packages) {
    if (!usable_name(package)) {
      problems[package] = "unable to save " + package + ": not a package's name";
    } else if (!finished(folder->get(), options.folder, package)) {
      missing.push_back(package);
    }
  }
  if (!snapshot::is_whole(folder->get(), kSystem)) {
    auto system = snapshot::read_system(options);
    if (!system) return system.error();
    if (auto saved = save(folder->get(), kSystem, *system); !saved) return saved;
  }
  if (missing.empty()) return success();
  return save_all(options, folder->get(), missing, {}, problems);
}

std::unordered_set<std::string> paths_of(const std::vector<ConffileRecord>& conffiles) {
  std::unordered_set<std::string> paths;
  for (const ConffileRecord& conffile : conffiles) paths.insert(conffile.path);
  return paths;
}

// Whether somebody has touched its configuration since: a person, or another package's script.
bool is_edited(const snapshot::Record& record) {
  const Snapshot& saved = record.snapshot;
  const auto conffiles = paths_of(saved.conffiles);
  const auto touched = [&](const FileRecord& file) {
    const bool there = snapshot::changed_since(file.true_path, 0);
    return there != (file.type != FileType::Absent) ||
           snapshot::changed_since(file.true_path, record.taken);
  };
  for (std::size_t i = 0; i < saved.files.size(); ++i) {
    const FileRecord& file = saved.files[i];
    const bool conffile = i >= record.listed || conffiles.count(file.path) != 0;
    if (conffile && touched(file)) return true;
  }
  return false;
}

// Nothing that dpkg said of its files when the record was made has gone.
bool lists_the_same(const snapshot::Record& record, const PackageFiles& files) {
  const std::unordered_set<std::string> now(files.paths.begin(), files.paths.end());
  const auto& conffiles = record.snapshot.conffiles;
  const auto same = [](const ConffileRecord& a, const ConffileRecord& b) {
    return a.path == b.path && a.hash == b.hash && a.obsolete == b.obsolete;
  };
  if (!std::equal(conffiles.begin(), conffiles.end(), files.conffiles.begin(),
                  files.conffiles.end(), same)) {
    return false;
  }
  const auto known = paths_of(conffiles);
  for (std::size_t i = 0; i < record.listed; ++i) {
    const std::string& path = record.snapshot.files[i].path;
    if (known.count(path) == 0 && now.count(path) == 0) return false;
  }
  return true;
}

Status renew_all(const SnapshotOptions& options, const std::vector<std::string>& packages,
                 Problems& problems) {
  auto folder = snapshot::open_folder(options.folder, false);
  if (!folder) return folder.error();
  std::map<std::string, snapshot::Record> edited;
  for (const std::string& package : packages) {
    if (!usable_name(package)) continue;
    const std::string path = options.folder + "/" + package;
    auto own = snapshot::open_below(folder->get(), package, path, false);
    auto record =
        own ? snapshot::load_record(own->get(), kRecord) : Result<snapshot::Record>(own.error());
    if (record && is_edited(*record)) edited.emplace(package, std::move(*record));
  }
  if (edited.empty()) return success();
  std::vector<std::string> names;
  for (const auto& [package, record] : edited) names.push_back(package);
  auto read = options.read(names);
  if (!read) return read.error();
  // What another package has taken over is no edit, and cannot be saved any more: that snapshot is
  // the only one there will be.
  std::vector<std::string> whole;
  std::map<std::string, std::string> states;
  for (const PackageFiles& files : read->packages) {
    const auto& record = edited.at(files.package);
    if (!lists_the_same(record, files)) continue;
    whole.push_back(files.package);
    states[files.package] = record.snapshot.state;
  }
  return whole.empty() ? success() : save_all(options, folder->get(), whole, states, problems);
}

}  // namespace

Problems RealSnapshots::take(const std::vector<std::string>& packages) {
  Problems problems;
  auto taken =
      snapshot::guarded("save packages", [&] { return take_all(options_, packages, problems); });
  if (!taken) {
    for (const std::string& package : packages) problems[package] = taken.error().message;
  }
  return problems;
}

Problems RealSnapshots::renew(const std::vector<std::string>& packages) {
  Problems problems;
  auto renewed =
      snapshot::guarded("save packages", [&] { return renew_all(options_, packages, problems); });
  if (!renewed) {
    for (const std::string& package : packages) problems[package] = renewed.error().message;
  }
  return problems;
}

bool RealSnapshots::has(const std::string& package) {
  auto found = snapshot::guarded("read a snapshot", [&]() -> Result<bool> {
    auto folder = snapshot::open_folder(options_.folder, false);
    return folder && finished(folder->get(), options_.folder, package);
  });
  return found && *found;
}

Result<std::string> RealSnapshots::archive(const std::string& package) {
  return snapshot::guarded("make an archive", [&]() -> Result<std::string> {
    const std::string path = options_.folder + "/" + package;
    if (!usable_name(package)) return Error{"unable to read the snapshot of " + package};
    auto folder = snapshot::open_folder(options_.folder, false);
    if (!folder) return folder.error();
    auto own = snapshot::open_below(folder->get(), package, path, false);
    if (!own) return own.error();
    auto record = snapshot::load_record(own->get(), kRecord);
    if (!record) return record.error();
    if (options_.since != 0) {
      if (auto noted = snapshot::note_today(options_, package, *record); !noted)
        return noted.error();
    }
    return snapshot::make_archive(*record, own->get(), path);
  });
}

Result<Snapshot> read_snapshot(const std::string& folder, const std::string& package) {
  return snapshot::guarded("read a snapshot", [&]() -> Result<Snapshot> {
    if (!usable_name(package)) return Error{"unable to read the snapshot of " + package};
    auto all = snapshot::open_folder(folder, false);
    if (!all) return all.error();
    auto own = snapshot::open_below(all->get(), package, folder + "/" + package, false);
    if (!own) return own.error();
    auto record = snapshot::load_record(own->get(), kRecord);
    if (!record) return record.error();
    return std::move(record->snapshot);
  });
}

std::vector<std::string> snapshot_packages(const std::string& folder) {
  std::vector<std::string> packages;
  auto all = snapshot::open_folder(folder, false);
  if (!all) return packages;
  const int inner = openat(all->get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(inner < 0 ? nullptr : fdopendir(inner), closedir);
  if (!dir) return packages;
  while (const dirent* entry = readdir(dir.get())) {
    const std::string name = entry->d_name;
    if (name.find(':') != std::string::npos && finished(all->get(), folder, name)) {
      packages.push_back(name);
    }
  }
  std::sort(packages.begin(), packages.end());
  return packages;
}

}  // namespace aptkeep
