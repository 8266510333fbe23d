#include "core/failure_words.h"

#include <algorithm>
#include <array>

namespace aptkeep {
namespace {

constexpr auto npos = std::string_view::npos;
constexpr std::size_t kLines = 20;  // a service's status, which systemctl prints, has up to that

using enum WordsOf;
using enum FailureClass;

constexpr FailureWords kWords[] = {
    // strerror(3) of glibc stands in most of these.
    {Dpkg, DiskFull, "no space left on device", "ENOSPC"},
    {Dpkg, DiskFull, "disk quota exceeded", "EDQUOT"},
    {Dpkg, OutOfMemory, "cannot allocate memory", "ENOMEM"},
    {Dpkg, OutOfMemory, "memory exhausted", "liblzma and zlib through dpkg 1.21, compress.c"},
    {Dpkg, FollowUp, "dependency problems - ", "dpkg 1.21, configure.c, remove.c, trigproc.c"},
    {Dpkg, FollowUp, "pre-dependency problem - not installing", "dpkg 1.21, unpack.c"},
    {Dpkg, FollowUp, "conflicting packages - not installing", "dpkg 1.21, archives.c"},
    {Dpkg, FollowUp, "installing * would break", "dpkg 1.21, archives.c"},
    {Dpkg, FollowUp, "package * cannot be configured because", "dpkg 1.21, configure.c"},
    // Its owner's new version may not have it any more, and comes later in the run.
    {Dpkg, Transient, "trying to overwrite * which is also in package", "dpkg 1.21, archives.c"},
    {Dpkg, Transient, "trying to overwrite shared '*', which is different",
     "dpkg 1.21, archives.c: its sibling's new version"},
    {Dpkg, Transient, "error writing to '<standard output>'",
     "dpkg 1.21, lib/dpkg/report.c, m_output(): what carries its output was killed"},
    {Dpkg, Refusal, "on stdin at conffile prompt", "dpkg 1.21, configure.c: nobody to ask"},
    {Dpkg, Refusal, "does not match system", "dpkg 1.21, unpack.c: another architecture"},
    {Dpkg, Crash, "subprocess was killed by signal", "dpkg 1.21, lib/dpkg/subproc.c"},

    {Script, DiskFull, "no space left on device", "ENOSPC; github.com/canonical/snapd/pull/11348"},
    {Script, DiskFull, "disk quota exceeded", "EDQUOT"},
    {Script, DiskFull, "database or disk is full", "SQLITE_FULL, sqlite3.c, sqlite3ErrStr"},
    {Script, DiskFull, "error 24 : write error : cannot write compressed block",
     "lz4 on a full /boot, github.com/nodejs/build/issues/3296"},
    {Script, OutOfMemory, "cannot allocate memory", "ENOMEM"},
    {Script, OutOfMemory, "out of memory", "perl's croak_no_mem(), SQLITE_NOMEM, mawk, psql"},
    {Script, OutOfMemory, ": cannot allocate * bytes", "bash, xmalloc.c"},
    {Script, OutOfMemory, "fork: resource temporarily unavailable", "bash, when it gives up"},
    {Script, OutOfMemory, "virtual memory exhausted", "xalloc-die of older GNU programs"},
    {Script, OutOfMemory, "memory exhausted", "gnulib's xalloc_die(): cp, tar, sed, grep"},
    {Script, OutOfMemory, ": cannot fork", "dash, jobs.c, forkshell()"},
    {Script, OutOfMemory, "fork: retry: resource temporarily unavailable", "bash, jobs.c"},
    {Script, OutOfMemory, "memoryerror", "Python's traceback"},

    {Script, MissingUnit, "unit * not found.",
     "systemd, dbus-unit.c; github.com/zabbly/incus/issues/33"},
    {Script, MissingUnit, "unit * not loaded.",
     "systemd, dbus-unit.c; github.com/inverse-inc/packetfence/issues/8632"},
    {Script, MissingUnit, "unit * could not be found.", "systemctl status, systemctl-show.c"},
    {Script, MissingUnit, "unit file * does not exist.",
     "systemctl enable and deb-systemd-helper, install.c"},

    {Script, Transient, "could not get lock", "apt, fileutl.cc"},
    {Script, Transient, "unable to acquire the dpkg frontend lock", "apt, debsystem.cc"},
    {Script, Transient, "was locked by another process", "dpkg 1.21, lib/dpkg/file.c"},
    {Script, Transient, "is locked by another process", "debconf, DbDriver/File.pm"},
    {Script, Transient, "cannot lock *; try again later", "shadow: useradd, groupadd, usermod"},
    {Script, Transient, "lock * already used by pid", "shadow, lib/commonio.c"},
    {Script, Transient, "database is locked", "SQLITE_BUSY, sqlite3.c, sqlite3ErrStr"},
    {Script, Transient, "database table is locked", "SQLITE_LOCKED, sqlite3.c, sqlite3ErrStr"},
    {Script, Transient, "lock wait timeout exceeded", "MariaDB, ER_LOCK_WAIT_TIMEOUT"},
    {Script, Transient, "resource temporarily unavailable", "EAGAIN"},
    {Script, Transient, "text file busy", "ETXTBSY: a program is being replaced"},
    {Script, Transient, "connection refused",
     "ECONNREFUSED; github.com/passbolt/passbolt_help/issues/80"},
    {Script, Transient, "couldn't connect to server", "curl, CURLE_COULDNT_CONNECT"},
    {Script, Transient, "can't connect to * server", "MariaDB and MySQL, CR_CONNECTION_ERROR"},
    {Script, Transient, "could not connect to server", "PostgreSQL, libpq before 14"},
    {Script, Transient, "unable to connect to * server", "PHP, pgsql.c; piuparts, db_setup"},
    {Script, Transient, "dbconfig-common: * noninteractive fail", "dbconfig-common, dpkg/common"},
    {Script, Transient, "can't connect to server", "MariaDB, CR_CONN_HOST_ERROR"},
    {Script, Transient, "is the server running", "PostgreSQL, libpq's hint, fe-connect.c"},
    {Script, Transient, "the database system is starting up", "PostgreSQL, postmaster.c"},
    {Script, Transient, "the database system is shutting down", "PostgreSQL, postmaster.c"},
    {Script, Transient, "can't contact ldap server", "OpenLDAP, LDAP_SERVER_DOWN"},
    {Script, Transient, "failed to connect to bus: connection refused", "systemctl, bus-util.c"},
    {Script, Transient, "failed to connect to bus: no such file", "systemctl, bus-util.c"},
    {Script, Transient, "a dependency job for * failed", "systemd, bus-wait-for-jobs.c"},
    {Script, Transient, "job for * canceled.", "systemd, bus-wait-for-jobs.c"},
    {Script, Transient, "job for * failed because a timeout was exceeded",
     "systemd, bus-wait-for-jobs.c"},
    {Script, Transient, " is not active, cannot reload", "systemd, bus-wait-for-jobs.c"},
    {Script, Transient, "is destructive (*job queued, but",
     "systemd, transaction.c: the machine shuts down"},
    {Script, Transient, " is queued, ignoring * request for unit",
     "older systemd, likewise; github.com/mvo5/unattended-upgrades/issues/17"},
    {Script, Transient, "temporary failure in name resolution", "getaddrinfo(3), EAI_AGAIN"},
    {Script, Transient, "temporary failure resolving", "apt, methods/connect.cc"},
    {Script, Transient, "unable to resolve host address", "wget, host.c"},
    {Script, Transient, "could not resolve host", "curl, CURLE_COULDNT_RESOLVE_HOST"},
    {Script, Transient, "connection timed out", "ETIMEDOUT"},
    {Script, Transient, "network is unreachable", "ENETUNREACH"},
    {Script, Transient, "unsupported dictionary type",
     "postfix while a map's package is replaced; debian-bugs-rc, services list 34"},

    {Script, Refusal, "you must correct your grub install devices before proceeding",
     "grub-pc.postinst; github.com/MichaIng/DietPi/issues/8045"},
    {Script, Refusal, "unit * is masked.", "systemd, dbus-unit.c: a person wants it so"},
    {Script, Refusal, "aborting removal of the running kernel", "linux-base, linux-check-removal"},
    {Script, Refusal, "stop it yourself and try again", "mariadb-server.preinst"},
    {Script, Refusal, "dbconfig-common: * aborted", "dbconfig-common, dpkg/common: a person's no"},
    {Script, Refusal, "aborting downgrade", "mysql-server-8.0.preinst"},
    {Script, Refusal, "both * and /usr* exist", "usrmerge, convert-usrmerge"},
    {Script, Refusal, "not empty, aborting", "slapd.postinst"},
    {Script, Refusal, "this version of the gnu libc requires kernel version", "libc6.preinst"},
    {Script, Refusal, "refusing to ", "what people write who mean it"},
    {Script, Refusal, "called with unknown argument", "dh_make's templates of all scripts"},

    {Script, Crash, "segmentation fault", "strsignal(3), as shells print it"},
    {Script, Crash, "(core dumped)", "as shells print it"},
    {Script, Crash, "illegal instruction", "strsignal(3)"},
    {Script, Crash, "exited because of uncaught signal", "run-parts"},
    {Script, Crash, "stack smashing detected", "glibc, stack_chk_fail.c"},
};

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::size_t find_piece(std::string_view line, std::string_view piece) {
  const auto same = [](char a, char b) { return lower(a) == b; };
  const auto at = std::search(line.begin(), line.end(), piece.begin(), piece.end(), same);
  return at == line.end() && !piece.empty() ? npos : static_cast<std::size_t>(at - line.begin());
}

bool matches(std::string_view line, std::string_view pattern) {
  while (true) {
    const auto star = pattern.find('*');
    const auto piece = pattern.substr(0, star);
    const auto at = find_piece(line, piece);
    if (at == npos) return false;
    if (star == npos) return true;
    line.remove_prefix(at + piece.size());
    pattern.remove_prefix(star + 1);
  }
}

// The higher, the more it tells. A lack explains all else; a technical cause explains the refusal
// that a script ends with; of two such causes the later is the one that the script ended for.
int weight(FailureClass failure_class) {
  switch (failure_class) {
    case FailureClass::DiskFull:
    case FailureClass::OutOfMemory:
      return 4;
    case FailureClass::MissingUnit:
    case FailureClass::Transient:
    case FailureClass::FollowUp:
      return 3;
    case FailureClass::Refusal:
      return 2;
    default:
      return 1;
  }
}

// "Setting up foo (2.0) ...": dpkg's own headings, in English.
bool is_heading(std::string_view line) {
  static constexpr std::array<std::string_view, 5> kHeadings{
      "Setting up ", "Preparing to unpack ", "Removing ", "Purging configuration files for ",
      "Processing triggers for "};
  return line.ends_with(" ...") &&
         std::any_of(kHeadings.begin(), kHeadings.end(),
                     [line](std::string_view heading) { return line.starts_with(heading); });
}

}  // namespace

std::span<const FailureWords> failure_words() {
  return kWords;
}

std::string_view last_step(std::string_view output) {
  // Every message of dpkg's begins with its name, in all languages; the last one is of the failure.
  std::size_t end = output.rfind("\ndpkg: ");
  if (end == npos) end = output.size();
  while (end > 0 && output[end - 1] == '\n') --end;
  output = output.substr(0, end);
  std::size_t begin = end;
  for (std::size_t lines = 0; begin > 0 && lines < kLines; ++lines) {
    const auto newline = begin < 2 ? npos : output.rfind('\n', begin - 2);
    const auto start = newline == npos ? 0 : newline + 1;
    auto line = output.substr(start, begin - start);
    if (line.ends_with('\n')) line.remove_suffix(1);
    begin = start;
    if (is_heading(line)) break;
  }
  return output.substr(begin);
}

std::string_view last_words_of_dpkg(std::string_view output) {
  if (const auto at = output.rfind("\ndpkg: "); at != npos) return output.substr(at + 1);
  return output.starts_with("dpkg: ") ? output : std::string_view{};
}

std::optional<std::string> file_without_room(std::string_view message) {
  const FailureWords* words = find_words(Dpkg, message);
  if (words == nullptr || words->failure_class != DiskFull) return std::nullopt;
  for (auto quote = message.find('\''); quote != npos; quote = message.find('\'', quote + 1)) {
    auto name = message.substr(quote + 1);
    if (name.starts_with("./")) name.remove_prefix(1);  // as the archive has it
    if (name.starts_with('/')) return std::string(name.substr(0, name.find('\'')));
  }
  return std::string();
}

const FailureWords* find_words(WordsOf where, std::string_view text) {
  if (where == Script) text = last_step(text);
  const FailureWords* best = nullptr;
  while (!text.empty()) {
    const auto newline = text.find('\n');
    const auto line = text.substr(0, newline);
    text.remove_prefix(newline == npos ? text.size() : newline + 1);
    for (const auto& words : kWords) {
      if (words.where != where || !matches(line, words.pattern)) continue;
      const bool better =
          best == nullptr || weight(words.failure_class) >= weight(best->failure_class);
      if (better) best = &words;
      break;  // the table's order decides within a line
    }
  }
  return best;
}

}  // namespace aptkeep
