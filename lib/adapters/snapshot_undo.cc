// Statoverrides that the failed version's scripts made or took away, put right with dpkg's own
// tool.
#include <algorithm>

#include "adapters/snapshot_back.h"
#include "adapters/snapshot_tool.h"

namespace aptkeep::snapshot {
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
