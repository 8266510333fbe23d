// Moves aside what dpkg would write through or stop at, and back.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>

#include "adapters/snapshot_aside.h"
#include "adapters/snapshot_back.h"
#include "adapters/snapshot_stage.h"

namespace aptkeep::snapshot {
namespace {

// Whether the failed version has something below the path: a symlink there is an admin's then, who
// laid the folder elsewhere.
bool has_below(const Package& package, const std::string& path) {
  const std::string start = path + "/";
  return std::any_of(package.failed.paths.begin(), package.failed.paths.end(),
                     [&](const std::string& listed) { return listed.rfind(start, 0) == 0; });
}

bool in_the_way(const Package& package, const FileRecord& file, FileType now) {
  if (package.stays(file.path)) return false;
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

}  // namespace

bool Package::lists(const std::string& path_) const {
  return listed_.count(path_) != 0;
}

bool Package::brought(const std::string& path_) const {
  return brought_.count(path_) != 0;
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
    auto found = find_aside(*move, aside);
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
  tidy_aside(package);
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
    auto found = find_aside(move, aside);
    if (!found) return found.error();
    if (!*found) continue;
    if (!aside.is_folder()) continue;
    for (const std::string& name : foreign_in(package, move, aside)) {
      if (package.brought(move.path + "/" + name)) continue;
      Walk walk;
      auto to = walk.to(move.path + "/" + name);
      Walk from_walk;
      auto from = from_walk.to(aside.path + "/" + name);
      if (!to || !from || !to->found() || !from->found()) continue;  // drop_aside() names it
      rename_to_nothing(*from, *to);
    }
  }
  return success();
}

Status note_kept(Package& package, const std::string& path) {
  auto moves = load_moves(package.folder.get(), "moves");
  if (!moves) return moves.error();
  moves->push_back(Move{path, "", false});
  return save(package.folder.get(), "moves", *moves);
}

bool was_kept(const Package& package, const std::string& path) {
  auto moves = load_moves(package.folder.get(), "moves");
  return moves && std::any_of(moves->begin(), moves->end(), [&](const Move& move) {
           return move.aside.empty() && move.path == path;
         });
}

}  // namespace aptkeep::snapshot
