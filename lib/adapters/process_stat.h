// What /proc/PID/stat says of a process. In a header and without the C++ library: the launcher and
// the programs that read the table need it too.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace aptkeep {

struct ProcessStat {
  char state = '\0';     // proc(5); NUL: there is no such process
  long long parent = 0;  // field 4
  // Clock ticks after boot, field 22; 0 if it cannot be read.
  unsigned long long start_time = 0;

  // Also one that nobody has waited for yet: it holds no lock any more.
  bool has_ended() const { return state == '\0' || state == 'Z' || state == 'X'; }
};

inline ProcessStat stat_of_process(long long pid) {
  ProcessStat found;
  char path[64];
  char text[1024];
  std::snprintf(path, sizeof path, "/proc/%lld/stat", pid);
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return found;
  const ssize_t size = read(fd, text, sizeof text - 1);
  close(fd);
  if (size <= 0) return found;
  text[size] = '\0';
  const char* field = std::strrchr(text, ')');  // the name before it may hold anything
  if (field == nullptr || field[1] != ' ') return found;
  found.state = field[2];
  found.parent = std::strtoll(field + 4, nullptr, 10);
  for (int number = 2; field != nullptr && number < 22; ++number) {
    field = std::strchr(field + 1, ' ');
  }
  if (field != nullptr) found.start_time = std::strtoull(field, nullptr, 10);
  return found;
}

}  // namespace aptkeep
