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

// Whether the name stands there in that folder. `before`: what is before it in the same word. The
// two may be put together by the script: "$DIR/name", "$DIR"/name, and, where it may stand alone,
// cd DIR; tool name.
bool is_in_folder(const std::string& before, const std::string& folder, bool alone) {
  if (before.find('$') != std::string::npos || before == "/") return true;
  if (!before.ends_with(folder)) return alone && before.empty();
  const std::size_t rest = before.size() - folder.size();
  return rest == 0 || !(in_name(before[rest - 1]) || before[rest - 1] == '/');
}

// Of a word of sh.
constexpr std::string_view kEnds = " \t\n\"'=();|&<>`";

// That very path, nothing below it. The name alone would do for every Java of a system that has
// several; one that stands in another folder is another file's.
// `pieces`: the folder may be nowhere whole.
bool names(const std::string& scripts, const std::string& path, bool alone, bool pieces = false) {
  const std::string folder = path.substr(0, path.rfind('/') + 1);
  const std::string name = path.substr(folder.size());
  if (!pieces && scripts.find(folder) == std::string::npos) return false;
  for (std::size_t at = 0; (at = find_word(scripts, name, at)) != std::string::npos; ++at) {
    const std::string_view after = std::string_view(scripts).substr(at + name.size(), 2);
    const bool below = after.size() == 2 && after[0] == '/' && kEnds.find(after[1]) == kEnds.npos;
    if (below) continue;
    std::size_t begin = at;
    while (begin > 0 && kEnds.find(scripts[begin - 1]) == kEnds.npos) --begin;
    if (is_in_folder(scripts.substr(begin, at - begin), folder, alone)) return true;
  }
  return false;
}

bool calls(const std::string& scripts, const std::string& tool) {
  return find_word(scripts, tool, 0) != std::string::npos;
}

bool names_with(const std::string& scripts, const std::string& path, const std::string& tool) {
  return calls(scripts, tool) && names(scripts, path, true);
}

constexpr std::size_t kLongestList = std::size_t{64} << 20;

constexpr const char* kSetting[] = {"chmod", "chown",   "chgrp",
                                    "mkdir", "install", "dpkg-statoverride"};

bool sets_folder(const std::string& scripts, const std::string& folder) {
  const bool sets = std::ranges::any_of(kSetting, [&](auto* tool) { return calls(scripts, tool); });
  return sets && names(scripts, folder, false);
}

bool lists_path(const std::string& list, const std::string& path) {
  Walk walk;
  auto place = walk.to(list);
  auto fd = place ? open_file(*place, list) : Result<Fd>(place.error());
  const auto text = fd ? read_fd(fd->get(), list, kLongestList) : Result<std::string>(fd.error());
  return text && ("\n" + *text).find("\n" + path + "\n") != std::string::npos;
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
  return names_with(scripts_, named, tool) || names_with(old_scripts_, named, tool);
}

bool Package::may_name(const std::string& named, const std::string& tool) const {
  return std::ranges::any_of(std::initializer_list{&scripts_, &old_scripts_}, [&](auto* scripts) {
    return calls(*scripts, tool) && names(*scripts, named, false, true);
  });
}

bool Package::treats_group(const std::string& group, const std::string& how) const {
  const auto does = [&](const std::string& scripts) {
    return calls(scripts, how) && calls(scripts, group);
  };
  return (does(scripts_) || does(old_scripts_)) &&
         std::ranges::none_of(others_scripts(), [&](const Script& script) {
           return does(script.text) && !is_as_before(options, script.owner);
         });
}

std::string read_old_scripts(const Package& package) {
  std::string all;
  const auto control = open_below(package.folder.get(), "control", package.path, false);
  if (!control) return all;
  for (const char* name : kScripts) {
    auto fd = open_file(Place{control->get(), name}, name);
    if (!fd) continue;
    if (auto text = read_fd(fd->get(), name, kLongestScript)) all += *text + "\n";
  }
  return all;
}

const std::vector<Package::Script>& Package::others_scripts() const {
  if (others_scripts_) return *others_scripts_;
  others_scripts_.emplace();
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
    auto text = fd ? read_fd(fd->get(), file, kLongestScript) : Result<std::string>(fd.error());
    if (text) others_scripts_->push_back({file.substr(0, dot), std::move(*text)});
  }
  return *others_scripts_;
}

bool Package::others_name(const std::string& named, const std::string& tool) const {
  return std::ranges::any_of(others_scripts(), [&](const Script& script) {
    return names_with(script.text, named, tool) && !is_as_before(options, script.owner);
  });
}

bool Package::others_set(const std::string& named) const {
  const std::string alias = alias_of(named);
  const auto either = [&](auto&& one) { return one(named) || (!alias.empty() && one(alias)); };
  return std::ranges::any_of(others_scripts(), [&](const Script& script) {
    const std::string list = options.dpkg_folder + "/info/" + script.owner + ".list";
    return either([&](const std::string& one) { return sets_folder(script.text, one); }) &&
           either([&](const std::string& one) { return lists_path(list, one); }) &&
           !is_as_before(options, script.owner);
  });
}

}  // namespace aptkeep::snapshot
