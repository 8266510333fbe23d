// What the failed version's maintainer scripts name. dpkg's lists say what of the system was
// changed in a run, not by whom; of a package's own files that is plain, of others' the scripts
// tell.
#include <algorithm>
#include <cctype>

#include "adapters/snapshot_back.h"
#include "adapters/snapshot_take.h"

namespace aptkeep::snapshot {
namespace {

bool in_name(char letter) {
  return std::isalnum(static_cast<unsigned char>(letter)) != 0 || letter == '_' || letter == '-' ||
         letter == '+' || letter == '.';
}

bool has_word(const std::string& text, const std::string& word) {
  if (word.empty()) return false;
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) {
    const std::size_t end = at + word.size();
    const bool begins = at == 0 || !in_name(text[at - 1]);
    if (begins && (end == text.size() || !in_name(text[end]))) return true;
  }
  return false;
}

}  // namespace

std::string scripts_of(const PackageFiles& files) {
  std::string all;
  Walk walk;
  for (const ControlFile& file : files.control_files) {
    if (std::ranges::find(kScripts, file.name) == std::end(kScripts)) continue;
    auto place = walk.to(file.path);
    auto fd = place ? open_file(*place, file.path) : Result<Fd>(place.error());
    if (!fd) continue;
    if (auto text = read_fd(fd->get(), file.path, kLongestScript)) all += *text + "\n";
  }
  return all;
}

Status keep_scripts(int folder, const PackageFiles& files) {
  return write_file(folder, kFailedScripts, scripts_of(files), Sync::Later);
}

Result<std::string> read_scripts(const Package& package) {
  struct stat stab {};
  const Place place{package.folder.get(), kFailedScripts};
  if (!look(place, stab)) return std::string();
  auto fd = open_file(place, kFailedScripts);
  return fd ? read_fd(fd->get(), kFailedScripts, std::size(kScripts) * (kLongestScript + 1))
            : Result<std::string>(fd.error());
}

// The folder and the name may be put together by the script. The name alone would do for every Java
// of a system that has several.
bool Package::has_named(const std::string& path_, const std::string& tool) const {
  const auto name = path_.rfind('/') + 1;
  return has_word(scripts_, tool) && scripts_.find(path_.substr(0, name)) != std::string::npos &&
         has_word(scripts_, path_.substr(name));
}

}  // namespace aptkeep::snapshot
