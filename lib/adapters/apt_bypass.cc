#include "adapters/apt_bypass.h"

#include <unistd.h>

#include <filesystem>
#include <string_view>

#include "core/config.h"

namespace aptkeep {

bool bypasses_launcher(const std::string& dpkg, const std::string& folders) {
  const std::string ours = paths::kBinDir;
  if (dpkg == ours + "/dpkg") return false;
  if (dpkg.empty() || dpkg.find('/') != std::string::npos) return true;
  for (std::string_view path = folders; !path.empty();) {
    const auto colon = path.find(':');
    const std::string folder(path.substr(0, colon));
    const auto program = std::filesystem::path(folder) / dpkg;
    if (::access(program.c_str(), X_OK) == 0) return folder != ours;
    path = colon == std::string_view::npos ? std::string_view() : path.substr(colon + 1);
  }
  return true;
}

}  // namespace aptkeep
