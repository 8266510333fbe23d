#include "adapters/dpkg_impl.h"

#include <setjmp.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "adapters/dpkg_db.h"

namespace aptkeep {
namespace dpkg_impl {
namespace {

char error_text[1024];

void remember_error(const char* message, const void*) {
  std::strncpy(error_text, message, sizeof(error_text) - 1);
  error_text[sizeof(error_text) - 1] = '\0';
}

bool run(void (*work)(void*), void* data) {
  jmp_buf on_error;
  if (setjmp(on_error) != 0) {  // NOLINT(cert-err52-cpp): libdpkg has no other way
    pop_error_context(ehflag_bombout);
    return false;
  }
  push_error_context_jump(&on_error, remember_error, "aptkeep");
  work(data);
  pop_error_context(ehflag_normaltidy);
  return true;
}

// libdpkg's messages can have several lines; ours are one. What it says to people about removing
// lock files is left out.
std::string last_error() {
  std::string text = error_text;
  if (const auto note = text.find("\nNote: "); note != std::string::npos) text.erase(note);
  for (std::size_t at = text.find('\n'); at != std::string::npos; at = text.find('\n', at)) {
    std::size_t end = at + 1;
    while (end < text.size() && text[end] == ' ') ++end;
    text.replace(at, end - at, " ");
  }
  return text;
}

const char* slot_of(const struct pkginfo* pkg) {
  const struct dpkg_arch* arch = pkg->installed.arch;
  if (arch == nullptr || arch->name[0] == '\0' || arch->type == DPKG_ARCH_ALL)
    arch = dpkg_arch_get(DPKG_ARCH_NATIVE);
  return arch->name;
}

}  // namespace

Status guarded(const std::string& verb_and_object, void (*work)(void*), void* data) {
  dpkg_set_progname("aptkeep");
  if (run(work, data)) return success();
  return Error{"unable to " + verb_and_object + ": " + last_error()};
}

Memory::~Memory() {
  trig_awaited_pend_free();
  fsys_hash_reset();
  pkg_hash_reset();
  modstatdb_done();
  pkg_infodb_set_format(PKG_INFODB_FORMAT_UNKNOWN);
}

void open_for_reading() {
  modstatdb_open(msdbrw_readonly);
}

const char* admin_path(const char* name) {
  char* path = dpkg_db_get_path(name);
  const char* saved = nfstrsave(path);
  std::free(path);
  return saved;
}

struct pkginfo* find_package(const char* name) {
  const char* colon = std::strrchr(name, ':');
  if (colon == nullptr) return nullptr;
  const char* bare = nfstrnsave(name, static_cast<std::size_t>(colon - name));
  if (pkg_name_is_illegal(bare) != nullptr) return nullptr;
  struct pkgset* set = pkg_hash_find_set(bare);
  if (std::strcmp(set->name, bare) != 0) return nullptr;  // it ignores case, names do not
  for (struct pkginfo* pkg = &set->pkg; pkg != nullptr; pkg = pkg->arch_next) {
    if (pkg->status != PKG_STAT_NOTINSTALLED && std::strcmp(slot_of(pkg), colon + 1) == 0)
      return pkg;
  }
  return nullptr;
}

void load_files(struct pkginfo* pkg) {
  const char* list = nfstrsave(pkg_infodb_get_file(pkg, &pkg->installed, LISTFILE));
  struct varbuf* text = varbuf_new(0);
  struct dpkg_error error = DPKG_ERROR_INIT;
  if (file_slurp(list, text, &error) < 0) {
    if (error.syserrno != ENOENT) dpkg_error_print(&error, "reading the list of files");
    dpkg_error_destroy(&error);
  }
  char* line = text->buf;
  const char* end = text->buf + text->used;
  struct fsys_namenode_list** tail = &pkg->files;
  while (line < end) {
    char* newline =
        static_cast<char*>(std::memchr(line, '\n', static_cast<std::size_t>(end - line)));
    if (newline == nullptr) ohshit("%s has no newline at its end", list);
    char* next = newline + 1;
    if (newline > line && newline[-1] == '/') --newline;
    if (newline == line) ohshit("%s has an empty line", list);
    *newline = '\0';
    tail = pkg_files_add_file(pkg, node_of(line), tail);
    line = next;
  }
  pkg->files_list_valid = true;
  varbuf_free(text);
}

struct fsys_namenode* node_of(const char* path) {
  // 0: makes it where there is none. In dpkg 1.22 the flags have other names, and FHFF_NONE means
  // something else than in 1.21.
  return fsys_hash_find_node(path, static_cast<fsys_hash_find_flags>(0));
}

std::string name_of(const struct pkginfo* pkg) {
  return std::string(pkg->set->name) + ":" + slot_of(pkg);
}

std::string text_of(struct dependency* dep) {
  struct varbuf* text = varbuf_new(0);
  varbufdependency(text, dep);
  std::string out(text->buf, text->used);
  varbuf_free(text);
  return out;
}

std::string state_of(const struct pkginfo* pkg) {
  std::string state;
  state += static_cast<char>(pkg_abbrev_want(pkg));
  state += static_cast<char>(pkg_abbrev_status(pkg));
  const int eflag = pkg_abbrev_eflag(pkg);
  if (eflag != ' ') state += static_cast<char>(eflag);
  return state;
}

}  // namespace dpkg_impl

std::string native_architecture() {
  return dpkg_arch_get(DPKG_ARCH_NATIVE)->name;
}

}  // namespace aptkeep
