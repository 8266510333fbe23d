// A complaint that a person sees once in a frontend's run, though each of its many dpkg calls and
// hooks meets the same trouble. In a header and without the C++ library: the launcher needs it too.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "adapters/process_stat.h"

namespace aptkeep {

// True unless `line` stands in run_dir/told, whose first line names the frontend; it does then.
// Where that file cannot be had, everything is news.
inline bool is_news(const char* run_dir, long frontend, const char* line) {
  char path[256];
  char owner[64];
  char known[4096];
  std::snprintf(path, sizeof path, "%s/told", run_dir);
  std::snprintf(owner, sizeof owner, "%ld %llu\n", frontend, stat_of_process(frontend).start_time);
  mkdir(run_dir, 0755);
  const int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
  if (fd < 0) return true;
  const ssize_t size = read(fd, known, sizeof known - 1);
  known[size > 0 ? size : 0] = '\0';
  const bool ours = std::strncmp(known, owner, std::strlen(owner)) == 0;
  const bool news = !ours || std::strstr(known, line) == nullptr;
  if (news) {
    // Whether this works makes no difference now: at worst the line is told again.
    bool kept = ours || (ftruncate(fd, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0 &&
                         write(fd, owner, std::strlen(owner)) > 0);
    kept = kept && write(fd, line, std::strlen(line)) > 0;
    static_cast<void>(kept);
  }
  close(fd);
  return news;
}

// Prints "aptkeep: MESSAGE" to stderr, unless that was done before for this frontend.
inline void tell_once(const char* run_dir, long frontend, const char* message) {
  char line[1024];
  std::snprintf(line, sizeof line - 1, "aptkeep: %s", message);
  std::strcat(line, "\n");
  if (!is_news(run_dir, frontend, line)) return;
  const ssize_t written = write(2, line, std::strlen(line));
  static_cast<void>(written);
}

}  // namespace aptkeep
