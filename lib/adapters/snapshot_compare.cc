// The last step back: owners, modes and attributes from the record, and a look at every path.
#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <unordered_set>

#include "adapters/snapshot_back.h"

namespace aptkeep::snapshot {
namespace {

constexpr std::size_t kMostSentences = 50;

std::string octal(mode_t mode) {
  char text[16];
  std::snprintf(text, sizeof text, "%04o", static_cast<unsigned>(mode));
  return text;
}

std::string with_article(FileType type) {
  return type == FileType::Absent ? "missing" : noun_of(type);
}

class Comparison {
 public:
  explicit Comparison(Package& package);

  void compare(const FileRecord& file);
  std::vector<std::string> sentences;

 private:
  bool is_free(const FileRecord& file) const;
  bool same_bytes(const FileRecord& file, const Place& place);
  void compare_behind(const FileRecord& file);
  void compare_replaced(const FileRecord& file);
  void put_attributes(const FileRecord& file, const Place& place, const struct stat& stab);
  void compare_attributes(const FileRecord& file, const Place& place);
  void say(const FileRecord& file, const std::string& what);

  Package& package_;
  Walk walk_;
  std::unordered_set<std::string> free_;  // owner and mode of these are not ours to put back
};

// In a rollback by hand: folders and configuration files keep their owner and mode, as dpkg leaves
// them, and of an override dpkg has made what it says.
Comparison::Comparison(Package& package) : package_(package) {
  if (package.options.since == 0) {
    // What another package of the run has said of a folder that both have.
    const auto before = parse_overrides(package.before.statoverride);
    const auto now = read_lists(package.options);
    for (const Override& one : now ? parse_overrides(now->statoverride) : before) {
      if (std::ranges::count(before, one) == 0) free_.insert({one.path, alias_of(one.path)});
    }
    return;
  }
  if (auto now = read_lists(package.options)) {
    for (const Override& one : parse_overrides(now->statoverride)) free_.insert(one.path);
  }
  const Snapshot& snapshot = package.record.snapshot;
  for (const ConffileRecord& conffile : snapshot.conffiles) free_.insert(conffile.path);
  for (std::size_t i = package.record.listed; i < snapshot.files.size(); ++i) {
    free_.insert(snapshot.files[i].path);
  }
}

bool Comparison::is_free(const FileRecord& file) const {
  const bool by_hand = package_.options.since != 0;
  return (by_hand && file.type == FileType::Directory) || free_.count(file.path) != 0;
}

void Comparison::say(const FileRecord& file, const std::string& what) {
  sentences.push_back(file.path + ": " + what);
}

bool Comparison::same_bytes(const FileRecord& file, const Place& place) {
  auto store = open_below(package_.folder.get(), "files", package_.path + "/files", false);
  auto stored =
      store ? open_file(Place{store->get(), file.stored}, file.path) : Result<Fd>(store.error());
  auto now = open_file(place, file.path);
  auto same = stored && now ? same_content(now->get(), stored->get(), file.path)
                            : Result<bool>(stored ? now.error() : stored.error());
  if (!same) {
    say(file, same.error().message);
    return false;
  }
  struct stat stab {};
  if (fstat(stored->get(), &stab) == 0 && stab.st_dev == file.device && stab.st_ino == file.inode &&
      (static_cast<std::uint64_t>(stab.st_size) != file.size ||
       stab.st_mtim.tv_sec != file.mtime)) {
    say(file, "it was written to in place, its content from before is not known");
    return false;
  }
  if (!*same) say(file, "its content is another");
  return *same;
}

// A conffile that its admin laid elsewhere.
void Comparison::compare_behind(const FileRecord& file) {
  const std::unique_ptr<char, void (*)(void*)> real(realpath(file.true_path.c_str(), nullptr),
                                                    std::free);
  auto present = real ? compare_content(package_, file, real.get())
                      : Result<Present>(failure("look at " + file.true_path));
  if (!present) {
    say(file, present.error().message);
  } else if (*present != Present::Same) {
    say(file, "the content behind it is another");
  }
}

// Conffiles that nobody has edited are told of by tell_replaced().
void Comparison::compare_replaced(const FileRecord& file) {
  const auto* conffile = find_conffile(package_.record.snapshot.conffiles, file.path);
  if (file.stored.empty() || (conffile != nullptr && !conffile->edited)) return;
  const auto present = compare_content(package_, file, file.true_path);
  if (!present || *present != Present::Same) say(file, "it belongs to another package now");
}

// Through /proc: calls that take descriptors refuse those of symlinks and devices.
void Comparison::put_attributes(const FileRecord& file, const Place& place,
                                const struct stat& stab) {
  const std::string name = name_of(place, file.true_path);
  bool owner_changed = false;
  if (stab.st_uid != file.uid || stab.st_gid != file.gid) {
    owner_changed =
        fchownat(place.folder, place.name.c_str(), file.uid, file.gid, AT_SYMLINK_NOFOLLOW) == 0;
  }
  if (file.type != FileType::Symlink && (owner_changed || (stab.st_mode & 07777) != file.mode)) {
    const Fd fd(openat(place.folder, place.name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    struct stat now {};
    if (fd.open() && fstat(fd.get(), &now) == 0 && type_of(now) == file.type &&
        chmod(("/proc/self/fd/" + std::to_string(fd.get())).c_str(), file.mode) != 0 &&
        errno == ENOENT) {
      fchmodat(place.folder, place.name.c_str(), file.mode, 0);
    }
  }
  const auto present = read_xattrs(name);
  for (const auto& [key, value] : present) {
    if (file.xattrs.count(key) == 0) lremovexattr(name.c_str(), key.c_str());
  }
  for (const auto& [key, value] : file.xattrs) {
    const auto found = present.find(key);
    if (found != present.end() && found->second == value) continue;
    lsetxattr(name.c_str(), key.c_str(), value.data(), value.size(), 0);
  }
}

void Comparison::compare_attributes(const FileRecord& file, const Place& place) {
  struct stat stab {};
  if (!look(place, stab)) return;
  if (stab.st_uid != file.uid || stab.st_gid != file.gid) {
    say(file, "owner " + std::to_string(stab.st_uid) + ":" + std::to_string(stab.st_gid) +
                  ", was " + std::to_string(file.uid) + ":" + std::to_string(file.gid));
  }
  if (file.type != FileType::Symlink && (stab.st_mode & 07777) != file.mode) {
    say(file, "mode " + octal(stab.st_mode & 07777) + ", was " + octal(file.mode));
  }
  const auto now = read_xattrs(name_of(place, file.true_path));
  for (const auto& [key, value] : file.xattrs) {
    const auto found = now.find(key);
    if (found == now.end()) {
      say(file, "attribute " + key + " is missing");
    } else if (found->second != value) {
      say(file, "attribute " + key + " is another");
    }
  }
  for (const auto& [key, value] : now) {
    if (file.xattrs.count(key) == 0) say(file, "attribute " + key + " was not there");
  }
}

void Comparison::compare(const FileRecord& file) {
  if (package_.stays(file.path)) return;
  if (is_replaced(package_, file.path)) return compare_replaced(file);
  auto place = walk_.to(file.true_path);
  if (!place) return say(file, place.error().message);
  struct stat stab {};
  const FileType now = look(*place, stab) ? type_of(stab) : FileType::Absent;
  if (now != file.type) {
    return say(file, "is " + with_article(now) + ", was " + with_article(file.type));
  }
  switch (file.type) {
    case FileType::Absent:
      return;
    case FileType::Regular:
      // A special mode is for that content only.
      if (!file.stored.empty() && !same_bytes(file, *place) && (file.mode & 06000) != 0) return;
      break;
    case FileType::Symlink: {
      auto target = read_link(*place);
      if (!target || *target != file.target) {
        say(file, "leads to " + (target ? *target : "?") + ", was " + file.target);
      } else if (!file.stored.empty()) {
        compare_behind(file);
      }
      break;
    }
    case FileType::CharDevice:
    case FileType::BlockDevice:
      if (stab.st_rdev != file.rdev) say(file, "is another device");
      break;
    default:
      break;
  }
  if (is_free(file)) return;
  const bool differs =
      stab.st_uid != file.uid || stab.st_gid != file.gid || (stab.st_mode & 07777) != file.mode;
  // As that one wants it, for all that is known.
  const bool others = differs && file.type == FileType::Directory && package_.options.since == 0 &&
                      package_.others_set(file.path);
  if (!others) put_attributes(file, *place, stab);
  compare_attributes(file, *place);
}

}  // namespace

std::vector<std::string> compare_paths(Package& package,
                                       const std::unordered_set<std::string>& paths) {
  Comparison comparison(package);
  for (const FileRecord& file : package.record.snapshot.files) {
    if (paths.contains(file.path)) comparison.compare(file);
  }
  return std::move(comparison.sentences);
}

std::vector<std::string> compare_package(Package& package) {
  Comparison comparison(package);
  for (const FileRecord& file : package.record.snapshot.files) comparison.compare(file);
  auto& sentences = comparison.sentences;
  if (sentences.size() > kMostSentences) {
    const std::size_t more = sentences.size() - kMostSentences;
    sentences.resize(kMostSentences);
    sentences.push_back(package.name() + ": " + std::to_string(more) +
                        " more paths are not as they were");
  }
  return std::move(sentences);
}

}  // namespace aptkeep::snapshot
