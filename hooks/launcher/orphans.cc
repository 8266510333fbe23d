#include "orphans.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "adapters/progress_layout.h"
#include "paths.h"

namespace aptkeep::launcher {
namespace {

constexpr long kLookEveryMs = 10;
constexpr int kLooksForRelay = 200;

// In the kernel's comm, a name has at most 15 bytes (proc(5)).
constexpr std::size_t kCommLength = 15;

struct Orphans {
  bool dpkg = false;
  bool relay = false;
};

const char* base_name(const char* path) {
  const char* slash = std::strrchr(path, '/');
  return slash == nullptr ? path : slash + 1;
}

bool is_named(const char* comm, std::size_t length, const char* name) {
  std::size_t wanted = std::strlen(name);
  if (wanted > kCommLength) wanted = kCommLength;
  return length == wanted && std::memcmp(comm, name, length) == 0;
}

// The comm is used and not the link exe, which is unreadable once the process is a zombie and
// changes its text when dpkg replaces its own file.
void look_at(const char* pid, Orphans& orphans) {
  char path[64];
  static_cast<void>(std::snprintf(path, sizeof path, "/proc/%.20s/stat", pid));
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  char text[512];
  const ssize_t size = read(fd, text, sizeof text - 1);
  close(fd);
  if (size <= 0) return;
  text[size] = '\0';
  const char* comm = std::strchr(text, '(');
  const char* end = std::strrchr(text, ')');
  if (comm == nullptr || end == nullptr || end[1] != ' ' || end[2] == '\0') return;
  if (end[2] == 'Z' || std::strtol(end + 3, nullptr, 10) != getpid()) return;
  ++comm;
  const auto length = static_cast<std::size_t>(end - comm);
  // A driver that has forked but not yet become dpkg still has the driver's name.
  if (is_named(comm, length, base_name(kRealDpkg)) || is_named(comm, length, base_name(kDriver)))
    orphans.dpkg = true;
  if (is_named(comm, length, kRelayName)) orphans.relay = true;
}

Orphans look() {
  Orphans orphans;
  DIR* proc = opendir("/proc");
  if (proc == nullptr) return orphans;
  while (const dirent* entry = readdir(proc))
    if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9') look_at(entry->d_name, orphans);
  closedir(proc);
  return orphans;
}

}  // namespace

void wait_for_orphans() {
  int looks_for_relay = 0;
  for (;;) {
    while (waitpid(-1, nullptr, WNOHANG) > 0) continue;
    const Orphans orphans = look();
    if (!orphans.dpkg && (!orphans.relay || ++looks_for_relay > kLooksForRelay)) return;
    const timespec pause{0, kLookEveryMs * 1000000L};
    nanosleep(&pause, nullptr);
  }
}

}  // namespace aptkeep::launcher
