// The folders that snapshots are kept in: opened and removed so that nobody can lead us elsewhere.
#include <dirent.h>
#include <fcntl.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "adapters/snapshot.h"
#include "adapters/snapshot_fs.h"

namespace aptkeep {
namespace snapshot {
namespace {

// A real folder of root's (in a test: of the one who runs it) that no other can change.
Status check_own(int fd, const std::string& path, mode_t forbidden) {
  struct stat stab {};
  if (fstat(fd, &stab) != 0) return failure("look at " + path);
  if (stab.st_uid != geteuid()) return Error{"unable to use " + path + ": it is not root's"};
  if ((stab.st_mode & forbidden) != 0) {
    return Error{"unable to use " + path + ": others may write to it"};
  }
  return success();
}

Result<Fd> open_one(int folder, const std::string& name, const std::string& path, bool make,
                    mode_t forbidden) {
  constexpr int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  Fd fd(openat(folder, name.c_str(), flags));
  if (!fd.open() && errno == ENOENT && make) {
    if (mkdirat(folder, name.c_str(), 0700) != 0 && errno != EEXIST) return failure("make " + path);
    fd = Fd(openat(folder, name.c_str(), flags));
  }
  if (!fd.open()) return failure("open " + path);
  if (auto own = check_own(fd.get(), path, forbidden); !own) return own.error();
  return fd;
}

std::string parent_of(const std::string& path) {
  return path.substr(0, path.find_last_of('/'));
}

std::string last_of(const std::string& path) {
  return path.substr(path.find_last_of('/') + 1);
}

class Listing {
 public:
  explicit Listing(int folder) : dir_(fdopendir(dup_of(folder)), closedir) {}
  bool open() const { return dir_ != nullptr; }
  const dirent* next() {
    for (;;) {
      const dirent* entry = readdir(dir_.get());
      if (entry == nullptr) return nullptr;
      const std::string name = entry->d_name;
      if (name != "." && name != "..") return entry;
    }
  }

 private:
  // Of its own, since a directory stream moves its descriptor's place.
  static int dup_of(int folder) { return openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); }
  std::unique_ptr<DIR, int (*)(DIR*)> dir_;
};

// Entries are gathered first: a folder that is changed while it is read may skip some.
Result<std::vector<std::string>> names_in(int folder, const std::string& path) {
  Listing listing(folder);
  if (!listing.open()) return failure("read " + path);
  std::vector<std::string> names;
  while (const dirent* entry = listing.next()) names.emplace_back(entry->d_name);
  std::sort(names.begin(), names.end());
  return names;
}

constexpr int kDeepest = 200;  // folders in each other; each takes a descriptor

Status remove_at(int folder, const std::string& name, const std::string& path, dev_t device,
                 int depth) {
  if (unlinkat(folder, name.c_str(), 0) == 0 || errno == ENOENT) return success();
  if (errno != EISDIR && errno != EPERM) return failure("remove " + path);
  Fd fd(openat(folder, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat stab {};
  if (!fd.open() || fstat(fd.get(), &stab) != 0) return failure("remove " + path);
  if (stab.st_dev != device) return Error{"unable to remove " + path + ": another file system"};
  if (depth > kDeepest) return Error{"unable to remove " + path + ": too deep"};
  auto names = names_in(fd.get(), path);
  if (!names) return names.error();
  for (const std::string& inner : *names) {
    auto removed = remove_at(fd.get(), inner, path + "/" + inner, device, depth + 1);
    if (!removed) return removed;
  }
  if (unlinkat(folder, name.c_str(), AT_REMOVEDIR) != 0) return failure("remove " + path);
  return success();
}

// Bytes that go with the folder: a file that has another link elsewhere stays.
Result<std::uint64_t> held_by(int folder, const std::string& path, int depth) {
  auto names = names_in(folder, path);
  if (!names) return names.error();
  std::uint64_t bytes = 0;
  for (const std::string& name : *names) {
    struct stat stab {};
    if (fstatat(folder, name.c_str(), &stab, AT_SYMLINK_NOFOLLOW) != 0) continue;
    if (S_ISDIR(stab.st_mode)) {
      Fd fd(openat(folder, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (!fd.open() || depth > kDeepest) continue;
      auto inner = held_by(fd.get(), path + "/" + name, depth + 1);
      if (!inner) return inner;
      bytes += *inner;
    } else if (stab.st_nlink == 1) {
      bytes += static_cast<std::uint64_t>(stab.st_blocks) * 512;
    }
  }
  return bytes;
}

}  // namespace

Result<Fd> open_below(int folder, const std::string& name, const std::string& path, bool make) {
  return open_one(folder, name, path, make, 077);
}

Result<Fd> open_folder(const std::string& path, bool make) {
  const std::string run = parent_of(path);
  const std::string base = parent_of(run);
  if (base.empty() || base[0] != '/') return Error{"unable to use " + path + ": not a whole path"};
  // The base may be read by others (a package makes it 0755), never written.
  auto base_fd = open_one(AT_FDCWD, base, base, make, 022);
  if (!base_fd) return base_fd.error();
  auto run_fd = open_below(base_fd->get(), last_of(run), run, make);
  if (!run_fd) return run_fd.error();
  return open_below(run_fd->get(), last_of(path), path, make);
}

Status remove_tree(int folder, const std::string& name, const std::string& path) {
  struct stat stab {};
  if (fstat(folder, &stab) != 0) return failure("look at " + path);
  return remove_at(folder, name, path, stab.st_dev, 0);
}

}  // namespace snapshot

using snapshot::Fd;

Status remove_snapshots(const std::string& folder) {
  const std::string parent = snapshot::parent_of(folder);
  auto parent_fd = snapshot::open_one(AT_FDCWD, parent, parent, false, 022);
  if (!parent_fd) {
    if (access(parent.c_str(), F_OK) != 0 && errno == ENOENT) return success();
    return parent_fd.error();
  }
  return snapshot::remove_tree(parent_fd->get(), snapshot::last_of(folder), folder);
}

Status prune_snapshots(const std::string& base, std::size_t keep_runs, std::uint64_t most_bytes,
                       const std::string& current) {
  auto base_fd = snapshot::open_one(AT_FDCWD, base, base, false, 022);
  if (!base_fd) {
    if (access(base.c_str(), F_OK) != 0 && errno == ENOENT) return success();
    return base_fd.error();
  }
  struct Run {
    std::int64_t made;
    std::string name;
    std::uint64_t bytes;
  };
  auto names = snapshot::names_in(base_fd->get(), base);
  if (!names) return names.error();
  std::vector<Run> runs;
  std::uint64_t all = 0;
  for (const std::string& name : *names) {
    Fd fd(openat(base_fd->get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    struct stat stab {};
    if (!fd.open() || fstat(fd.get(), &stab) != 0) continue;
    auto bytes = snapshot::held_by(fd.get(), base + "/" + name, 0);
    if (!bytes) return bytes.error();
    all += *bytes;
    runs.push_back(Run{stab.st_mtim.tv_sec * 1'000'000'000 + stab.st_mtim.tv_nsec, name, *bytes});
  }
  std::sort(runs.begin(), runs.end(), [](const Run& a, const Run& b) {
    return a.made != b.made ? a.made < b.made : a.name < b.name;
  });
  std::size_t left = runs.size();
  for (const Run& run : runs) {
    if (left <= keep_runs && all <= most_bytes) break;
    if (run.name == current) continue;
    auto removed = snapshot::remove_tree(base_fd->get(), run.name, base + "/" + run.name);
    if (!removed) return removed;
    --left;
    all -= run.bytes;
  }
  return success();
}

}  // namespace aptkeep
