#include "adapters/selections.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "core/config.h"

extern char** environ;

namespace aptkeep {
namespace {

Error cannot(int error) {
  return Error{"unable to set dpkg's selections: " + std::generic_category().message(error)};
}

// A file in memory with the text, at its beginning; -1: errno says why.
int file_of(const std::string& text) {
  const int fd = ::memfd_create("selections", MFD_CLOEXEC);
  if (fd < 0) return -1;
  const bool whole = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  if (whole && ::lseek(fd, 0, SEEK_SET) == 0) return fd;
  ::close(fd);
  return -1;
}

}  // namespace

Status set_wants(const std::map<std::string, std::string>& wants) {
  std::string text;
  for (const auto& [package, want] : wants) text += package + " " + want + "\n";
  if (text.empty()) return success();
  const int input = file_of(text);
  if (input < 0) return cannot(errno);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, input, 0);
  std::array<char*, 3> argv{const_cast<char*>("dpkg"), const_cast<char*>("--set-selections"),
                            nullptr};
  pid_t pid = 0;
  const int error = ::posix_spawn(&pid, paths::kRealDpkg, &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(input);
  if (error != 0) return cannot(error);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return success();
  return Error{"unable to set dpkg's selections: dpkg failed"};
}

}  // namespace aptkeep
