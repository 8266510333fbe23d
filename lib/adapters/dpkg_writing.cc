// Opens dpkg's database so that it may be changed.
#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "adapters/dpkg_impl.h"

// Not modstatdb_open(): once the database was read in this process, opening it for writing would
// lose file triggers from triggers/Unincorp (libdpkg reads their interests only once) and follow
// pointers into freed memory (its list of awaited packages); and while it makes updates/tmp.i and
// notes a package, an error, such as a full disk, ends the program (dpkg, lib/dpkg/dbmodify.c and
// triglib.c). So this does what modstatdb_open() and modstatdb_checkpoint() do, without triggers:
// dpkg finds those where they are.

namespace aptkeep::dpkg_impl {
namespace {

// file_lock() wants variables that live on.
int frontend_lock = -1;
int database_lock = -1;

void take_lock(int* lock, const char* name, const char* what) {
  const char* path = admin_path(name);
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
  const char* folder = admin_path(UPDATESDIR);
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

}  // namespace

Locks::~Locks() {
  // guarded() has let go of them.
  for (int* lock : {&database_lock, &frontend_lock}) {
    if (*lock >= 0) ::close(*lock);
    *lock = -1;
  }
}

void open_for_writing() {
  take_locks();
  load_database(admin_path(STATUSFILE));
}

void write_database() {
  writedb(admin_path(STATUSFILE), wdb_must_sync);
}

}  // namespace aptkeep::dpkg_impl
