// A PATH without one of its folders. In a header and without the C++ library, since the launcher,
// which has only libc, needs it as well as the driver.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <cstring>

namespace aptkeep {

// What a process gets that would have no PATH left: dpkg's own default in apt's DPkg::Path.
inline constexpr const char* kDefaultPath = "/usr/sbin:/usr/bin:/sbin:/bin";

// Copies `path` to `out` without the entries that name `folder` (also with slashes at the end).
// `out` has room for strlen(path) + 1 bytes. Empty entries stay: they mean the working folder.
inline void path_without(const char* path, const char* folder, char* out) {
  const std::size_t folder_length = std::strlen(folder);
  bool first = true;
  char* end = out;
  for (const char* entry = path;;) {
    const std::size_t length = std::strcspn(entry, ":");
    std::size_t bare = length;
    while (bare > 1 && entry[bare - 1] == '/') --bare;
    if (bare != folder_length || std::memcmp(entry, folder, bare) != 0) {
      if (!first) *end++ = ':';
      std::memcpy(end, entry, length);
      end += length;
      first = false;
    }
    if (entry[length] == '\0') break;
    entry += length + 1;
  }
  *end = '\0';
}

// The same with this process's own PATH, so that what it starts does not find that folder's tools.
inline void take_out_of_path(const char* folder) {
  const char* const path = std::getenv("PATH");
  if (path == nullptr) return;
  char* const rest = static_cast<char*>(std::malloc(std::strlen(path) + 1));
  if (rest == nullptr) return;
  path_without(path, folder, rest);
  setenv("PATH", rest[0] == '\0' && path[0] != '\0' ? kDefaultPath : rest, 1);
  std::free(rest);
}

}  // namespace aptkeep
