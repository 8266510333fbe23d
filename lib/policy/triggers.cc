#include "policy/triggers.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "policy/question.h"
#include "policy/run_folder.h"
#include "policy/systemctl.h"

namespace aptkeep::policy {
namespace {

// Beside what is noted already: a service may be stopped twice.
bool note(const char* run_dir, const char* unit, const Units& units) {
  const int folder = open_folder(run_dir, kTriggersDir, true);
  if (folder < 0) return false;
  const int file =
      openat(folder, unit, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
  close(folder);
  bool written = file >= 0;
  for (std::size_t i = 0; written && i < units.count; ++i) {
    char line[300];
    const int size = std::snprintf(line, sizeof line, "%s\n", units.name[i]);
    written = size > 0 && write(file, line, static_cast<std::size_t>(size)) == size;
  }
  if (file >= 0) close(file);
  return written;
}

bool start_noted(int folder, const char* unit) {
  const int file = openat(folder, unit, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  if (file < 0) return false;
  Units units;
  read_all(file, units.text, sizeof units.text);
  close(file);
  units.split();
  // What is killed between the two is done once more.
  act("start", units);
  unlinkat(folder, unit, 0);
  return units.count > 0;
}

}  // namespace

void triggers_of(const char* unit, Units& found) {
  const char* const words[] = {"show", "--property=TriggeredBy", "--value", "--", unit};
  if (!systemctl(words, 5, found.text, sizeof found.text)) found.text[0] = '\0';
  found.split();
}

void stop_triggers(const char* run_dir, const char* unit) {
  Units units;
  triggers_of(unit, units);
  if (units.count == 0) return;
  keep_active(units);
  if (units.count > 0 && note(run_dir, unit, units)) act("stop", units);
}

bool are_noted(const char* run_dir, const char* unit) {
  const int folder = open_folder(run_dir, kTriggersDir, false);
  const bool noted = folder >= 0 && faccessat(folder, unit, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
  if (folder >= 0) close(folder);
  return noted;
}

bool start_triggers(const char* run_dir, const char* unit) {
  const int folder = open_folder(run_dir, kTriggersDir, false);
  if (folder < 0) return false;
  const bool any = start_noted(folder, unit);
  close(folder);
  return any;
}

void end_triggers(const char* run_dir, bool start) {
  each_unit(run_dir, kTriggersDir, [&](int folder, const char* unit) {
    if (start) (void)start_noted(folder, unit);
    unlinkat(folder, unit, 0);
    return true;
  });
  char path[512];
  std::snprintf(path, sizeof path, "%s/%s", run_dir, kTriggersDir);
  rmdir(path);
}

}  // namespace aptkeep::policy
