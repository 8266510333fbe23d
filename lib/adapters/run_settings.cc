#include "adapters/run_settings.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <string>

#include "core/config.h"

namespace aptkeep {
namespace {

std::string file_of(const Frontend& frontend) {
  return std::string(paths::kRunDir) + "/settings-" + std::to_string(frontend.pid) + "-" +
         std::to_string(frontend.start_time);
}

}  // namespace

// The first is what release upgraders export, the second what Ubuntu's specification calls it.
bool in_release_upgrade() {
  for (const char* name : {"RELEASE_UPGRADE_IN_PROGRESS", "RELEASE_UPGRADE_IN_PROCESS"}) {
    const char* const value = std::getenv(name);
    if (value != nullptr && *value != '\0') return true;
  }
  return false;
}

bool write_run_settings(const Frontend& frontend, const RunSettings& settings) {
  if (::mkdir(paths::kRunDir, 0755) != 0 && errno != EEXIST) return false;
  const int file = ::open(file_of(frontend).c_str(),
                          O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (file < 0) return false;
  const std::string text = "needrestart " + std::to_string(settings.needrestart) + "\nsettle " +
                           std::to_string(settings.settle) + "\nrelease-upgrade " +
                           std::to_string(settings.release_upgrade) + "\nat-its-end " +
                           std::to_string(settings.at_its_end) + "\n";
  const bool written = ::write(file, text.data(), text.size()) == std::ssize(text);
  ::close(file);
  return written;
}

std::optional<RunSettings> read_run_settings(const Frontend& frontend) {
  std::ifstream file(file_of(frontend));
  if (!file) return std::nullopt;
  RunSettings settings;
  std::string name;
  for (long value = 0; file >> name >> value;) {
    if (name == "needrestart") settings.needrestart = value != 0;
    if (name == "settle") settings.settle = static_cast<int>(value);
    if (name == "release-upgrade") settings.release_upgrade = value != 0;
    if (name == "at-its-end") settings.at_its_end = value != 0;
  }
  return settings;
}

void forget_run_settings(const Frontend& frontend) {
  ::unlink(file_of(frontend).c_str());
}

}  // namespace aptkeep
