#include "policy/notes.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>

namespace aptkeep::policy {

NotesName::NotesName(long long pid, unsigned long long start_time) {
  std::snprintf(text, sizeof text, "%s%lld-%llu", kNotesPrefix, pid, start_time);
}

bool note(const char* run_dir, const NotesName& name, const char* kind, const Units& units,
          const char* package, const char* arch) {
  char lines[16384];
  std::size_t size = 0;
  for (std::size_t i = 0; i < units.count; ++i) {
    const int added = std::snprintf(lines + size, sizeof lines - size, "%s %s %s:%s\n", kind,
                                    units.name[i], package, arch);
    if (added <= 0 || static_cast<std::size_t>(added) >= sizeof lines - size) return false;
    size += static_cast<std::size_t>(added);
  }
  char path[512];
  std::snprintf(path, sizeof path, "%s/%s", run_dir, name.text);
  const int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (file < 0) return false;
  const bool written = write(file, lines, size) == static_cast<ssize_t>(size);
  close(file);
  return written;
}

}  // namespace aptkeep::policy
