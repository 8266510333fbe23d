// Files that are nobody's conffile: ucf's, and those that a rule names. ucf's come back where
// nobody edited them since, together with what ucf knows of them: it would ask otherwise when the
// old version's postinst offers its own version again.
#include <algorithm>
#include <iterator>

#include "adapters/snapshot_back.h"
#include "adapters/snapshot_take.h"

namespace aptkeep::snapshot {
namespace {

const FileRecord* find_extra(const Package& package, const std::string& path) {
  const auto& files = package.record.snapshot.files;
  for (std::size_t i = package.record.listed; i < files.size(); ++i) {
    if (files[i].path == path) return &files[i];
  }
  return nullptr;
}

std::string hash_in(const UcfLists& lists, const std::string& path) {
  const auto found = lists.hashes.find(path);
  return found == lists.hashes.end() ? "" : found->second;
}

// The shipped version that ucf keeps, for merging: it belongs to the hash.
Status settle_cache(Package& package, const std::string& path) {
  const std::string name = package.options.ucf_folder + "/cache/" + ucf_cache_name(path);
  static constexpr const char* kItself[] = {""};
  return settle_beside(package, name, kItself, 1);
}

// So that ucf takes what the old version offers for what it has offered before.
Status settle_shipped(Package& package, const std::string& shipped, const UcfRecord& ucf) {
  if (auto cache = settle_cache(package, ucf.path); !cache) return cache;
  if (shipped == ucf.hash) return success();
  return write_ucf_hash(package.options.ucf_folder, ucf.path, ucf.hash);
}

Status settle_one(Package& package, const UcfLists& lists, const UcfRecord& ucf) {
  const FileRecord* file = find_extra(package, ucf.path);
  if (file == nullptr) return success();
  const std::string& path = file->true_path;
  const std::string shipped = hash_in(lists, ucf.path);
  if (package.stays(file->path)) return settle_shipped(package, shipped, ucf);
  if (file->type == FileType::Regular) {
    auto present = compare_content(package, *file, path);
    if (!present) return present.error();
    const bool untouched = *present == Present::Same || *present == Present::Missing ||
                           (*present == Present::Other && hash_at(path) == shipped);
    if (!untouched) return success();  // compared in the end, and named
    if (*present != Present::Same) {
      if (auto put = put_back(package, *file, path); !put) return put;
    }
  } else if (file->type == FileType::Absent) {
    const std::string now = hash_at(path);
    if (!now.empty() && now != shipped) return success();
    if (auto removed = remove_file(path); !removed) return removed;
  } else {
    return success();
  }
  auto settled = settle_beside(package, path, kUcfBeside, std::size(kUcfBeside));
  if (!settled) return settled;
  return settle_shipped(package, shipped, ucf);
}

// One that the failed version registered, as it left it.
Status remove_new(Package& package, const UcfLists& lists, const std::string& path) {
  if (!changed_since(path, package.record.taken)) return success();
  if (hash_at(path) != hash_in(lists, path)) return success();
  if (auto removed = remove_file(path); !removed) return removed;
  if (auto cache = settle_cache(package, path); !cache) return cache;
  const std::string& folder = package.options.ucf_folder;
  if (auto wrote = write_ucf_hash(folder, path, ""); !wrote) return wrote;
  return drop_ucf_registration(folder, path);
}

}  // namespace

Status settle_ucf(Package& package) {
  const UcfLists lists = read_ucf(package.options.ucf_folder);
  const auto& known = package.record.snapshot.ucf;
  for (const UcfRecord& ucf : known) {
    if (auto settled = settle_one(package, lists, ucf); !settled) return settled;
  }
  const auto registered = lists.registry.find(name_without_arch(package.name()));
  if (registered == lists.registry.end()) return success();
  for (const std::string& path : registered->second) {
    const bool before = std::any_of(known.begin(), known.end(),
                                    [&](const UcfRecord& ucf) { return ucf.path == path; });
    if (before || package.lists(path)) continue;
    if (auto removed = remove_new(package, lists, path); !removed) return removed;
  }
  return success();
}

// Nobody knows what was shipped of these: what was written since is kept beside them.
Status settle_extra(Package& package) {
  const auto& files = package.record.snapshot.files;
  const auto& ucf = package.record.snapshot.ucf;
  for (std::size_t i = package.record.listed; i < files.size(); ++i) {
    const FileRecord& file = files[i];
    if (file.type != FileType::Regular || package.stays(file.path) ||
        std::any_of(ucf.begin(), ucf.end(),
                    [&](const UcfRecord& one) { return one.path == file.path; })) {
      continue;
    }
    auto present = compare_content(package, file, file.true_path);
    if (!present) return present.error();
    if (*present == Present::Same || *present == Present::NoFile) continue;
    if (*present == Present::Other) {
      if (auto kept = keep_beside(package, file.true_path); !kept) return kept;
    }
    if (auto put = put_back(package, file, file.true_path); !put) return put;
  }
  return success();
}

}  // namespace aptkeep::snapshot
