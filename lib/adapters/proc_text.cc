#include "adapters/proc_text.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace aptkeep {

std::string proc_text(const std::string& path) {
  constexpr std::size_t kMost = 1u << 20;
  std::string text;
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return text;
  char buffer[4096];
  while (text.size() < kMost) {
    const ssize_t size = read(fd, buffer, sizeof buffer);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) break;
    text.append(buffer, static_cast<std::size_t>(size));
  }
  close(fd);
  return text;
}

std::string proc_text(std::int64_t pid, const char* name) {
  return proc_text("/proc/" + std::to_string(pid) + "/" + name);
}

std::string proc_link(std::int64_t pid, const std::string& name) {
  char target[256];
  const std::string path = "/proc/" + std::to_string(pid) + "/" + name;
  const ssize_t size = readlink(path.c_str(), target, sizeof target);
  return size < 0 ? "" : std::string(target, static_cast<std::size_t>(size));
}

}  // namespace aptkeep
