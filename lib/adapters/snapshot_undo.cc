// Diversions and statoverrides that the failed version's scripts made or took away, put right with
// dpkg's own tools.
#include <algorithm>

#include "adapters/snapshot_back.h"
#include "adapters/snapshot_tool.h"

namespace aptkeep::snapshot {
namespace {

template <typename T>
std::vector<T> less(const std::vector<T>& all, const std::vector<T>& without) {
  std::vector<T> rest;
  for (const T& one : all) {
    if (std::find(without.begin(), without.end(), one) == without.end()) rest.push_back(one);
  }
  return rest;
}

constexpr const char* kDiverting = "dpkg-divert";

// A package's diversions are its scripts' work; a local one is where it is of the package's files,
// and no person has had the time to make it.
bool concerns(const Package& package, const Diversion& diversion) {
  if (diversion.package.empty() && package.options.since != 0) return false;
  if (!diversion.package.empty()) return diversion.package == name_without_arch(package.name());
  return (package.lists(diversion.from) || package.brought(diversion.from)) &&
         !package.only_others_name(diversion.from, kDiverting);
}

// One of another package, which is there and goes on to need it, or of the admin's.
bool has_ended(const Package& package, const Diversion& diversion) {
  return package.options.since == 0 && package.has_named(diversion.from, kDiverting) &&
         (diversion.package.empty() || is_installed(package.options, diversion.package));
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

bool is_there(const std::string& path) {
  Walk walk;
  auto place = walk.to(path);
  struct stat stab {};
  return place && look(*place, stab);
}

Status remove_diversion(Package& package, const Diversion& diversion) {
  auto args = divert_args(diversion);
  // Made without --rename beside an older file of somebody's, it has moved nothing.
  const bool moved = changed_since(diversion.to, package.before_at) || !is_there(diversion.from);
  args.insert(args.end(), {moved ? "--rename" : "--no-rename", "--remove", diversion.from});
  auto removed = run_tool(args);
  if (removed) return success();
  // Two different files: the one that the failed version's scripts left in the place of the other.
  if (!is_there(diversion.to)) return removed.error();
  // In a rollback by hand a person may have put it there.
  const std::int64_t since = package.options.since;
  const bool foreign =
      since != 0 && !package.brought(diversion.from) && changed_since(diversion.from, since);
  // Nobody but the scripts had the time, where it never was configured.
  const std::string& state = package.failed.state;
  const bool made = since == 0 && (state == "iU" || state == "iF" || state == "iH");
  auto aside =
      foreign ? keep_beside(package, diversion.from) : move_aside(package, diversion.from, made);
  if (!aside) return aside;
  removed = run_tool(args);
  if (removed) return success();
  return removed.error();
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
  std::erase_if(changes.added, [&](const Diversion& one) { return !concerns(package, one); });
  std::erase_if(changes.gone, [&](const Diversion& one) {
    // Another package has ended it, then, and may need that.
    const bool others = package.others_name(one.from, kDiverting);
    return others || !(concerns(package, one) || has_ended(package, one));
  });
  return changes;
}

}  // namespace

std::vector<std::string> restore_diversions(Package& package) {
  auto changes = changes_of(package);
  if (!changes) return {changes.error().message};
  std::vector<std::string> sentences;
  for (const Diversion& diversion : changes->gone) {
    auto args = divert_args(diversion);
    // Ended without --rename, it has moved nothing.
    args.insert(args.end(),
                {is_there(diversion.to) ? "--no-rename" : "--rename", "--add", diversion.from});
    auto added = run_tool(args);
    if (!added) {
      sentences.push_back(diversion.from + ": its diversion is gone (" + added.error().message +
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

namespace {

constexpr const char* kOverriding = "dpkg-statoverride";
constexpr std::size_t kMostUndone = std::size_t{16} << 20;

Result<std::string> read_undone(const Package& package) {
  struct stat stab {};
  const Place place{package.folder.get(), kUndone};
  if (!look(place, stab)) return std::string();
  auto fd = open_file(place, kUndone);
  return fd ? read_fd(fd->get(), kUndone, kMostUndone) : Result<std::string>(fd.error());
}

// A folder may be others' as well.
bool is_own(const Package& package, const std::string& path) {
  if (!package.lists(path) && !package.brought(path)) return false;
  const Owner owner = owner_of(package, path);
  Walk walk;
  auto place = walk.to(path);
  struct stat stab {};
  const bool folder = place && look(*place, stab) && S_ISDIR(stab.st_mode);
  return owner != Owner::Others && !(folder && owner == Owner::Shared);
}

// dpkg does not say what a file was before an override, and of others' there is no record.
Status note_undone(const Package& package, const std::vector<Override>& added,
                   const std::vector<Override>& put_back) {
  auto text = read_undone(package);
  if (!text) return text.error();
  const std::size_t before = text->size();
  for (const Override& one : added) {
    const bool own = package.lists(one.path) || package.brought(one.path);
    if (own || std::ranges::count(put_back, one.path, &Override::path) != 0) continue;
    *text += one.user + " " + one.group + " " + one.mode + " " + one.path + "\n";
  }
  if (text->size() == before) return success();
  return write_file(package.folder.get(), kUndone, *text, Sync::Now);
}

}  // namespace

std::vector<std::string> tell_undone(Package& package) {
  auto text = read_undone(package);
  if (!text) return {text.error().message};
  std::vector<std::string> sentences;
  for (const Override& one : parse_overrides(*text)) {
    sentences.push_back(one.path + ": its override is gone again, but it may have kept its mode " +
                        one.mode + " and owner " + one.user + ":" + one.group);
  }
  return sentences;
}

std::vector<std::string> undo_overrides(Package& package) {
  auto now = read_lists(package.options);
  if (!now) return {now.error().message};
  const auto before_list = parse_overrides(package.before.statoverride);
  const auto now_list = parse_overrides(now->statoverride);
  const auto other = [&](const Override& one) {
    if (is_own(package, one.path)) return package.only_others_name(one.path, kOverriding);
    return !package.has_named(one.path, kOverriding) || package.others_name(one.path, kOverriding);
  };
  auto added = less(now_list, before_list);
  auto gone = less(before_list, now_list);
  std::erase_if(added, other);
  std::erase_if(gone, other);
  std::vector<std::string> sentences;
  if (auto noted = note_undone(package, added, gone); !noted)
    sentences.push_back(noted.error().message);
  const auto run = [&](const Override& one, const std::vector<std::string>& args) {
    auto done = run_tool(args);
    if (!done) {
      sentences.push_back(one.path + ": its override is another (" + done.error().message + ")");
    }
  };
  for (const Override& one : added) run(one, {kOverriding, "--remove", one.path});
  for (const Override& one : gone) {
    run(one, {kOverriding, "--update", "--add", one.user, one.group, one.mode, one.path});
  }
  return sentences;
}

}  // namespace aptkeep::snapshot
