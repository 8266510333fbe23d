#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include "adapters/guard_probes.h"
#include "core/guard_arguments.h"

namespace aptkeep::probe {

GuardResult met(std::string why) {
  return {GuardState::Met, std::move(why)};
}

GuardResult unmet(std::string why) {
  return {GuardState::Unmet, std::move(why)};
}

GuardResult unknown(std::string why) {
  return {GuardState::Unknown, std::move(why)};
}

GuardResult cannot(const std::string& what, int number) {
  return unknown("unable to " + what + ": " + std::strerror(number));
}

GuardResult compare(const Context& context, const std::string& key, const std::string& value,
                    const std::string& what) {
  // A value as it is told: "=x" is x, what is not set is empty.
  const auto told = [](const std::string& text) {
    const std::string bare = text.starts_with('=') ? text.substr(1) : text;
    return text.empty() ? std::string("not set") : shown(bare, 60);
  };
  context.now[key] = value;
  const auto old = context.before.find(key);
  if (old == context.before.end()) return met(what + ": nothing remembered yet to compare with");
  if (old->second == value) return met(what + " is " + told(value) + " as it was");
  return unmet(what + " is " + told(value) + ", it was " + told(old->second));
}

namespace {

std::string parent_of(const std::string& path) {
  const auto last = path.find_last_not_of('/');
  const auto slash = path.find_last_of('/', last);
  const auto end = path.find_last_not_of('/', slash);
  return end == std::string::npos ? "/" : path.substr(0, end + 1);
}

// `path`, or the nearest folder above it that is there: where it would be made.
GuardResult nearest(const std::string& path, std::string& found, struct stat& info) {
  for (found = path;; found = parent_of(found)) {
    if (stat(found.c_str(), &info) == 0) break;
    if (errno != ENOENT) return cannot("look at " + found, errno);
    if (lstat(found.c_str(), &info) == 0) return unknown(found + " is a symlink to nowhere");
    if (found == "/") return cannot("look at /", ENOENT);
  }
  if (found != path && !S_ISDIR(info.st_mode)) return unknown(found + " is no folder");
  return met("");
}

std::string in_words(std::uint64_t bytes) {
  constexpr const char* kUnits[] = {" bytes", " KiB", " MiB", " GiB", " TiB"};
  std::size_t unit = 0;
  for (; bytes >= 10240 && unit + 1 < std::size(kUnits); ++unit) bytes /= 1024;
  return std::to_string(bytes) + kUnits[unit];
}

}  // namespace

GuardResult same_filesystem(const Context& context) {
  struct stat info[2] = {};
  std::string found[2];
  for (std::size_t i = 0; i < 2; ++i) {
    if (auto result = nearest(context.arguments[i], found[i], info[i]); !result.met()) {
      return result;
    }
  }
  const std::string both = found[0] + " and " + found[1];
  return info[0].st_dev == info[1].st_dev ? met(both + " are on one file system")
                                          : unmet(both + " are on different file systems");
}

GuardResult free_space(const Context& context) {
  const std::uint64_t wanted = parse_amount(context.arguments[1]).value_or(UINT64_MAX);
  struct stat info {};
  std::string found;
  if (auto result = nearest(context.arguments[0], found, info); !result.met()) return result;
  struct statvfs space {};
  if (statvfs(found.c_str(), &space) != 0) return cannot("ask for the space at " + found, errno);
  // Pseudo file systems, and servers that will not tell, report no blocks at all.
  if (space.f_blocks == 0) return unknown("the file system of " + found + " tells no sizes");
  std::uint64_t free = 0;
  if (__builtin_mul_overflow(std::uint64_t{space.f_bfree}, std::uint64_t{space.f_frsize}, &free)) {
    free = UINT64_MAX;
  }
  const std::string told = in_words(free) + " free at " + found;
  return free >= wanted ? met(told) : unmet(told + ", less than " + context.arguments[1]);
}

}  // namespace aptkeep::probe
