#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "adapters/dpkg_files.h"
#include "adapters/dpkg_impl.h"

// Not modstatdb_open(): once the database was read in this process, opening it for writing would
// lose file triggers from triggers/Unincorp (libdpkg reads their interests only once) and follow
// pointers into freed memory (its list of awaited packages); and while it makes updates/tmp.i and
// notes a package, an error, such as a full disk, ends the program (dpkg, lib/dpkg/dbmodify.c and
// triglib.c). So this does what modstatdb_open() and modstatdb_checkpoint() do, without triggers:
// dpkg finds those where they are.

namespace aptkeep {
namespace {

struct Writing {
  const char* package;
  const std::vector<ConffileRecord>* records;
};

// file_lock() wants variables that live on.
int frontend_lock = -1;
int database_lock = -1;

// Let go by guarded(), closed here.
struct Locks {
  Locks() = default;
  Locks(const Locks&) = delete;
  Locks& operator=(const Locks&) = delete;
  ~Locks() {
    for (int* lock : {&database_lock, &frontend_lock}) {
      if (*lock >= 0) ::close(*lock);
      *lock = -1;
    }
  }
};

void take_lock(int* lock, const char* name, const char* what) {
  const char* path = dpkg_impl::admin_path(name);
  *lock = ::open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0660);
  if (*lock < 0) ohshite("opening %s", path);
  file_lock(lock, FILE_LOCK_NOWAIT, path, what);
}

void take_locks() {
  if (std::getenv("DPKG_FRONTEND_LOCKED") == nullptr)
    take_lock(&frontend_lock, FRONTENDLOCKFILE, "dpkg frontend lock");
  take_lock(&database_lock, LOCKFILE, "dpkg database lock");
}

int is_update(const struct dirent* entry) {
  const char* name = entry->d_name;
  while (*name >= '0' && *name <= '9') ++name;
  return *name == '\0' ? 1 : 0;
}

const char* in_folder(const char* folder, const char* name) {
  const std::size_t room = std::strlen(folder) + std::strlen(name) + 2;
  char* path = static_cast<char*>(nfmalloc(room));
  (void)std::snprintf(path, room, "%s/%s", folder, name);
  return path;
}

// The status file with what dpkg noted since it was written. That goes into the file before
// anything is changed: an update that is still there after a crash would undo the change.
void load_database(const char* status) {
  dpkg_arch_load_list();
  parsedb(status, pdb_parse_status, nullptr);
  const char* folder = dpkg_impl::admin_path(UPDATESDIR);
  struct dirent** updates = nullptr;
  const int count = ::scandir(folder, &updates, is_update, alphasort);
  if (count < 0 && errno != ENOENT) ohshite("reading %s", folder);
  if (count <= 0) return;
  for (int i = 0; i < count; ++i) {
    if (std::strlen(updates[i]->d_name) != std::strlen(updates[0]->d_name))
      ohshit("%s has numbers of different lengths", folder);
    parsedb(in_folder(folder, updates[i]->d_name), pdb_parse_update, nullptr);
  }
  writedb(status, wdb_must_sync);
  for (int i = 0; i < count; ++i) {
    const char* update = in_folder(folder, updates[i]->d_name);
    if (::unlink(update) != 0) ohshite("removing %s", update);
    std::free(updates[i]);
  }
  std::free(updates);
  dir_sync_path(folder);
}

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

// The package's list of files: with all of `conffiles`, and without those that only their obsolete
// entry had kept in it, as another package could not ship a name that is taken.
void rewrite_list(struct pkginfo* pkg, const struct conffile* conffiles) {
  dpkg_impl::load_files(pkg);
  bool changed = false;
  for (const auto* old = pkg->installed.conffiles; old != nullptr; old = old->next) {
    if (!dpkg_impl::is_obsolete(*old) || find_conffile(conffiles, old->name) != nullptr) continue;
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
  take_locks();
  const char* status = dpkg_impl::admin_path(STATUSFILE);
  load_database(status);
  struct pkginfo* pkg = dpkg_impl::find_package(writing->package);
  if (pkg == nullptr) ohshit("dpkg's database does not have it");
  struct conffile* conffiles = chain_of(*writing->records);
  rewrite_list(pkg, conffiles);
  if (same(pkg->installed.conffiles, conffiles)) return;
  pkg->installed.conffiles = conffiles;
  writedb(status, wdb_must_sync);
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
  const Locks locks;
  const dpkg_impl::Memory memory;
  return dpkg_impl::guarded(what, write, &writing);
}

}  // namespace aptkeep
