// The folders below /run/aptkeep that have a file for each unit. In a header, since it is small.
// libc only.
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

namespace aptkeep::policy {

// A descriptor of `run_dir`/`name`, which is made if it is not there and `make` says so; -1: none.
inline int open_folder(const char* run_dir, const char* name, bool make) {
  char path[512];
  std::snprintf(path, sizeof path, "%s/%s", run_dir, name);
  if (make) {
    mkdir(run_dir, 0755);
    mkdir(path, 0755);
  }
  return open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

// Of each file there, until one answers false: found(the folder's descriptor, the unit's name).
template <typename F>
void each_unit(const char* run_dir, const char* name, F&& found) {
  const int folder = open_folder(run_dir, name, false);
  DIR* const dir = folder < 0 ? nullptr : fdopendir(folder);
  if (dir == nullptr) {
    if (folder >= 0) close(folder);
    return;
  }
  while (const dirent* const entry = readdir(dir)) {
    if (entry->d_name[0] == '.') continue;
    if (!found(folder, static_cast<const char*>(entry->d_name))) break;
  }
  closedir(dir);
}

}  // namespace aptkeep::policy
