// Moves aside what dpkg would write through or stop at, and back.
#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>

#include "adapters/snapshot_back.h"
#include "adapters/snapshot_stage.h"

namespace aptkeep::snapshot {
namespace {

constexpr const char* kSibling = ".aptkeep-aside";
constexpr int kDeepest = 200;

// Whether the failed version has something below the path: a symlink there is an admin's then, who
// laid the folder elsewhere.
bool has_below(const Package& package, const std::string& path) {
  const std::string start = path + "/";
  return std::any_of(package.failed.paths.begin(), package.failed.paths.end(),
                     [&](const std::string& listed) { return listed.rfind(start, 0) == 0; });
}

bool in_the_way(const Package& package, const FileRecord& file, FileType now) {
  if (file.type == FileType::Directory) {
    return now != FileType::Directory &&
           !(now == FileType::Symlink && has_below(package, file.path));
  }
  return file.type != FileType::Absent && now == FileType::Directory;
}

Status make_symlink(const FileRecord& file) {
  Walk walk;
  auto place = walk.to(file.true_path);
  if (!place) return place.error();
  if (!place->found()) return failure("make the symlink " + file.true_path, ENOENT);
  if (symlinkat(file.target.c_str(), place->folder, place->name.c_str()) != 0 ||
      fchownat(place->folder, place->name.c_str(), file.uid, file.gid, AT_SYMLINK_NOFOLLOW) != 0) {
    return failure("make the symlink " + file.true_path);
  }
  return success();
}

// All that is below a folder and no folder itself, as paths relative to it.
void gather(int folder, const std::string& prefix, int depth, std::vector<std::string>& found) {
  const int inner = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(inner < 0 ? nullptr : fdopendir(inner), closedir);
  if (!dir || depth > kDeepest) return;
  while (const dirent* entry = readdir(dir.get())) {
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    const Fd below(openat(folder, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (below.open()) {
      gather(below.get(), prefix + name + "/", depth + 1, found);
    } else {
      found.push_back(prefix + name);
    }
  }
}

// Never over something; file systems without RENAME_NOREPLACE say EINVAL.
bool rename_to_nothing(const Place& from, const Place& to) {
  if (renameat2(from.folder, from.name.c_str(), to.folder, to.name.c_str(), RENAME_NOREPLACE) ==
      0) {
    return true;
  }
  struct stat stab {};
  return errno == EINVAL && !look(to, stab) &&
         renameat(from.folder, from.name.c_str(), to.folder, to.name.c_str()) == 0;
}

struct Aside {
  Walk walk;
  Place place;
  std::string path;
};

Result<bool> find_aside(const Package& package, const Move& move, Aside& found) {
  found.path = move.aside[0] == '/' ? move.aside : package.path + "/aside/" + move.aside;
  auto place = found.walk.to(found.path);
  if (!place) return place.error();
  found.place = std::move(*place);
  struct stat stab {};
  return look(found.place, stab);
}

// Of a folder that was moved away: what is not the failed version's own, relative to it.
std::vector<std::string> foreign_in(const Package& package, const Move& move, Aside& aside) {
  std::vector<std::string> all;
  const Fd fd(openat(aside.place.folder, aside.place.name.c_str(),
                     O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (fd.open()) gather(fd.get(), "", 0, all);
  std::erase_if(all,
                [&](const std::string& name) { return package.brought(move.path + "/" + name); });
  return all;
}

}  // namespace

bool Package::lists(const std::string& path_) const {
  return listed_.count(path_) != 0;
}

bool Package::brought(const std::string& path_) const {
  return brought_.count(path_) != 0;
}

Status move_aside(Package& package, const std::string& path) {
  auto moves = load_moves(package.folder.get(), "moves");
  if (!moves) return moves.error();
  auto aside = open_below(package.folder.get(), "aside", package.path + "/aside", true);
  if (!aside) return aside.error();
  Walk walk;
  auto place = walk.to(path);
  if (!place) return place.error();
  if (!place->found()) return success();
  // On disk before it happens: resume has to find what was moved.
  std::size_t number = moves->size();
  struct stat stab {};
  while (look(Place{aside->get(), std::to_string(number)}, stab)) ++number;
  const std::string name = std::to_string(number);
  moves->push_back(Move{path, name});
  if (auto saved = save(package.folder.get(), "moves", *moves); !saved) return saved;
  if (renameat(place->folder, place->name.c_str(), aside->get(), name.c_str()) == 0) {
    return success();
  }
  if (errno != EXDEV) return failure("move " + path + " aside");
  moves->back().aside = path + kSibling;
  if (auto saved = save(package.folder.get(), "moves", *moves); !saved) return saved;
  if (renameat(place->folder, place->name.c_str(), place->folder,
               (place->name + kSibling).c_str()) != 0) {
    return failure("move " + path + " aside");
  }
  return success();
}

Status clear_package(Package& package) {
  const auto folders = folders_of(package.record);
  auto walk = std::make_unique<Walk>();
  for (std::size_t i = 0; i < package.record.listed; ++i) {
    const FileRecord& file = package.record.snapshot.files[i];
    auto place = walk->to(file.true_path);
    if (!place) return place.error();
    struct stat stab {};
    if (!look(*place, stab) || !in_the_way(package, file, type_of(stab))) continue;
    if (auto moved = move_aside(package, file.true_path); !moved) return moved;
    walk = std::make_unique<Walk>();  // what it had open may have been moved
    if (file.type == FileType::Symlink && folders.count(file.path) != 0) {
      if (auto made = make_symlink(file); !made) return made;
    }
  }
  return success();
}

Status undo_moves(Package& package) {
  auto moves = load_moves(package.folder.get(), "moves");
  if (!moves) return moves.error();
  for (auto move = moves->rbegin(); move != moves->rend(); ++move) {
    if (move->aside.empty()) continue;
    Aside aside;
    auto found = find_aside(package, *move, aside);
    if (!found) return found.error();
    if (!*found) continue;
    Walk walk;
    auto place = walk.to(move->path);
    if (!place) return place.error();
    if (!place->found()) continue;
    // An empty folder, or the symlink, that was put there in its stead.
    unlinkat(place->folder, place->name.c_str(), AT_REMOVEDIR);
    struct stat stab {};
    if (look(*place, stab) && S_ISLNK(stab.st_mode)) {
      unlinkat(place->folder, place->name.c_str(), 0);
    }
    if (!rename_to_nothing(aside.place, *place) && errno != EEXIST) {
      return failure("move " + move->path + " back");
    }
  }
  return success();
}

Status make_symlinks(Package& package) {
  for (std::size_t i = 0; i < package.record.listed; ++i) {
    const FileRecord& file = package.record.snapshot.files[i];
    if (file.type != FileType::Symlink) continue;
    Walk walk;
    auto place = walk.to(file.true_path);
    if (!place) return place.error();
    struct stat stab {};
    if (!look(*place, stab) || !S_ISDIR(stab.st_mode)) continue;
    if (unlinkat(place->folder, place->name.c_str(), AT_REMOVEDIR) != 0) continue;
    if (auto made = make_symlink(file); !made) return made;
  }
  auto moves = load_moves(package.folder.get(), "moves");
  if (!moves) return moves.error();
  for (const Move& move : *moves) {
    Aside aside;
    if (move.aside.empty()) continue;
    auto found = find_aside(package, move, aside);
    if (!found) return found.error();
    if (!*found) continue;
    for (const std::string& name : foreign_in(package, move, aside)) {
      Walk walk;
      auto to = walk.to(move.path + "/" + name);
      Walk from_walk;
      auto from = from_walk.to(aside.path + "/" + name);
      if (!to || !from || !to->found() || !from->found()) continue;  // left_aside() names it
      rename_to_nothing(*from, *to);
    }
  }
  return success();
}

std::vector<std::string> drop_aside(Package& package) {
  std::vector<std::string> sentences;
  auto moves = load_moves(package.folder.get(), "moves");
  if (!moves) return {moves.error().message};
  std::vector<Move> left;
  for (const Move& move : *moves) {
    Aside aside;
    if (move.aside.empty()) {
      left.push_back(move);
      continue;
    }
    auto found = find_aside(package, move, aside);
    if (!found || !*found) continue;
    const auto foreign = foreign_in(package, move, aside);
    if (foreign.empty()) {
      (void)remove_tree(aside.place.folder, aside.place.name, aside.path);
    } else {
      left.push_back(move);
      sentences.push_back(move.path + ": other files that were in it are in " + aside.path +
                          " now (" + foreign.front() + ")");
    }
  }
  if (left.size() != moves->size()) {
    auto saved = save(package.folder.get(), "moves", left);
    if (!saved) sentences.push_back(saved.error().message);
  }
  return sentences;
}

Status note_kept(Package& package, const std::string& path) {
  auto moves = load_moves(package.folder.get(), "moves");
  if (!moves) return moves.error();
  moves->push_back(Move{path, ""});
  return save(package.folder.get(), "moves", *moves);
}

bool was_kept(const Package& package, const std::string& path) {
  auto moves = load_moves(package.folder.get(), "moves");
  return moves && std::any_of(moves->begin(), moves->end(), [&](const Move& move) {
           return move.aside.empty() && move.path == path;
         });
}

}  // namespace aptkeep::snapshot
