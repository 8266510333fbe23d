#include "adapters/snapshot_system.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <memory>

#include "adapters/snapshot_fs.h"

namespace aptkeep::snapshot {
namespace {

constexpr std::size_t kMostText = std::size_t{64} << 20;

// "" where there is no such file.
Result<std::string> read_text(const std::string& path) {
  Walk walk;
  auto place = walk.to(path);
  if (!place) return place.error();
  struct stat stab {};
  if (!look(*place, stab)) {
    if (errno == ENOENT) return std::string();
    return failure("read " + path);
  }
  auto fd = open_file(*place, path);
  if (!fd) return fd.error();
  return read_fd(fd->get(), path, kMostText);
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

std::vector<std::string> entries_of(const std::string& folder) {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(opendir(folder.c_str()), closedir);
  if (!dir) return names;
  while (const dirent* entry = readdir(dir.get())) {
    if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  }
  return names;
}

// "FIRST<white space>REST": both ucf's lists are written by shell scripts with varying spaces.
bool split_line(const std::string& line, std::string& first, std::string& rest) {
  const std::size_t end = line.find_first_of(" \t");
  if (end == std::string::npos || end == 0) return false;
  const std::size_t begin = line.find_first_not_of(" \t", end);
  if (begin == std::string::npos) return false;
  first = line.substr(0, end);
  rest = line.substr(begin);
  return true;
}

// Rewrites a list of ucf's without the line of `path`, and with `line` if it isn't empty.
Status rewrite(const std::string& folder, const std::string& name, const std::string& path,
               const std::string& line) {
  auto text = read_text(folder + "/" + name);
  if (!text) return text.error();
  std::string out;
  std::string first;
  std::string rest;
  for (const std::string& old : lines_of(*text)) {
    if (split_line(old, first, rest) && rest == path) continue;
    out += old + "\n";
  }
  if (!line.empty()) out += line + "\n";
  if (out == *text) return success();
  Walk walk;
  auto place = walk.to(folder + "/" + name);
  if (!place) return place.error();
  if (!place->found()) return failure("write " + folder + "/" + name, ENOENT);
  return write_file(place->folder, name, out, Sync::Now, 0644);
}

}  // namespace

Result<System> read_lists(const SnapshotOptions& options) {
  System system;
  auto diversions = read_text(options.dpkg_folder + "/diversions");
  if (!diversions) return diversions.error();
  auto overrides = read_text(options.dpkg_folder + "/statoverride");
  if (!overrides) return overrides.error();
  system.diversions = std::move(*diversions);
  system.statoverride = std::move(*overrides);
  return system;
}

Result<System> read_system(const SnapshotOptions& options) {
  auto lists = read_lists(options);
  if (!lists) return lists;
  System& system = *lists;
  const std::string folder = options.dpkg_folder + "/alternatives";
  for (const std::string& name : entries_of(folder)) {
    auto text = read_text(folder + "/" + name);
    if (text) system.alternatives.emplace(name, std::move(*text));
  }
  for (const std::string& name : entries_of(options.alternatives_folder)) {
    Walk walk;
    auto place = walk.to(options.alternatives_folder + "/" + name);
    if (!place || !place->found()) continue;
    auto target = read_link(*place);
    if (target) system.links.emplace(name, std::move(*target));
  }
  return lists;
}

std::vector<Diversion> parse_diversions(const std::string& text) {
  std::vector<Diversion> diversions;
  const auto lines = lines_of(text);
  for (std::size_t i = 0; i + 2 < lines.size(); i += 3) {
    diversions.push_back(
        Diversion{lines[i], lines[i + 1], lines[i + 2] == ":" ? std::string() : lines[i + 2]});
  }
  return diversions;
}

std::vector<Override> parse_overrides(const std::string& text) {
  std::vector<Override> overrides;
  for (const std::string& line : lines_of(text)) {
    std::string fields[3];
    std::size_t at = 0;
    bool whole = true;
    for (std::string& field : fields) {
      const std::size_t end = line.find(' ', at);
      if (end == std::string::npos) {
        whole = false;
        break;
      }
      field = line.substr(at, end - at);
      at = end + 1;
    }
    if (whole) overrides.push_back(Override{fields[0], fields[1], fields[2], line.substr(at)});
  }
  return overrides;
}

Alternative parse_alternative(const std::string& text) {
  Alternative found;
  const auto lines = lines_of(text);
  if (lines.size() < 3 || (lines[0] != "auto" && lines[0] != "manual")) return found;
  found.manual = lines[0] == "manual";
  std::size_t at = 2;
  for (; at + 1 < lines.size() && !lines[at].empty(); at += 2) {
    found.slaves.emplace_back(lines[at], lines[at + 1]);
  }
  ++at;
  while (at + 1 + found.slaves.size() < lines.size() && !lines[at].empty()) {
    const std::string& path = lines[at];
    const std::string& priority = lines[at + 1];
    Choice choice;
    std::from_chars(priority.data(), priority.data() + priority.size(), choice.priority);
    at += 2;
    for (std::size_t i = 0; i < found.slaves.size(); ++i) choice.slaves.push_back(lines[at++]);
    found.choices.emplace(path, std::move(choice));
  }
  found.link = lines[1];
  return found;
}

UcfLists read_ucf(const std::string& folder) {
  UcfLists lists;
  std::string first;
  std::string rest;
  if (auto text = read_text(folder + "/registry")) {
    for (const std::string& line : lines_of(*text)) {
      if (split_line(line, first, rest) && rest[0] == '/') lists.registry[first].push_back(rest);
    }
  }
  if (auto text = read_text(folder + "/hashfile")) {
    for (const std::string& line : lines_of(*text)) {
      if (split_line(line, first, rest)) lists.hashes[rest] = first;
    }
  }
  return lists;
}

Status write_ucf_hash(const std::string& folder, const std::string& path, const std::string& hash) {
  return rewrite(folder, "hashfile", path, hash.empty() ? hash : hash + "  " + path);
}

Status drop_ucf_registration(const std::string& folder, const std::string& path) {
  return rewrite(folder, "registry", path, "");
}

std::string ucf_cache_name(const std::string& path) {
  std::string name = path;
  for (char& c : name) {
    if (c == '/') c = ':';
  }
  return name;
}

std::string name_without_arch(const std::string& package) {
  return package.substr(0, package.find(':'));
}

}  // namespace aptkeep::snapshot
