#include "adapters/selections.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "adapters/spawn.h"
#include "core/config.h"

namespace aptkeep {
namespace {

Error cannot(const std::string& why) {
  return Error{"unable to set dpkg's selections: " + why};
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
  if (input < 0) return cannot(std::generic_category().message(errno));
  const auto ended = run_to_end(paths::kRealDpkg, {"--set-selections"}, input);
  ::close(input);
  if (!ended) return cannot(ended.error().message);
  return *ended == 0 ? success() : Status(cannot("dpkg failed"));
}

}  // namespace aptkeep
