// Conffiles, after the old version has been unpacked and before dpkg configures it: each as it was
// recorded, so that dpkg finds nothing to ask.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <memory>
#include <set>

#include "adapters/dpkg_db.h"
#include "adapters/snapshot_back.h"
#include "adapters/snapshot_stage.h"
#include "adapters/snapshot_take.h"
#include "adapters/snapshot_tool.h"

namespace aptkeep::snapshot {
namespace {

const char* const* const kBeside = kDpkgBeside;
constexpr std::size_t kBesideCount = std::size(kDpkgBeside);

Status out_of_use(Package& package, AllConffiles& all, const std::string& conffile,
                  const std::string& path) {
  return is_known(package, all, conffile, hash_at(path)) ? remove_file(path)
                                                         : keep_beside(package, path);
}

// Puts the recorded content where it is another now; what somebody wrote since then is kept.
Status put_content(Package& package, AllConffiles& all, const FileRecord& file,
                   const std::string& path) {
  auto present = compare_content(package, file, path);
  if (!present) return present.error();
  if (*present == Present::Same) return success();
  if (*present == Present::NoFile) {
    if (auto moved = move_aside(package, path); !moved) return moved;
  } else if (*present == Present::Other && !is_known(package, all, file.path, hash_at(path))) {
    if (auto kept = keep_beside(package, path); !kept) return kept;
  }
  return put_back(package, file, path);
}

// A conffile that its admin made a symlink: dpkg reads and writes through it.
Status settle_symlink(Package& package, AllConffiles& all, const FileRecord& file) {
  Walk walk;
  auto place = walk.to(file.true_path);
  if (!place) return place.error();
  struct stat stab {};
  const bool there = look(*place, stab);
  auto target = there && S_ISLNK(stab.st_mode) ? read_link(*place) : Result<std::string>("");
  if (!target || *target != file.target) {
    if (there) {
      if (auto out = out_of_use(package, all, file.path, file.true_path); !out) return out;
    }
    if (!place->found() ||
        symlinkat(file.target.c_str(), place->folder, place->name.c_str()) != 0) {
      return failure("make the symlink " + file.true_path);
    }
  } else if (stab.st_uid != 0) {
    return success();  // not ours to write through
  }
  if (file.stored.empty()) return success();
  const std::unique_ptr<char, void (*)(void*)> real(realpath(file.true_path.c_str(), nullptr),
                                                    std::free);
  if (!real) return success();
  return put_content(package, all, file, real.get());
}

Status settle_one(Package& package, AllConffiles& all, const ConffileRecord& conffile) {
  const FileRecord* file = find_file(package, conffile.path);
  if (file == nullptr) return success();
  // What dpkg has just unpacked, and takes when it configures.
  const bool awaited = is_shipped(conffile) && !package.configured;
  // Of what a person has edited, what the failed version was to put in its place has still to go.
  if (package.stays(file->path))
    return awaited ? success() : settle_beside(package, file->true_path, kBeside, 1);
  auto settled = settle_beside(package, file->true_path, kBeside, kBesideCount,
                               awaited ? ".dpkg-new" : nullptr);
  if (!settled) return settled;
  switch (file->type) {
    case FileType::Regular:
      return put_content(package, all, *file, file->true_path);
    case FileType::Symlink:
      return settle_symlink(package, all, *file);
    case FileType::Absent: {
      auto present = changed_since(file->true_path, 0);  // whether it is there
      return present ? out_of_use(package, all, file->path, file->true_path) : success();
    }
    default:
      return success();
  }
}

// One that came with the failed version: nothing had it before, so that nothing may have it after.
// What is older than the snapshot was somebody's before and stays; what was edited stays too, but
// where no program takes it for configuration.
Status remove_new(Package& package, const ConffileRecord& conffile) {
  const std::string& path = conffile.path;
  const std::int64_t taken = package.record.taken;
  for (const char* extension : kDpkgBeside) {
    const std::string name = path + extension;
    if (std::string(extension) == ".dpkg-old" || was_kept(package, name) || package.stays(name)) {
      continue;
    }
    if (!changed_since(name, taken)) continue;
    if (auto removed = remove_file(name); !removed) return removed;
  }
  if (!changed_since(path, taken)) return success();
  bool known = hash_at(path) == conffile.hash;
  for (const FileRecord& file : package.record.snapshot.files) {
    // mv_conffile: an edited file under its new name.
    if (known) break;
    if (file.stored.empty() ||
        find_conffile(package.record.snapshot.conffiles, file.path) == nullptr) {
      continue;
    }
    auto present = compare_content(package, file, path);
    known = present && *present == Present::Same;
  }
  const std::string old = path + ".dpkg-old";
  const bool replaced = changed_since(old, taken) && !was_kept(package, old) && !package.stays(old);
  if (!known) return keep_beside(package, path);
  if (auto removed = remove_file(path); !removed || !replaced) return removed;
  Walk walk;
  auto place = walk.to(path);
  if (!place) return place.error();
  // A file of somebody's own that the failed version was put over.
  if (renameat(place->folder, (place->name + ".dpkg-old").c_str(), place->folder,
               place->name.c_str()) != 0) {
    return failure("rename " + old);
  }
  return success();
}

// "foo:amd64" for "foo:all".
std::string slot_of(const std::string& package) {
  if (!package.ends_with(":all")) return package;
  return package.substr(0, package.size() - 3) + native_architecture();
}

// One that the failed version took over from a package which has given it up (Replaces): its text
// is that one's again, as dpkg has it on record there, or the next version would take it for
// edited.
Status put_back_from_others(const Package& package, AllConffiles& all,
                            const ConffileRecord& conffile) {
  if (hash_at(conffile.path) != conffile.hash) return success();  // somebody has edited it since
  for (const Claim& claim : all.claims_of(conffile.path)) {
    if (name_without_arch(claim.package) == name_without_arch(package.name())) continue;
    auto other = open_package(package.options, slot_of(claim.package));
    if (!other) continue;
    const ConffileRecord* own = find_conffile(other->record.snapshot.conffiles, conffile.path);
    const FileRecord* file = find_file(*other, conffile.path);
    const bool known = own != nullptr && file != nullptr && own->hash == claim.hash &&
                       file->type == FileType::Regular && !file->stored.empty();
    if (known) return put_back(*other, *file, conffile.path);
  }
  return success();
}

// Folders that were made for new conffiles only: dpkg could not remove them while it unpacked.
void remove_new_folders(Package& package, const std::string& conffile) {
  for (std::size_t at = conffile.find_last_of('/'); at != std::string::npos && at != 0;
       at = conffile.find_last_of('/', at - 1)) {
    const std::string folder = conffile.substr(0, at);
    if (!package.brought(folder) || package.lists(folder)) return;
    if (owner_of(package, folder) != Owner::Nobody) return;  // somebody else's too
    Walk walk;
    auto place = walk.to(folder);
    if (!place || !place->found() ||
        unlinkat(place->folder, place->name.c_str(), AT_REMOVEDIR) != 0) {
      return;
    }
  }
}

// Whether an edited one was left for the text of the package that has it now, by what its admin
// told dpkg: it lies beside that, then. Otherwise what a person has written is nobody else's.
bool is_given_up(Package& package, const ConffileRecord& conffile) {
  const FileRecord* file = find_file(package, conffile.path);
  const std::string old = conffile.path + ".dpkg-old";
  if (file == nullptr || file->stored.empty() || !changed_since(old, package.record.taken))
    return false;
  const auto present = compare_content(package, *file, old);
  return present && *present == Present::Same;
}

// dpkg writes the list anew when it removes a package.
bool removed_since(const Package& package, const PackageFiles& other) {
  const std::string list = package.options.dpkg_folder + "/info/";
  return changed_since(list + other.package + ".list", package.record.taken) ||
         changed_since(list + name_without_arch(other.package) + ".list", package.record.taken);
}

}  // namespace

const FileRecord* find_file(const Package& package, const std::string& path) {
  for (const FileRecord& file : package.record.snapshot.files) {
    if (file.path == path) return &file;
  }
  return nullptr;
}

const ConffileRecord* find_conffile(const std::vector<ConffileRecord>& conffiles,
                                    const std::string& path) {
  const auto found = std::find_if(conffiles.begin(), conffiles.end(),
                                  [&](const ConffileRecord& one) { return one.path == path; });
  return found == conffiles.end() ? nullptr : &*found;
}

bool has_others_text(const Package& package, AllConffiles& all, const std::string& path) {
  if (!all.was_there(path) || package.stays(path)) return false;
  const std::string hash = hash_at(path);
  return std::ranges::any_of(all.claims_of(path), [&](const Claim& claim) {
    return name_without_arch(claim.package) != name_without_arch(package.name()) &&
           claim.obsolete && claim.hash == hash;
  });
}

bool is_known(const Package& package, AllConffiles& all, const std::string& path,
              const std::string& hash) {
  if (hash.empty()) return true;
  for (const auto* list : {&package.record.snapshot.conffiles, &package.failed.conffiles}) {
    const ConffileRecord* conffile = find_conffile(*list, path);
    if (conffile != nullptr && conffile->hash == hash) return true;
  }
  return all.was_shipped(path, hash);
}

Status settle_leftovers(Package& package) {
  for (const ConffileRecord& conffile : package.record.snapshot.conffiles) {
    const FileRecord* file = find_file(package, conffile.path);
    if (file == nullptr || package.stays(file->path)) continue;
    if (is_replaced(package, conffile.path)) continue;  // what lies beside it is that one's too
    auto settled = settle_beside(package, file->true_path, kBeside, kBesideCount);
    if (!settled) return settled;
  }
  return success();
}

// A newcomer that failed had it, too, is removed by now, and would delete it when it is purged.
Status cross_off_newcomers(Package& package, AllConffiles& all) {
  std::set<std::string> others;
  for (const ConffileRecord& conffile : package.record.snapshot.conffiles) {
    for (const Claim& claim : all.claims_of(conffile.path)) {
      if (claim.state.substr(1) == "c" &&
          name_without_arch(claim.package) != name_without_arch(package.name())) {
        others.insert(slot_of(claim.package));
      }
    }
  }
  if (others.empty()) return success();
  auto read = package.options.read({others.begin(), others.end()});
  if (!read) return read.error();
  for (const PackageFiles& other : read->packages) {
    // Removed before the run: the conffile was its as well then.
    if (!removed_since(package, other)) continue;
    auto left = other.conffiles;
    std::erase_if(left, [&](const ConffileRecord& one) {
      return find_conffile(package.record.snapshot.conffiles, one.path) != nullptr;
    });
    if (auto wrote = package.options.write(other.package, left); !wrote) return wrote;
  }
  return success();
}

Status settle_conffiles(Package& package, AllConffiles& all) {
  for (const ConffileRecord& conffile : package.record.snapshot.conffiles) {
    if (is_replaced(package, conffile.path) && (!conffile.edited || is_given_up(package, conffile)))
      continue;
    if (auto settled = settle_one(package, all, conffile); !settled) return settled;
  }
  std::vector<const ConffileRecord*> fresh;
  for (const ConffileRecord& conffile : package.failed.conffiles) {
    if (find_conffile(package.record.snapshot.conffiles, conffile.path) != nullptr ||
        conffile.remove_on_upgrade || package.stays(conffile.path)) {
      continue;
    }
    if (!all.was_there(conffile.path)) {
      fresh.push_back(&conffile);
    } else if (auto put = put_back_from_others(package, all, conffile); !put) {
      return put;
    }
  }
  if (fresh.empty()) return success();
  for (const ConffileRecord* conffile : fresh) {
    const auto& owners = all.claims_of(conffile->path);
    const bool shared = std::any_of(owners.begin(), owners.end(), [&](const Claim& claim) {
      return name_without_arch(claim.package) != name_without_arch(package.name());
    });
    if (shared) continue;
    if (auto removed = remove_new(package, *conffile); !removed) return removed;
    remove_new_folders(package, conffile->path);
  }
  return success();
}

}  // namespace aptkeep::snapshot
