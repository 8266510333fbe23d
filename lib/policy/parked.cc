#include "policy/parked.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "policy/run_folder.h"
#include "policy/systemctl.h"

namespace aptkeep::policy {
namespace {

constexpr char kUnits[] = "/run/systemd/system";
// Their names sort after those of admins' drop-ins.
constexpr char kStandIn[] = "~aptkeep-parked.conf";
constexpr char kLeaving[] = "~aptkeep-unparked.conf";

// What the service's own unit says of its stop is kept, since it is stopped by it. All else that
// might keep the stand-in from coming up, or bring something about when it does, is taken away; a
// `+` leaves out users, namespaces and other roots.
constexpr char kStandInText[] =
    "[Unit]\n"
    "Description=%s, parked by aptkeep while its package is replaced\n"
    "ConditionPathExists=\nAssertPathExists=\n"
    "OnFailure=\nOnSuccess=\nStopWhenUnneeded=no\nStartLimitIntervalSec=0\n"
    "SuccessAction=none\nFailureAction=none\n"
    "[Service]\n"
    "Type=oneshot\nRemainAfterExit=yes\nRestart=no\nPIDFile=\nWatchdogSec=0\n"
    "RuntimeMaxSec=infinity\nEnvironmentFile=\nStandardInput=null\nStandardOutput=null\n"
    "ExecCondition=\nExecStartPre=\nExecStart=\nExecStart=+/bin/true\nExecStartPost=\n"
    "ExecReload=\nExecReload=+/bin/true\n";

// When the stand-in ends there is nothing that commands could stop.
constexpr char kLeavingText[] = "[Service]\nExecStop=\nExecStopPost=\n";

struct Record {
  Hold said;
  Units sockets;
  char listens[4096] = {};  // of all of them, as systemd tells it
};

// What they listen on, in the order of their names, without what is gone.
void listens_of(const Units& sockets, char* text, std::size_t room) {
  std::size_t used = 0;
  text[0] = '\0';
  for (std::size_t i = 0; i < sockets.count && used + 1 < room; ++i) {
    const char* const words[] = {"show", "--property=LoadState,Listen", "--", sockets.name[i]};
    if (systemctl(words, 4, text + used, room - used)) used += std::strlen(text + used);
  }
}

bool write_at(int folder, const char* name, const char* const* parts, std::size_t count) {
  const int file =
      openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
  if (file < 0) return false;
  bool written = true;
  for (std::size_t i = 0; written && i < count; ++i) {
    const std::size_t size = std::strlen(parts[i]);
    written = write(file, parts[i], size) == static_cast<ssize_t>(size);
  }
  close(file);
  if (!written) unlinkat(folder, name, 0);
  return written;
}

// "HOLD\nSOCKET SOCKET ...\nLISTENS": where that is cut, its sockets count as changed.
bool write_record(const char* run_dir, const char* service, const Record& record) {
  const int folder = open_folder(run_dir, kParkedDir, true);
  if (folder < 0) return false;
  char hold[sizeof record.said.package + 32];
  write_hold(record.said, hold, sizeof hold);
  const char* parts[2 * kMostWords + 3] = {hold};
  std::size_t count = 1;
  for (std::size_t i = 0; i < record.sockets.count; ++i) {
    parts[count++] = record.sockets.name[i];
    parts[count++] = i + 1 < record.sockets.count ? " " : "";
  }
  parts[count++] = "\n";
  parts[count++] = record.listens;
  // Whole, or not there.
  char made[300];
  std::snprintf(made, sizeof made, ".%s", service);
  const bool written =
      write_at(folder, made, parts, count) && renameat(folder, made, folder, service) == 0;
  close(folder);
  return written;
}

bool read_record(const char* run_dir, const char* service, Record& record) {
  const int folder = open_folder(run_dir, kParkedDir, false);
  const int file = folder < 0 ? -1 : openat(folder, service, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  if (folder >= 0) close(folder);
  if (file < 0) return false;
  static char text[16384];  // too large for a stack that others share
  read_all(file, text, sizeof text);
  close(file);
  char* const sockets = text + std::strcspn(text, "\n");
  char* const names = *sockets == '\0' ? sockets : sockets + 1;
  char* const end = names + std::strcspn(names, "\n");
  const char* const listens = *end == '\0' ? end : end + 1;
  *sockets = *end = '\0';
  read_hold(text, record.said);
  std::snprintf(record.sockets.text, sizeof record.sockets.text, "%s", names);
  record.sockets.split();
  std::snprintf(record.listens, sizeof record.listens, "%.*s",
                static_cast<int>(sizeof record.listens - 1), listens);
  return true;
}

void forget(const char* run_dir, const char* service) {
  const int folder = open_folder(run_dir, kParkedDir, false);
  if (folder < 0) return;
  unlinkat(folder, service, 0);
  close(folder);
  char path[512];
  std::snprintf(path, sizeof path, "%s/%s", run_dir, kParkedDir);
  rmdir(path);
}

// The folder of its drop-ins.
int drop_ins_of(const char* service, bool make) {
  char name[300];
  std::snprintf(name, sizeof name, "%s.d", service);
  return open_folder(kUnits, name, make);
}

bool write_drop_in(const char* service, const char* name, const char* text) {
  const int folder = drop_ins_of(service, true);
  if (folder < 0) return false;
  const bool written = write_at(folder, name, &text, 1);
  close(folder);
  return written;
}

// True: it was there.
bool remove_drop_in(const char* service, const char* name) {
  const int folder = drop_ins_of(service, false);
  if (folder < 0) return false;
  const bool removed = unlinkat(folder, name, 0) == 0;
  close(folder);
  char path[400];
  std::snprintf(path, sizeof path, "%s/%s.d", kUnits, service);
  rmdir(path);
  return removed;
}

void reload() {
  const char* const words[] = {"daemon-reload"};
  systemctl(words, 1);
}

void act_on(const char* verb, const char* unit) {
  const char* const words[] = {verb, "--", unit};
  systemctl(words, 3);
}

struct State {
  char text[128] = {};
  explicit State(const char* unit) {
    const char* const words[] = {"show", "--property=LoadState,ActiveState,SubState", "--", unit};
    if (!systemctl(words, 4, text, sizeof text)) text[0] = '\0';
  }
  bool has(const char* line) const { return std::strstr(text, line) != nullptr; }
};

bool stands_in(const char* service) {
  const State state(service);
  return state.has("ActiveState=active\n") && state.has("SubState=exited\n");
}

bool hold_all(const char* run_dir, const char* service, const Record& record) {
  bool held = hold(run_dir, service, record.said);
  Hold socket = record.said;
  socket.ran = true;
  for (std::size_t i = 0; i < record.sockets.count; ++i)
    held = hold(run_dir, record.sockets.name[i], socket) && held;
  return held;
}

void let_all_of_it_go(const char* run_dir, const char* service, const Record& record) {
  let_go(run_dir, service);
  for (std::size_t i = 0; i < record.sockets.count; ++i) let_go(run_dir, record.sockets.name[i]);
}

void start_real(const char* service, const Record& record, Then then, bool goes_on) {
  const State now(service);
  const bool is_there = now.has("LoadState=loaded\n");
  const bool starts = then == Then::AsBefore && record.said.ran && is_there;
  static char listens[sizeof record.listens];
  listens_of(record.sockets, listens, sizeof listens);
  const bool closes = then == Then::Close;
  const bool changed = std::strcmp(listens, record.listens) != 0;
  // Somebody else has taken the stand-in away, and was killed then.
  if (goes_on && starts && !changed && now.has("ActiveState=active\n") &&
      !now.has("SubState=exited\n")) {
    return;
  }
  if (closes || changed) act("stop", record.sockets);
  if (closes || changed || !starts) act_on("stop", service);
  if (closes) return;
  if (changed) act("start", record.sockets);
  if (!starts) return;
  act_on("reset-failed", service);
  act_on(changed ? "start" : "restart", service);
}

bool close_one(const char* service, const Hold&, void* data) {
  unpark(static_cast<const char*>(data), service, Then::Close);
  return true;
}

}  // namespace

bool park(const char* run_dir, const char* service, const Hold& said, const Units& sockets) {
  static Record record;
  record.said = said;
  record.said.parked = true;
  record.sockets.count = 0;
  for (std::size_t i = 0; i < sockets.count; ++i) record.sockets.add(sockets.name[i]);
  listens_of(record.sockets, record.listens, sizeof record.listens);
  char text[sizeof kStandInText + 256];
  std::snprintf(text, sizeof text, kStandInText, service);
  if (write_record(run_dir, service, record) && hold_all(run_dir, service, record) &&
      write_drop_in(service, kStandIn, text)) {
    reload();
    act_on("reset-failed", service);
    act_on("restart", service);
    if (stands_in(service)) return true;
  }
  let_all_of_it_go(run_dir, service, record);
  if (remove_drop_in(service, kStandIn)) reload();
  forget(run_dir, service);
  return false;
}

void unpark(const char* run_dir, const char* service, Then then) {
  static Record record;
  record = {};
  if (!read_record(run_dir, service, record)) return;
  const int folder = drop_ins_of(service, false);
  const bool goes_on = folder < 0 || faccessat(folder, kStandIn, F_OK, 0) != 0;
  if (folder >= 0) close(folder);
  write_drop_in(service, kLeaving, kLeavingText);
  remove_drop_in(service, kStandIn);
  reload();
  let_all_of_it_go(run_dir, service, record);
  start_real(service, record, then, goes_on);
  remove_drop_in(service, kLeaving);
  reload();
  forget(run_dir, service);
}

void each_parked(const char* run_dir, bool (*found)(const char*, const Hold&, void*), void* data) {
  each_unit(run_dir, kParkedDir, [&](int, const char* unit) {
    static Record record;
    record = {};
    return !read_record(run_dir, unit, record) || found(unit, record.said, data);
  });
}

void close_all_parked(const char* run_dir) {
  each_parked(run_dir, close_one, const_cast<char*>(run_dir));
}

}  // namespace aptkeep::policy
