#include "policy/systemctl.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "policy/question.h"

namespace aptkeep::policy {
namespace {

constexpr const char* kSystemctl = "/usr/bin/systemctl";
constexpr const char* kService = "/usr/sbin/service";

// systemctl(1) quotes names with a backslash, which it doubles.
char* unquote(char* word) {
  const std::size_t length = std::strlen(word);
  if (length < 2 || word[0] != '"' || word[length - 1] != '"') return word;
  word[length - 1] = '\0';
  char* to = word + 1;
  for (const char* from = to; *from != '\0'; ++from) {
    if (*from == '\\' && from[1] != '\0') ++from;
    *to++ = *from;
  }
  *to = '\0';
  return word + 1;
}

// As systemctl() below: `argv` is ended by a null, and its first word is a path.
bool ends_well(const char* const* argv, char* text = nullptr, std::size_t room = 0) {
  int ends[2] = {-1, -1};
  if (text != nullptr && pipe2(ends, O_CLOEXEC) != 0) return false;
  const pid_t pid = fork();
  if (pid == 0) {
    const int null = open("/dev/null", O_RDWR);
    dup2(null, 0);
    dup2(text != nullptr ? ends[1] : null, 1);
    dup2(null, 2);
    execv(argv[0], const_cast<char* const*>(argv));
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

}  // namespace

void Units::split() {
  count = 0;
  char* rest = nullptr;
  for (char* one = strtok_r(text, " \t\n", &rest); one != nullptr && count < kMostWords;
       one = strtok_r(nullptr, " \t\n", &rest)) {
    char* const plain = unquote(one);
    if (is_unit_name(plain)) name[count++] = plain;
  }
}

void Units::add(const char* unit) {
  const std::size_t used = count == 0 ? 0
                                      : static_cast<std::size_t>(name[count - 1] - text) +
                                            std::strlen(name[count - 1]) + 1;
  const std::size_t length = std::strlen(unit) + 1;
  if (count == kMostWords || used + length > sizeof text) return;
  std::memcpy(text + used, unit, length);
  name[count++] = text + used;
}

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

bool systemctl(const char* const* words, std::size_t count, char* text, std::size_t room) {
  const char* argv[kMostWords + 8] = {kSystemctl};
  if (count > kMostWords + 6) return false;
  for (std::size_t i = 0; i < count; ++i) argv[i + 1] = words[i];
  return ends_well(argv, text, room);
}

bool act(const char* verb, const Units& units) {
  const char* words[kMostWords + 4] = {verb, "--"};
  for (std::size_t i = 0; i < units.count; ++i) words[i + 2] = units.name[i];
  return units.count == 0 || systemctl(words, units.count + 2);
}

namespace {

// Scripts without a systemd.
void keep_running_scripts(Units& units) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < units.count; ++i) {
    char name[256];
    const char* const dot = std::strrchr(units.name[i], '.');
    const auto length = dot != nullptr ? static_cast<std::size_t>(dot - units.name[i]) : 0;
    if (length == 0 || length >= sizeof name || std::strcmp(dot, ".service") != 0) continue;
    std::memcpy(name, units.name[i], length);
    name[length] = '\0';
    const char* const argv[] = {kService, name, "status", nullptr};
    if (ends_well(argv)) units.name[kept++] = units.name[i];
  }
  units.count = kept;
}

}  // namespace

// The answers come in the order of the units, a blank line apart.
void keep_active(Units& units) {
  if (access("/run/systemd/system", F_OK) != 0) return keep_running_scripts(units);
  char text[8192];
  const char* words[kMostWords + 4] = {"show", "--property=ActiveState", "--value", "--"};
  for (std::size_t i = 0; i < units.count; ++i) words[i + 4] = units.name[i];
  if (units.count > kMostWords - 4 || !systemctl(words, units.count + 4, text, sizeof text)) {
    units.count = 0;
    return;
  }
  std::size_t kept = 0;
  std::size_t at = 0;
  char* rest = nullptr;
  for (char* line = strtok_r(text, "\n", &rest); line != nullptr && at < units.count;
       line = strtok_r(nullptr, "\n", &rest), ++at) {
    if (std::strcmp(line, "active") == 0) units.name[kept++] = units.name[at];
  }
  units.count = kept;
}

}  // namespace aptkeep::policy
