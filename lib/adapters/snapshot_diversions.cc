// Diversions that the failed version's scripts made or ended, put right with dpkg's own tool. Which
// file lies where is not left to that: it moves nothing that the diverting package lists, and takes
// whatever lies there for the file that is diverted.
#include <cstdio>

#include <algorithm>
#include <cerrno>
#include <sstream>

#include "adapters/dpkg_db.h"
#include "adapters/snapshot_back.h"
#include "adapters/snapshot_sums.h"
#include "adapters/snapshot_tool.h"
#include "core/dpkg_status.h"

namespace aptkeep::snapshot {
namespace {

constexpr const char* kDiverting = "dpkg-divert";

bool is_own(const Package& package, const Diversion& diversion) {
  return diversion.package == name_without_arch(package.name());
}

// What a package that was upgraded in the run has now is its own doing.
bool is_steady(const Package& package, const Diversion& diversion) {
  if (diversion.package.empty()) return true;
  const std::string info = package.options.dpkg_folder + "/info/" + diversion.package;
  const bool changed =
      changed_since(info + ".list", package.before_at) ||
      changed_since(info + ":" + native_architecture() + ".list", package.before_at);
  return is_installed(package.options, diversion.package) &&
         (!changed || is_as_before(package.options, diversion.package));
}

// In a rollback by hand people had the time to do so as well.
bool is_named_alone(const Package& package, const Diversion& diversion) {
  return package.options.since == 0 && package.has_named(diversion.from, kDiverting) &&
         !package.others_name(diversion.from, kDiverting) && is_steady(package, diversion);
}

bool is_of_its_files(const Package& package, const Diversion& diversion) {
  return diversion.package.empty() && package.options.since == 0 &&
         (package.lists(diversion.from) || package.brought(diversion.from));
}

bool has_added(const Package& package, const Diversion& diversion) {
  if (is_own(package, diversion)) return true;
  if (is_of_its_files(package, diversion))
    return !package.only_others_name(diversion.from, kDiverting);
  return is_named_alone(package, diversion);
}

// Without its own, the file that the old version brings would be laid over another package's.
bool has_ended(const Package& package, const Diversion& diversion) {
  const bool own = is_own(package, diversion);
  if (own && package.lists(diversion.from)) return true;
  if (own || is_of_its_files(package, diversion))
    return package.options.since != 0 || !package.others_name(diversion.from, kDiverting);
  return is_named_alone(package, diversion);
}

struct Changes {
  std::vector<Diversion> added;
  std::vector<Diversion> gone;
};

Result<Changes> changes_of(const Package& package) {
  auto now = read_lists(package.options);
  if (!now) return now.error();
  const auto before_list = parse_diversions(package.before.diversions);
  const auto now_list = parse_diversions(now->diversions);
  Changes changes{less(now_list, before_list), less(before_list, now_list)};
  std::erase_if(changes.added, [&](const Diversion& one) { return !has_added(package, one); });
  std::erase_if(changes.gone, [&](const Diversion& one) { return !has_ended(package, one); });
  return changes;
}

std::vector<std::string> divert_args(const Diversion& diversion) {
  std::vector<std::string> args = {kDiverting, "--quiet", "--divert", diversion.to};
  if (diversion.package.empty()) {
    args.emplace_back("--local");
  } else {
    args.insert(args.end(), {"--package", diversion.package});
  }
  return args;
}

Status divert(const Diversion& diversion, std::initializer_list<std::string> how) {
  auto args = divert_args(diversion);
  args.insert(args.end(), how);
  args.push_back(diversion.from);
  const auto done = run_tool(args);
  return done ? success() : Status(done.error());
}

bool is_there(const std::string& path) {
  Walk walk;
  auto place = walk.to(path);
  struct stat stab {};
  return place && look(*place, stab);
}

bool has_type(const std::string& path, mode_t type) {
  Walk walk;
  auto place = walk.to(path);
  struct stat stab {};
  return place && look(*place, stab) && (stab.st_mode & S_IFMT) == type;
}

bool has_sum(const std::string& sums, const std::string& path, const std::string& hash) {
  Walk walk;
  auto place = walk.to(sums);
  auto file = place ? open_file(*place, sums) : Result<Fd>(place.error());
  const auto text =
      file ? read_fd(file->get(), sums, kMostSums) : Result<std::string>(file.error());
  bool found = false;
  each_sum(text ? *text : std::string(), [&](std::string_view sum, std::string_view name) {
    found = found || (sum == hash && name == path);
  });
  return found;
}

// Whose the path is by dpkg's lists as they are: the package's that diverts it, and others'.
struct Owners {
  bool diverter = false;
  std::vector<std::string> others;  // as dpkg names them
};

Owners owners_beside(const Diversion& diversion) {
  Owners owners;
  const auto said = search_owners({diversion.from});
  std::istringstream lines(said ? *said : std::string());
  for (std::string line; std::getline(lines, line);) {
    for (std::string& owner : owners_in(line)) {
      const bool its = name_without_arch(owner) == diversion.package;
      if (its) owners.diverter = true;
      if (!its) owners.others.push_back(std::move(owner));
    }
  }
  return owners;
}

// By the packages' lists of checksums: whether what lies at `at` is the file that another package
// has brought for the path. False also where they have none.
bool is_others_file(const Package& package, const Diversion& diversion, const Owners& owners,
                    const std::string& at) {
  if (owners.others.empty() || !has_type(at, S_IFREG)) return false;
  const std::string hash = hash_at(at);
  const std::string info = package.options.dpkg_folder + "/info/";
  return !hash.empty() && std::ranges::any_of(owners.others, [&](const std::string& owner) {
    return has_sum(info + owner + ".md5sums", diversion.from.substr(1), hash);
  });
}

// The old version's. What the failed one has there dpkg's lists say.
bool is_own_file(Package& package, const std::string& path, const std::string& at) {
  const FileRecord* file = find_file(package, path);
  if (file == nullptr || file->stored.empty()) return false;
  const auto present = compare_content(package, *file, at);
  return present && *present == Present::Same;
}

// Nobody but the scripts had the time, where it never was configured.
bool is_made_by_scripts(const Package& package) {
  const std::string& state = package.failed.state;
  return package.options.since == 0 && (state == "iU" || state == "iF" || state == "iH");
}

// /lib is a symlink, and not to be moved either.
bool is_movable(const std::string& path) {
  struct stat stab {};
  if (has_type(path, S_IFREG)) return true;
  return has_type(path, S_IFLNK) && (stat(path.c_str(), &stab) != 0 || !S_ISDIR(stab.st_mode));
}

// Whether the file that is to be diverted lies at `at`, and not where it belongs. Where checksums
// do not tell, what lies at the path itself is the diverting package's if that has a file there.
// Often there is no such file, where a diversion only guards against one; folders are never moved.
bool lies_at(Package& package, const Diversion& diversion, const std::string& at) {
  if (!is_movable(at) || !changed_since(at, package.before_at)) return false;
  const Owners owners = owners_beside(diversion);
  if (owners.others.empty() || is_others_file(package, diversion, owners, diversion.to))
    return false;
  if (is_others_file(package, diversion, owners, at)) return true;
  const bool diverters = at == diversion.from && owners.diverter;
  return !is_there(diversion.to) && !diverters && !is_own_file(package, diversion.from, at);
}

Status move_to(Package& package, const std::string& at, const std::string& to) {
  if (has_type(to, S_IFDIR)) return failure("move " + at + " to " + to, EISDIR);
  if (is_there(to)) {
    if (auto moved = move_aside(package, to, is_made_by_scripts(package)); !moved) return moved;
  }
  Walk from_walk;
  Walk to_walk;
  auto from = from_walk.to(at);
  auto place = to_walk.to(to);
  if (!from) return from.error();
  if (!place) return place.error();
  if (!from->found() || !place->found()) return failure("move " + at + " to " + to, ENOENT);
  if (renameat(from->folder, from->name.c_str(), place->folder, place->name.c_str()) == 0)
    return success();
  if (errno != EXDEV) return failure("move " + at + " to " + to);
  const auto moved = run_tool({"mv", "--no-target-directory", "--", at, to});
  return moved ? success() : Status(moved.error());
}

// `added`: those that its scripts have made. One of the same file is that one's successor.
Status restore_diversion(Package& package, const Diversion& diversion,
                         const std::vector<Diversion>& added) {
  std::string at = diversion.from;
  const auto instead = std::ranges::find(added, diversion.from, &Diversion::from);
  if (instead != added.end()) {
    if (auto removed = divert(*instead, {"--no-rename", "--remove"}); !removed) return removed;
    if (is_there(instead->to)) at = instead->to;
  }
  if (lies_at(package, diversion, at)) {
    if (auto moved = move_to(package, at, diversion.to); !moved) return moved;
  }
  if (auto made = divert(diversion, {"--no-rename", "--add"}); !made) return made;
  // Which the scripts had to take away for the other one's sake.
  const FileRecord* own = is_own(package, diversion) ? find_file(package, diversion.from) : nullptr;
  const bool lost = own != nullptr && own->type == FileType::Regular && !own->stored.empty() &&
                    !is_there(diversion.from);
  return lost ? put_back(package, *own, diversion.from) : success();
}

Status remove_diversion(Package& package, const Diversion& diversion) {
  // Made without --rename, it has moved nothing, whatever lies beside it.
  const bool moved =
      !is_there(diversion.from) ||
      (changed_since(diversion.to, package.before_at) &&
       !is_others_file(package, diversion, owners_beside(diversion), diversion.from));
  const std::string how = moved ? "--rename" : "--no-rename";
  auto removed = divert(diversion, {how, "--remove"});
  if (removed) return success();
  // Two different files: the one that the failed version's scripts left in the place of the other.
  if (!moved || !is_there(diversion.to) || !is_movable(diversion.from)) return removed;
  // In a rollback by hand a person may have put it there.
  const std::int64_t since = package.options.since;
  const bool foreign =
      since != 0 && !package.brought(diversion.from) && changed_since(diversion.from, since);
  auto aside = foreign ? keep_beside(package, diversion.from)
                       : move_aside(package, diversion.from, is_made_by_scripts(package));
  if (!aside) return aside;
  return divert(diversion, {how, "--remove"});
}

}  // namespace

std::vector<std::string> restore_diversions(Package& package) {
  auto changes = changes_of(package);
  if (!changes) return {changes.error().message};
  std::vector<std::string> sentences;
  for (const Diversion& diversion : changes->gone) {
    const Status restored = restore_diversion(package, diversion, changes->added);
    if (!restored) {
      sentences.push_back(diversion.from + ": its diversion is gone (" + restored.error().message +
                          ")");
    }
  }
  return sentences;
}

std::vector<std::string> undo_diversions(Package& package) {
  auto changes = changes_of(package);
  if (!changes) return {changes.error().message};
  std::vector<std::string> sentences;
  for (const Diversion& diversion : changes->added) {
    auto removed = remove_diversion(package, diversion);
    if (!removed) {
      sentences.push_back(diversion.from + ": it is diverted now (" + removed.error().message +
                          ")");
    }
  }
  return sentences;
}

}  // namespace aptkeep::snapshot
