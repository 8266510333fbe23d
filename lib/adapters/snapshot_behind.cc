#include "adapters/snapshot_behind.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

namespace aptkeep::snapshot {
namespace {

constexpr int kMostLinks = 40;  // as the kernel has it (path_resolution(7))

bool below(const std::string& path, const char* folder) {
  return path.rfind(folder, 0) == 0;
}

// Whoever may write to the folder may turn the link at any other file, which would then be read,
// and written, as root.
bool only_roots(const Place& place, const struct stat& link) {
  struct stat folder {};
  if (link.st_uid != 0 || fstatat(place.folder, "", &folder, AT_EMPTY_PATH) != 0) return false;
  const mode_t others = folder.st_gid == 0 ? S_IWOTH : S_IWGRP | S_IWOTH;
  return folder.st_uid == 0 && (folder.st_mode & others) == 0;
}

// Its real name, without symlinks; empty: it is not to be had.
std::string name_of_folder(const Place& place) {
  char name[PATH_MAX];
  const auto link = "/proc/self/fd/" + std::to_string(place.folder);
  const ssize_t size = readlink(link.c_str(), name, sizeof name);
  if (size <= 0 || size == sizeof name || name[0] != '/') return {};
  return {name, static_cast<std::size_t>(size)};
}

// Without "." and "..", as text: the caller sees whether that is where the kernel goes.
std::string joined(const std::string& folder, const std::string& target) {
  std::string path = target.front() == '/' ? "" : folder == "/" ? "" : folder;
  for (std::size_t at = 0; at < target.size();) {
    const auto end = std::min(target.find('/', at), target.size());
    const std::string name = target.substr(at, end - at);
    at = end + 1;
    if (name == "..") {
      path.resize(std::min(path.rfind('/'), path.size()));
    } else if (!name.empty() && name != ".") {
      path += "/" + name;
    }
  }
  return path;
}

// Whether the kernel comes from the link to the same file.
bool leads_to(const Place& link, const struct stat& file) {
  struct stat stab {};
  return fstatat(link.folder, link.name.c_str(), &stab, 0) == 0 && stab.st_dev == file.st_dev &&
         stab.st_ino == file.st_ino;
}

}  // namespace

Result<std::string> behind_symlink(Walk& walk, const std::string& path) {
  Walk first;  // its place has to outlive those of `walk`
  const auto begin = first.to(path);
  if (!begin) return begin.error();
  std::string next = path;
  for (int links = 0; links <= kMostLinks; ++links) {
    const auto place = walk.to(next);
    if (!place) return place.error();
    struct stat stab {};
    if (!look(*place, stab)) return std::string();
    if (!S_ISLNK(stab.st_mode)) {
      if (!leads_to(*begin, stab)) return Error{"it leads on by ways that are too winding"};
      const std::string folder = name_of_folder(*place);
      if (folder.empty()) return Error{"where it leads is not to be had without /proc"};
      const std::string file = joined(folder, place->name);
      // What is put back there would not be what its package has brought meanwhile.
      const bool packaged = below(file, "/usr/") && !below(file, "/usr/local/");
      const std::string fault =
          packaged ? "that is a package's" : why_not_saved(type_of(stab), file);
      if (!fault.empty()) return Error{"it leads to " + file + ", and " + fault};
      return file;
    }
    if (!only_roots(*place, stab)) return Error{"users other than root may turn it elsewhere"};
    const auto target = read_link(*place);
    if (!target) return target.error();
    next = target->empty() ? std::string() : joined(name_of_folder(*place), *target);
    if (next.empty()) return Error{"it leads to a folder"};
  }
  return Error{"it leads on through too many others"};
}

std::string why_not_saved(FileType type, const std::string& path) {
  for (const char* folder : {"/proc/", "/sys/", "/dev/"}) {
    if (below(path, folder)) return "that is no file on a disk";
  }
  if (type == FileType::Regular) return {};
  return "that is " + std::string(noun_of(type));
}

}  // namespace aptkeep::snapshot
