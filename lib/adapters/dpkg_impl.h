// Inside of the libdpkg adapters: what dpkg_*.cc share. Nothing else includes this.
#pragma once

#define LIBDPKG_VOLATILE_API
#include <string>

#include "core/result.h"

extern "C" {
// dpkg's headers declare C functions without saying so to C++.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
#pragma GCC diagnostic ignored "-Wconversion"
#include <dpkg/db-ctrl.h>
#include <dpkg/db-fsys.h>
#include <dpkg/dir.h>
#include <dpkg/dpkg-db.h>
#include <dpkg/dpkg.h>
#include <dpkg/ehandle.h>
#include <dpkg/file.h>
#include <dpkg/parsedump.h>
#include <dpkg/pkg-files.h>
#include <dpkg/pkg-show.h>
#include <dpkg/pkg.h>
#include <dpkg/progname.h>
#include <dpkg/triglib.h>
#pragma GCC diagnostic pop
}

namespace aptkeep::dpkg_impl {

// Runs `work`. libdpkg reports errors by longjmp, which runs no destructors: what `work` calls may
// make plain C data only; C++ values are made from libdpkg's afterwards. The Error's message is
// "unable to `verb_and_object`: " and libdpkg's own words. dpkg's locks that were taken are let go.
Status guarded(const std::string& verb_and_object, void (*work)(void*), void* data);

// libdpkg's memory of the database, from guarded() on; forgotten at the end, so that the next one
// starts anew: its tables outlive what they point into.
class Memory {
 public:
  Memory() = default;
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  ~Memory();
};

// Closes dpkg's locks that open_for_writing() took. Made before guarded() is called.
class Locks {
 public:
  Locks() = default;
  Locks(const Locks&) = delete;
  Locks& operator=(const Locks&) = delete;
  ~Locks();
};

// The next six are for `work`; what they return lives as long as Memory.

// The database as it is now, updates/ replayed in memory only. Takes no lock.
void open_for_reading();

// The same, with dpkg's locks and updates/ written into the status file.
void open_for_writing();
void write_database();

// The path of a file in dpkg's folder: "status".
const char* admin_path(const char* name);

// "name:arch" as DbSnapshot has it; nullptr: the opened database has no such package.
struct pkginfo* find_package(const char* name);

// Fills in pkg->files. Not libdpkg's ensure_packagefiles_available(): it ends the program where
// the list is damaged, and warns on the terminal where there is none.
void load_files(struct pkginfo* pkg);

struct fsys_namenode* node_of(const char* path);

std::string name_of(const struct pkginfo* pkg);   // "name:arch", arch never "all"
std::string state_of(const struct pkginfo* pkg);  // dpkg -l's letters: "ii", "iHR"
std::string text_of(struct dependency* dep);      // as the control field has it: "b (>= 2) | c"

// A conffile has two bools in dpkg 1.21, flags in 1.22.
template <typename Conffile>
bool is_obsolete(const Conffile& conffile) {
  if constexpr (requires { conffile.obsolete; }) {
    return conffile.obsolete;
  } else {
    return (conffile.flags & decltype(conffile.flags)::CONFFILE_OBSOLETE) != 0;
  }
}

template <typename Conffile>
bool is_remove_on_upgrade(const Conffile& conffile) {
  if constexpr (requires { conffile.obsolete; }) {
    return conffile.remove_on_upgrade;
  } else {
    return (conffile.flags & decltype(conffile.flags)::CONFFILE_REMOVE_ON_UPGRADE) != 0;
  }
}

template <typename Conffile>
void set_flags(Conffile* conffile, bool obsolete, bool remove_on_upgrade) {
  if constexpr (requires { conffile->obsolete; }) {
    conffile->obsolete = obsolete;
    conffile->remove_on_upgrade = remove_on_upgrade;
  } else {
    using Flags = decltype(conffile->flags);
    conffile->flags =
        static_cast<Flags>((obsolete ? Flags::CONFFILE_OBSOLETE : 0) |
                           (remove_on_upgrade ? Flags::CONFFILE_REMOVE_ON_UPGRADE : 0));
  }
}

}  // namespace aptkeep::dpkg_impl
