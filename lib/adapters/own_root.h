// Whose root folder is ours.
#pragma once

#include <sys/stat.h>

#include <string>

namespace aptkeep {

// `process`: its folder ("/proc/1"). False: it is a container's or in a chroot, or is gone.
inline bool has_own_root(const std::string& process) {
  struct stat its {};
  struct stat own {};
  return ::stat((process + "/root/").c_str(), &its) == 0 && ::stat("/", &own) == 0 &&
         its.st_dev == own.st_dev && its.st_ino == own.st_ino;
}

}  // namespace aptkeep
