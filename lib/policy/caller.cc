#include "policy/caller.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "adapters/process_stat.h"

namespace aptkeep::policy {
namespace {

constexpr const char* kInvoke = "deb-systemd-invoke";

bool ends_with(const char* text, const char* end) {
  const std::size_t size = std::strlen(text);
  const std::size_t length = std::strlen(end);
  return size >= length && std::strcmp(text + size - length, end) == 0;
}

std::size_t read_words(long long pid, char* words, std::size_t room) {
  char path[64];
  std::snprintf(path, sizeof path, "/proc/%lld/cmdline", pid);
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  const ssize_t size = read(fd, words, room - 1);
  close(fd);
  if (size <= 0) return 0;
  words[size] = '\0';
  return static_cast<std::size_t>(size);
}

}  // namespace

void read_caller(char* words, std::size_t size, Caller& caller) {
  caller.of_users = false;
  std::size_t out = 0;
  enum { Before, Action, Rest } place = Before;
  for (std::size_t at = 0; at < size;) {
    const char* const word = words + at;
    const std::size_t length = strnlen(word, size - at);
    at += length + 1;
    if (std::strcmp(word, "--user") == 0) caller.of_users = true;
    if (place == Before) {
      if (ends_with(word, kInvoke)) place = Action;
    } else if (word[0] != '-' && place == Action) {
      place = Rest;
    } else if (word[0] != '-' && out + length + 2 < sizeof caller.units.text) {
      std::memcpy(caller.units.text + out, word, length);
      out += length;
      caller.units.text[out++] = '\n';
    }
  }
  caller.units.text[out] = '\0';
  caller.units.split();
}

void find_caller(Caller& caller) {
  long long pid = getppid();
  // Perl's system() has a shell between, which may or may not be there any more.
  for (int up = 0; up < 2 && pid > 1; ++up) {
    char words[8192];
    const std::size_t size = read_words(pid, words, sizeof words);
    read_caller(words, size, caller);
    if (caller.units.count > 0) return;
    pid = stat_of_process(pid).parent;
  }
}

}  // namespace aptkeep::policy
