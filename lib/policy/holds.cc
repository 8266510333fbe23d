#include "policy/holds.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "adapters/process_stat.h"
#include "policy/call.h"
#include "policy/parked.h"
#include "policy/run_folder.h"

namespace aptkeep::policy {
namespace {

constexpr char kFreshDir[] = "fresh";
constexpr char kRan[] = " ran";
constexpr char kWaits[] = " waits";
constexpr char kParked[] = " parked";

Hold hold_from(int folder, const char* unit) {
  Hold hold;
  const int file = openat(folder, unit, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  if (file < 0) return hold;
  char text[sizeof hold.package + 32];
  read_all(file, text, sizeof text);
  close(file);
  read_hold(text, hold);
  return hold;
}

// The maintainer script that this process is below: the one that dpkg has started.
bool find_script(long long& pid, unsigned long long& start_time) {
  pid = getpid();
  for (int up = 0; up < 64 && pid > 1; ++up) {
    const ProcessStat stat = stat_of_process(pid);
    char path[64];
    char name[32] = {};
    std::snprintf(path, sizeof path, "/proc/%lld/comm", stat.parent);
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return false;
    read_all(file, name, sizeof name);
    close(file);
    if (std::strcmp(name, "dpkg\n") == 0) {
      start_time = stat.start_time;
      return true;
    }
    pid = stat.parent;
  }
  return false;
}

struct Script {
  char text[64] = {};
  bool known = false;
  Script() {
    long long pid = 0;
    unsigned long long start_time = 0;
    known = find_script(pid, start_time);
    std::snprintf(text, sizeof text, "%lld %llu\n", pid, start_time);
  }
};

bool write_file(int folder, const char* name, const char* text, bool anew) {
  const int flags = O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC | (anew ? O_TRUNC : O_EXCL);
  const int file = openat(folder, name, flags, 0600);
  if (file < 0) return !anew && errno == EEXIST;
  const std::size_t size = std::strlen(text);
  const bool written = write(file, text, size) == static_cast<ssize_t>(size);
  close(file);
  // Half a hold would be nobody's.
  if (!written) unlinkat(folder, name, 0);
  return written;
}

struct Package {
  const char* name = nullptr;
  const char* arch = nullptr;
  const char* run_dir = nullptr;
  Units ran{};
  Units parked{};
};

bool let_one_go(const char* unit, const Hold& hold, void* data) {
  auto* const package = static_cast<Package*>(data);
  if (!is_held_by(hold, package->name, package->arch) || hold.waits) return true;
  note_fresh(package->run_dir, unit);
  if (hold.parked) {
    // Its sockets with it, which are up.
    if (!is_trigger(unit)) package->parked.add(unit);
    return true;
  }
  let_go(package->run_dir, unit);
  if (hold.ran) package->ran.add(unit);
  return true;
}

// A service that starts finds its name taken otherwise, and ends. For a second at most: whoever has
// it may be gone.
void wait_for_names(const char* run_dir, const char* unit) {
  char path[512];
  std::snprintf(path, sizeof path, "%s/%s/%s", run_dir, kNamesDir, unit);
  for (int i = 0; i < 200 && access(path, F_OK) == 0; ++i) usleep(5000);
  unlink(path);
}

struct Folder {
  const char* run_dir;
  const char* name;
};

void empty_folder(const Folder& which) {
  each_unit(which.run_dir, which.name, [](int folder, const char* unit) {
    unlinkat(folder, unit, 0);
    return true;
  });
  char path[512];
  std::snprintf(path, sizeof path, "%s/%s", which.run_dir, which.name);
  rmdir(path);
}

}  // namespace

bool template_of(const char* unit, char* name, std::size_t room) {
  const char* const at = std::strchr(unit, '@');
  const char* const dot = std::strrchr(unit, '.');
  if (at == nullptr || dot == nullptr || dot <= at + 1) return false;
  const int size = std::snprintf(name, room, "%.*s%s", static_cast<int>(at - unit + 1), unit, dot);
  return size > 0 && static_cast<std::size_t>(size) < room;
}

// "PACKAGE:ARCH[ ran][ waits][ parked]"
void write_hold(const Hold& hold, char* text, std::size_t room) {
  std::snprintf(text, room, "%s%s%s%s\n", hold.package, hold.ran ? kRan : "",
                hold.waits ? kWaits : "", hold.parked ? kParked : "");
}

void read_hold(char* text, Hold& hold) {
  text[std::strcspn(text, "\n")] = '\0';
  hold.there = true;
  hold.ran = std::strstr(text, kRan) != nullptr;
  hold.waits = std::strstr(text, kWaits) != nullptr;
  hold.parked = std::strstr(text, kParked) != nullptr;
  text[std::strcspn(text, " ")] = '\0';
  std::snprintf(hold.package, sizeof hold.package, "%.*s",
                static_cast<int>(sizeof hold.package - 1), text);
}

bool hold(const char* run_dir, const char* unit, const Hold& said) {
  const int folder = open_folder(run_dir, kHoldsDir, true);
  if (folder < 0) return false;
  char text[sizeof said.package + 32];
  write_hold(said, text, sizeof text);
  const bool held = write_file(folder, unit, text, false);
  close(folder);
  return held;
}

void let_go(const char* run_dir, const char* unit) {
  const int folder = open_folder(run_dir, kHoldsDir, false);
  if (folder < 0) return;
  unlinkat(folder, unit, 0);
  close(folder);
  wait_for_names(run_dir, unit);
}

Hold hold_of(const char* run_dir, const char* unit) {
  const int folder = open_folder(run_dir, kHoldsDir, false);
  if (folder < 0) return {};
  Hold hold = hold_from(folder, unit);
  char name[256];
  if (!hold.there && template_of(unit, name, sizeof name)) hold = hold_from(folder, name);
  close(folder);
  return hold;
}

void each_hold(const char* run_dir, bool (*found)(const char*, const Hold&, void*), void* data) {
  each_unit(run_dir, kHoldsDir, [&](int folder, const char* unit) {
    return found(unit, hold_from(folder, unit), data);
  });
}

bool is_held_by(const Hold& hold, const char* name, const char* arch) {
  const std::size_t length = std::strlen(name);
  if (!hold.there || std::strncmp(hold.package, name, length) != 0) return false;
  if (hold.package[length] != ':') return false;
  const char* const its = hold.package + length + 1;
  return std::strcmp(its, arch) == 0 || std::strcmp(arch, "all") == 0 ||
         std::strcmp(its, "all") == 0;
}

bool let_package_go(const char* run_dir, const char* name, const char* arch, bool services) {
  static Package found;  // too large for a stack that others share
  found = {};
  found.name = name;
  found.arch = arch;
  found.run_dir = run_dir;
  each_hold(run_dir, let_one_go, &found);
  for (std::size_t i = 0; i < found.parked.count; ++i)
    unpark(run_dir, found.parked.name[i], Then::AsBefore);
  Units first{};
  Units then{};
  for (std::size_t i = 0; i < found.ran.count; ++i) {
    Units& kind = is_trigger(found.ran.name[i]) ? first : then;
    kind.name[kind.count++] = found.ran.name[i];
  }
  act("start", first);
  if (services) act("start", then);
  return first.count > 0;
}

void let_all_go(const char* run_dir) {
  close_all_parked(run_dir);
  empty_folder({run_dir, kHoldsDir});
  empty_folder({run_dir, kFreshDir});
  empty_folder({run_dir, kNamesDir});
}

void note_fresh(const char* run_dir, const char* unit) {
  const Script script;
  const int folder = script.known ? open_folder(run_dir, kFreshDir, true) : -1;
  if (folder < 0) return;
  write_file(folder, unit, script.text, true);
  close(folder);
}

bool is_fresh(const char* run_dir, const char* unit) {
  const int folder = open_folder(run_dir, kFreshDir, false);
  if (folder < 0) return false;
  const int file = openat(folder, unit, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  close(folder);
  if (file < 0) return false;
  char text[64];
  read_all(file, text, sizeof text);
  close(file);
  const Script script;
  return script.known && std::strcmp(text, script.text) == 0;
}

}  // namespace aptkeep::policy
