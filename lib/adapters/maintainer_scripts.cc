#include "adapters/maintainer_scripts.h"

#include <cstdlib>
#include <fstream>
#include <utility>

#include "adapters/dpkg_archive.h"
#include "core/shell_syntax.h"

namespace aptkeep {
namespace {

// As dpkg finds its database.
std::string info_folder() {
  const char* folder = std::getenv("DPKG_ADMINDIR");
  return std::string(folder != nullptr && *folder != '\0' ? folder : "/var/lib/dpkg") + "/info/";
}

bool read_file(const std::string& path, std::string& text) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return false;
  text.resize(shell::kLongest + 1);
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > shell::kLongest) text.clear();
  return true;
}

// The architecture is in the name of those of packages that may be there for several.
std::string installed(const std::string& package, const std::string& script) {
  std::string text;
  const std::string folder = info_folder();
  if (!read_file(folder + package + "." + script, text))
    (void)read_file(folder + package.substr(0, package.find(':')) + "." + script, text);
  return text;
}

}  // namespace

Result<MaintainerScripts> scripts_of(const std::string& archive, const std::string& package) {
  MaintainerScripts scripts;
  scripts.prerm = installed(package, "prerm");
  if (archive.empty()) {
    scripts.preinst = installed(package, "preinst");
    scripts.postinst = installed(package, "postinst");
    return scripts;
  }
  auto files = read_control_files(archive, {"preinst", "postinst"}, shell::kLongest);
  if (!files) return files.error();
  scripts.preinst = std::move((*files)["preinst"]);
  scripts.postinst = std::move((*files)["postinst"]);
  return scripts;
}

}  // namespace aptkeep
