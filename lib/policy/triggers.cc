#include "policy/triggers.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

#include "policy/question.h"

namespace aptkeep::policy {
namespace {

constexpr const char* kSystemctl = "/usr/bin/systemctl";
constexpr std::size_t kMostWords = 64;  // no service has so many triggers

// A text, and the words in it, which its blanks have become the ends of.
struct Words {
  char text[8192] = {};
  const char* word[kMostWords] = {};
  std::size_t count = 0;

  void split() {
    count = 0;
    char* rest = nullptr;
    for (char* one = strtok_r(text, " \t\n", &rest); one != nullptr && count < kMostWords;
         one = strtok_r(nullptr, " \t\n", &rest)) {
      if (is_unit_name(one)) word[count++] = one;
    }
  }
};

void read_all(int fd, char* text, std::size_t room) {
  std::size_t size = 0;
  while (size + 1 < room) {
    const ssize_t got = read(fd, text + size, room - 1 - size);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    size += static_cast<std::size_t>(got);
  }
  text[size] = '\0';
}

// What it prints, if `text`; its errors go nowhere.
bool systemctl(const char* const* words, std::size_t count, char* text = nullptr,
               std::size_t room = 0) {
  const char* argv[kMostWords + 8] = {kSystemctl};
  if (count > kMostWords + 6) return false;
  for (std::size_t i = 0; i < count; ++i) argv[i + 1] = words[i];
  int ends[2] = {-1, -1};
  if (text != nullptr && pipe2(ends, O_CLOEXEC) != 0) return false;
  const pid_t pid = fork();
  if (pid == 0) {
    const int null = open("/dev/null", O_RDWR);
    dup2(null, 0);
    dup2(text != nullptr ? ends[1] : null, 1);
    dup2(null, 2);
    execv(kSystemctl, const_cast<char* const*>(argv));
    _exit(127);
  }
  if (ends[1] >= 0) close(ends[1]);
  if (pid > 0 && text != nullptr) read_all(ends[0], text, room);
  if (ends[0] >= 0) close(ends[0]);
  int status = -1;
  while (pid > 0 && waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) return false;
  }
  return pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool act(const char* verb, const Words& units) {
  const char* words[kMostWords + 4] = {verb, "--"};
  for (std::size_t i = 0; i < units.count; ++i) words[i + 2] = units.word[i];
  return units.count == 0 || systemctl(words, units.count + 2);
}

void triggers_of(const char* unit, Words& found) {
  const char* const words[] = {"show", "--property=TriggeredBy", "--value", "--", unit};
  if (!systemctl(words, 5, found.text, sizeof found.text)) found.text[0] = '\0';
  found.split();
}

// Leaves those that are active. The answers come in the order of the units, a blank line apart.
void keep_active(Words& units) {
  char text[8192];
  const char* words[kMostWords + 4] = {"show", "--property=ActiveState", "--value", "--"};
  for (std::size_t i = 0; i < units.count; ++i) words[i + 4] = units.word[i];
  if (units.count > kMostWords - 4 || !systemctl(words, units.count + 4, text, sizeof text)) {
    units.count = 0;
    return;
  }
  std::size_t kept = 0;
  std::size_t at = 0;
  char* rest = nullptr;
  for (char* line = strtok_r(text, "\n", &rest); line != nullptr && at < units.count;
       line = strtok_r(nullptr, "\n", &rest), ++at) {
    if (std::strcmp(line, "active") == 0) units.word[kept++] = units.word[at];
  }
  units.count = kept;
}

int open_folder(const char* run_dir, bool make) {
  char path[512];
  std::snprintf(path, sizeof path, "%s/%s", run_dir, kTriggersDir);
  if (make) {
    mkdir(run_dir, 0755);
    mkdir(path, 0755);
  }
  return open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

// Beside what is noted already: a service may be stopped twice.
bool note(const char* run_dir, const char* unit, const Words& units) {
  const int folder = open_folder(run_dir, true);
  if (folder < 0) return false;
  const int file =
      openat(folder, unit, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
  close(folder);
  bool written = file >= 0;
  for (std::size_t i = 0; written && i < units.count; ++i) {
    char line[300];
    const int size = std::snprintf(line, sizeof line, "%s\n", units.word[i]);
    written = size > 0 && write(file, line, static_cast<std::size_t>(size)) == size;
  }
  if (file >= 0) close(file);
  return written;
}

void start_noted(int folder, const char* unit) {
  const int file = openat(folder, unit, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  if (file < 0) return;
  Words units;
  read_all(file, units.text, sizeof units.text);
  close(file);
  units.split();
  // What is killed between the two is done once more.
  act("start", units);
  unlinkat(folder, unit, 0);
}

}  // namespace

void stop_triggers(const char* run_dir, const char* unit) {
  Words units;
  triggers_of(unit, units);
  if (units.count == 0) return;
  keep_active(units);
  if (units.count > 0 && note(run_dir, unit, units)) act("stop", units);
}

void start_triggers(const char* run_dir, const char* unit) {
  const int folder = open_folder(run_dir, false);
  if (folder < 0) return;
  start_noted(folder, unit);
  close(folder);
}

void end_triggers(const char* run_dir, bool start) {
  const int folder = open_folder(run_dir, false);
  if (folder < 0) return;
  DIR* const dir = fdopendir(folder);
  if (dir == nullptr) {
    close(folder);
    return;
  }
  while (const dirent* const entry = readdir(dir)) {
    if (entry->d_name[0] == '.') continue;
    if (start) start_noted(folder, entry->d_name);
    unlinkat(folder, entry->d_name, 0);
  }
  closedir(dir);
  char path[512];
  std::snprintf(path, sizeof path, "%s/%s", run_dir, kTriggersDir);
  rmdir(path);
}

}  // namespace aptkeep::policy
