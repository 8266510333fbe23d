// What the failed version's maintainer scripts name. dpkg's lists say what of the system was
// changed in a run, not by whom; of a package's own files that is plain, of others' the scripts
// tell.
#include <dirent.h>

#include <algorithm>
#include <cctype>
#include <memory>

#include "adapters/snapshot_back.h"
#include "adapters/snapshot_take.h"

namespace aptkeep::snapshot {
namespace {

bool in_name(char letter) {
  return std::isalnum(static_cast<unsigned char>(letter)) != 0 || letter == '_' || letter == '-' ||
         letter == '+' || letter == '.';
}

// Where the word stands next, from `at` on.
std::size_t find_word(const std::string& text, const std::string& word, std::size_t at) {
  if (word.empty()) return std::string::npos;
  for (at = text.find(word, at); at != std::string::npos; at = text.find(word, at + 1)) {
    const std::size_t end = at + word.size();
    const bool begins = at == 0 || !in_name(text[at - 1]);
    if (begins && (end == text.size() || !in_name(text[end]))) return at;
  }
  return at;
}

// The folder and the name may be put together by the script. The name alone would do for every Java
// of a system that has several; one that stands in another folder is another file's.
bool names_with(const std::string& scripts, const std::string& path, const std::string& tool) {
  const std::string folder = path.substr(0, path.rfind('/') + 1);
  const std::string name = path.substr(folder.size());
  if (find_word(scripts, tool, 0) == std::string::npos) return false;
  if (scripts.find(folder) == std::string::npos) return false;
  for (std::size_t at = 0; (at = find_word(scripts, name, at)) != std::string::npos; ++at) {
    std::size_t begin = at;
    while (begin > 0 &&
           std::string_view(" \t\n\"'=();|&<>`").find(scripts[begin - 1]) == std::string_view::npos)
      --begin;
    const std::string before = scripts.substr(begin, at - begin);
    if (before.empty() || before == folder || before.find('$') != std::string::npos) return true;
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

bool Package::has_named(const std::string& named, const std::string& tool) const {
  return names_with(scripts_, named, tool);
}

bool Package::others_name(const std::string& named, const std::string& tool) const {
  const std::string info = options.dpkg_folder + "/info";
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(opendir(info.c_str()), closedir);
  while (const dirent* entry = dir ? readdir(dir.get()) : nullptr) {
    const std::string file = entry->d_name;
    const auto dot = file.rfind('.');
    const bool script = dot != std::string::npos &&
                        std::ranges::find(kScripts, file.substr(dot + 1)) != std::end(kScripts);
    if (!script || name_without_arch(file.substr(0, dot)) == name_without_arch(name())) continue;
    const Place place{dirfd(dir.get()), file};
    struct stat stab {};
    if (!look(place, stab) || !is_since(stab, before_at)) continue;
    auto fd = open_file(place, file);
    const auto text =
        fd ? read_fd(fd->get(), file, kLongestScript) : Result<std::string>(fd.error());
    if (text && names_with(*text, named, tool)) return true;
  }
  return false;
}

}  // namespace aptkeep::snapshot
