#include <cstring>

#include "adapters/dpkg_files.h"
#include "adapters/dpkg_impl.h"

namespace aptkeep {
namespace {

struct Writing {
  const char* package;
  const std::vector<ConffileRecord>* records;
};

const struct conffile* find_conffile(const struct conffile* first, const char* name) {
  while (first != nullptr && std::strcmp(first->name, name) != 0) first = first->next;
  return first;
}

struct conffile* chain_of(const std::vector<ConffileRecord>& records) {
  struct conffile* first = nullptr;
  struct conffile** end = &first;
  for (const ConffileRecord& record : records) {
    auto* conffile = static_cast<struct conffile*>(nfmalloc(sizeof(struct conffile)));
    conffile->next = nullptr;
    conffile->name = nfstrsave(record.path.c_str());
    conffile->hash = nfstrsave(record.hash.c_str());
    dpkg_impl::set_flags(conffile, record.obsolete, record.remove_on_upgrade);
    *end = conffile;
    end = &conffile->next;
  }
  return first;
}

bool same(const struct conffile* a, const struct conffile* b) {
  for (; a != nullptr && b != nullptr; a = a->next, b = b->next) {
    if (std::strcmp(a->name, b->name) != 0 || std::strcmp(a->hash, b->hash) != 0 ||
        dpkg_impl::is_obsolete(*a) != dpkg_impl::is_obsolete(*b) ||
        dpkg_impl::is_remove_on_upgrade(*a) != dpkg_impl::is_remove_on_upgrade(*b))
      return false;
  }
  return a == b;
}

bool is_listed(const struct pkginfo* pkg, const struct fsys_namenode* name) {
  const struct fsys_namenode_list* file = pkg->files;
  while (file != nullptr && file->namenode != name) file = file->next;
  return file != nullptr;
}

// The package's list of files: with all of `conffiles`, and without those that only their entry had
// kept in it, as it was obsolete or the package is removed: another could not ship a name that is
// taken.
void rewrite_list(struct pkginfo* pkg, const struct conffile* conffiles) {
  dpkg_impl::load_files(pkg);
  bool changed = false;
  for (const auto* old = pkg->installed.conffiles; old != nullptr; old = old->next) {
    const bool only_entry = dpkg_impl::is_obsolete(*old) || pkg->status == PKG_STAT_CONFIGFILES;
    if (!only_entry || find_conffile(conffiles, old->name) != nullptr) continue;
    struct fsys_namenode* name = dpkg_impl::node_of(old->name);
    name->flags = static_cast<fsys_namenode_flags>(name->flags | FNNF_OBS_CONFF);
    changed = changed || is_listed(pkg, name);
  }
  for (; conffiles != nullptr; conffiles = conffiles->next) {
    struct fsys_namenode* name = dpkg_impl::node_of(conffiles->name);
    if (is_listed(pkg, name)) continue;
    pkg_files_add_file(pkg, name, nullptr);
    changed = true;
  }
  if (changed) write_filelist_except(pkg, &pkg->installed, pkg->files, FNNF_OBS_CONFF);
}

void write(void* data) {
  const auto* writing = static_cast<const Writing*>(data);
  dpkg_impl::open_for_writing();
  struct pkginfo* pkg = dpkg_impl::find_package(writing->package);
  if (pkg == nullptr) ohshit("dpkg's database does not have it");
  struct conffile* conffiles = chain_of(*writing->records);
  rewrite_list(pkg, conffiles);
  if (same(pkg->installed.conffiles, conffiles)) return;
  pkg->installed.conffiles = conffiles;
  dpkg_impl::write_database();
}

// What the status file could not hold, or would be read back from it as something else.
bool can_be_written(const ConffileRecord& record) {
  return record.path.size() > 1 && record.path[0] == '/' && record.path[1] != '/' &&
         record.path.find('\n') == std::string::npos && !record.hash.empty() &&
         record.hash.find_first_of(" \t\n") == std::string::npos && record.hash != "obsolete" &&
         record.hash != "remove-on-upgrade";
}

}  // namespace

Status write_conffiles(const std::string& package, const std::vector<ConffileRecord>& conffiles) {
  const std::string what = "write the conffiles of " + package;
  for (const ConffileRecord& conffile : conffiles) {
    if (!can_be_written(conffile))
      return Error{"unable to " + what + ": '" + conffile.path + " " + conffile.hash +
                   "' is not an entry of dpkg's"};
  }
  Writing writing{package.c_str(), &conffiles};
  const dpkg_impl::Locks locks;
  const dpkg_impl::Memory memory;
  return dpkg_impl::guarded(what, write, &writing);
}

}  // namespace aptkeep
