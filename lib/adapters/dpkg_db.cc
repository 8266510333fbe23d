#include "adapters/dpkg_db.h"

#define LIBDPKG_VOLATILE_API
#include <setjmp.h>

#include <cstdlib>
#include <cstring>

extern "C" {
// dpkg's headers declare C functions without saying so to C++.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
#pragma GCC diagnostic ignored "-Wconversion"
#include <dpkg/dpkg-db.h>
#include <dpkg/dpkg.h>
#include <dpkg/ehandle.h>
#include <dpkg/pkg-show.h>
#include <dpkg/progname.h>
#pragma GCC diagnostic pop
}

namespace aptkeep {
namespace {

// libdpkg reports errors by longjmp, which runs no destructors. So between setjmp and return there
// is only this plain data; C++ values are made from it afterwards.
struct Record {
  char* name;
  char* arch;
  char* version;
  char state[4];
};

struct Reading {
  Record* records;
  std::size_t count;
  std::size_t room;
  char error[512];
};

char error_text[512];

void remember_error(const char* message, const void*) {
  std::strncpy(error_text, message, sizeof(error_text) - 1);
  error_text[sizeof(error_text) - 1] = '\0';
}

bool add_record(Reading* reading, struct pkginfo* pkg) {
  if (reading->count == reading->room) {
    const std::size_t room = reading->room == 0 ? 1024 : reading->room * 2;
    void* grown = std::realloc(reading->records, room * sizeof(Record));
    if (grown == nullptr) return false;
    reading->records = static_cast<Record*>(grown);
    reading->room = room;
  }
  Record* record = &reading->records[reading->count];
  record->name = ::strdup(pkg->set->name);
  record->arch = ::strdup(pkg->installed.arch != nullptr ? pkg->installed.arch->name : "");
  record->version = ::strdup(versiondescribe(&pkg->installed.version, vdew_nonambig));
  const int eflag = pkg_abbrev_eflag(pkg);
  record->state[0] = static_cast<char>(pkg_abbrev_want(pkg));
  record->state[1] = static_cast<char>(pkg_abbrev_status(pkg));
  record->state[2] = eflag == ' ' ? '\0' : static_cast<char>(eflag);
  record->state[3] = '\0';
  ++reading->count;
  return record->name != nullptr && record->arch != nullptr && record->version != nullptr;
}

void read_records(Reading* reading) {
  jmp_buf on_error;
  if (setjmp(on_error) != 0) {
    pop_error_context(ehflag_bombout);
    std::memcpy(reading->error, error_text, sizeof(reading->error));
    return;
  }
  push_error_context_jump(&on_error, remember_error, "aptkeep");
  // Read-only: nothing is locked, and updates/ is replayed in memory only.
  modstatdb_open(msdbrw_readonly);
  struct pkg_hash_iter* iter = pkg_hash_iter_new();
  for (struct pkginfo* pkg = pkg_hash_iter_next_pkg(iter); pkg != nullptr;
       pkg = pkg_hash_iter_next_pkg(iter)) {
    if (pkg->status == PKG_STAT_NOTINSTALLED) continue;
    if (!add_record(reading, pkg)) ohshit("out of memory");
  }
  pkg_hash_iter_free(iter);
  modstatdb_shutdown();
  pkg_hash_reset();
  pop_error_context(ehflag_normaltidy);
}

void free_records(Reading* reading) {
  for (std::size_t i = 0; i < reading->count; ++i) {
    std::free(reading->records[i].name);
    std::free(reading->records[i].arch);
    std::free(reading->records[i].version);
  }
  std::free(reading->records);
}

}  // namespace

std::string native_architecture() {
  return dpkg_arch_get(DPKG_ARCH_NATIVE)->name;
}

Result<DbSnapshot> RealDatabase::read() {
  dpkg_set_progname("aptkeep");
  Reading reading{};
  read_records(&reading);
  if (reading.error[0] != '\0') {
    const std::string why = reading.error;
    free_records(&reading);
    return Error{"unable to read dpkg's database: " + why};
  }
  const std::string native = native_architecture();
  DbSnapshot snapshot;
  for (std::size_t i = 0; i < reading.count; ++i) {
    const Record& record = reading.records[i];
    DbPackage package;
    package.version = record.version;
    package.arch = record.arch;
    package.state = record.state;
    package.held = record.state[0] == 'h';
    const std::string slot = package.arch.empty() || package.arch == "all" ? native : package.arch;
    snapshot[std::string(record.name) + ":" + slot] = package;
  }
  free_records(&reading);
  return snapshot;
}

}  // namespace aptkeep
