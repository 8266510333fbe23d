#include "adapters/service_manager.h"

#include <sys/stat.h>

#include <fstream>

namespace aptkeep {

bool has_service_manager() {
  struct stat status {};
  return ::lstat("/run/systemd/system", &status) == 0 && S_ISDIR(status.st_mode);
}

std::string own_unit() {
  std::ifstream file("/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("0::/")) continue;
    const std::string unit = line.substr(line.rfind('/') + 1);
    return unit.ends_with(".service") ? unit : "";
  }
  return "";
}

}  // namespace aptkeep
