// The folders below /run/aptkeep that have a file for each unit. In a header, since it is small.
// libc only.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>

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

}  // namespace aptkeep::policy
