// Puts contents back where they were, each file whole or not at all.
#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "adapters/snapshot_back.h"

namespace aptkeep::snapshot {
namespace {

constexpr const char* kFresh = ".dpkg-tmp";  // a name that cron, run-parts and others skip

// The folders on the way to a path, as recorded where they are.
Status make_parents(Package& package, const std::string& path) {
  for (std::size_t at = path.find('/', 1); at != std::string::npos; at = path.find('/', at + 1)) {
    const std::string folder = path.substr(0, at);
    Walk walk;
    auto place = walk.to(folder);
    if (!place) return place.error();
    struct stat stab {};
    if (!place->found() || look(*place, stab)) continue;
    if (mkdirat(place->folder, place->name.c_str(), 0755) != 0) return failure("make " + folder);
    for (const FileRecord& file : package.record.snapshot.files) {
      if (file.true_path != folder || file.type != FileType::Directory) continue;
      fchownat(place->folder, place->name.c_str(), file.uid, file.gid, AT_SYMLINK_NOFOLLOW);
      fchmodat(place->folder, place->name.c_str(), file.mode, 0);
    }
  }
  return success();
}

Result<Fd> stored_of(Package& package, const FileRecord& file) {
  auto store = open_below(package.folder.get(), "files", package.path + "/files", false);
  if (!store) return store.error();
  return open_file(Place{store->get(), file.stored}, package.path + "/files/" + file.stored);
}

// What the new file at `fd` is to be: as recorded, or, behind a symlink and where
// a person may have changed that since, as the one it replaces.
Status dress(int fd, const FileRecord& file, const Place& place, bool by_hand) {
  uid_t uid = file.uid;
  gid_t gid = file.gid;
  mode_t mode = file.mode;
  auto xattrs = file.xattrs;
  struct stat stab {};
  const bool there = look(place, stab);
  if (file.type == FileType::Symlink && !there) return failure("look at " + place.name);
  if (file.type == FileType::Symlink || (by_hand && there && S_ISREG(stab.st_mode))) {
    xattrs = read_xattrs(name_of(place, place.name));
    uid = stab.st_uid;
    gid = stab.st_gid;
    mode = stab.st_mode & 07777;
  }
  if (fchown(fd, uid, gid) != 0 || fchmod(fd, mode) != 0)
    return failure("give " + place.name + " its owner");
  if (file.type == FileType::Symlink) return success();
  for (const auto& [name, value] : xattrs) {
    fsetxattr(fd, name.c_str(), value.data(), value.size(), 0);  // compared in the end
  }
  const timespec times[2] = {{0, UTIME_OMIT}, {file.mtime, 0}};
  futimens(fd, times);
  return success();
}

}  // namespace

Status put_back(Package& package, const FileRecord& file, const std::string& path) {
  if (auto made = make_parents(package, path); !made) return made;
  auto from = stored_of(package, file);
  if (!from) return from.error();
  struct stat stab {};
  if (fstat(from->get(), &stab) != 0 || static_cast<std::uint64_t>(stab.st_size) != file.size) {
    return Error{"unable to put back " + path + ": what was saved of it is damaged"};
  }
  Walk walk;
  auto place = walk.to(path);
  if (!place) return place.error();
  if (!place->found()) return failure("put back " + path, ENOENT);
  const std::string fresh = place->name + kFresh;
  unlinkat(place->folder, fresh.c_str(), 0);
  const Fd to(openat(place->folder, fresh.c_str(),
                     O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!to.open()) return failure("put back " + path);
  auto copied = copy_content(from->get(), to.get(), path, false);
  Status put =
      copied ? dress(to.get(), file, *place, package.options.since != 0) : Status(copied.error());
  // Nobody has it until it is on disk: a cut must not leave an empty file in the place of one.
  if (put && fdatasync(to.get()) != 0) put = failure("put back " + path);
  if (put && renameat(place->folder, fresh.c_str(), place->folder, place->name.c_str()) != 0) {
    put = failure("put back " + path);
  }
  if (!put) unlinkat(place->folder, fresh.c_str(), 0);
  return put;
}

Result<Present> compare_content(Package& package, const FileRecord& file, const std::string& path) {
  Walk walk;
  auto place = walk.to(path);
  if (!place) return place.error();
  struct stat stab {};
  if (!look(*place, stab)) return Present::Missing;
  if (!S_ISREG(stab.st_mode)) return Present::NoFile;
  auto now = open_file(*place, path);
  if (!now) return now.error();
  auto stored = stored_of(package, file);
  if (!stored) return stored.error();
  auto same = same_content(now->get(), stored->get(), path);
  if (!same) return same.error();
  return *same ? Present::Same : Present::Other;
}

std::string hash_at(const std::string& path) {
  Walk walk;
  auto place = walk.to(path);
  if (!place || !place->found()) return "";
  auto fd = open_file(*place, path);
  if (!fd) return "";
  auto hash = md5_of(fd->get(), path);
  return hash ? *hash : "";
}

bool changed_since(const std::string& path, std::int64_t taken) {
  Walk walk;
  auto place = walk.to(path);
  struct stat stab {};
  return place && look(*place, stab) && is_since(stab, taken);
}

bool is_since(const struct stat& stab, std::int64_t taken) {
  return stab.st_ctim.tv_sec * 1'000'000'000 + stab.st_ctim.tv_nsec >= taken;
}

Status remove_file(const std::string& path) {
  Walk walk;
  auto place = walk.to(path);
  if (!place) return place.error();
  if (place->found() && unlinkat(place->folder, place->name.c_str(), 0) != 0 && errno != ENOENT &&
      errno != EISDIR) {
    return failure("remove " + path);
  }
  return success();
}

Status keep_beside(Package& package, const std::string& path) {
  const auto taken = [&](const std::string& name) {
    return std::any_of(package.record.beside.begin(), package.record.beside.end(),
                       [&](const FileRecord& file) { return file.path == name; });
  };
  const std::string name = path + (taken(path + ".dpkg-old") ? ".dpkg-bak" : ".dpkg-old");
  Walk walk;
  auto place = walk.to(path);
  if (!place) return place.error();
  if (!place->found()) return success();
  if (auto noted = note_kept(package, name); !noted) return noted;
  const std::string last = name.substr(name.find_last_of('/') + 1);
  if (renameat(place->folder, place->name.c_str(), place->folder, last.c_str()) != 0) {
    return failure("rename " + path);
  }
  return success();
}

Status settle_beside(Package& package, const std::string& path, const char* const* extensions,
                     std::size_t count, const char* spared) {
  for (std::size_t i = 0; i < count; ++i) {
    const std::string name = path + extensions[i];
    if (spared != nullptr && std::string(spared) == extensions[i]) continue;
    if (was_kept(package, name) || package.stays(name)) continue;
    const auto known = std::find_if(package.record.beside.begin(), package.record.beside.end(),
                                    [&](const FileRecord& file) { return file.path == name; });
    if (known == package.record.beside.end()) {
      if (auto removed = remove_file(name); !removed) return removed;
      continue;
    }
    if (known->type != FileType::Regular) continue;
    auto present = compare_content(package, *known, name);
    if (!present) return present.error();
    if (*present == Present::Same || *present == Present::NoFile) continue;
    if (auto put = put_back(package, *known, name); !put) return put;
  }
  return success();
}

}  // namespace aptkeep::snapshot
