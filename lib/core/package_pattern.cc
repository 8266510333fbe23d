#include "core/package_pattern.h"

#include <algorithm>
#include <cstddef>

#include "core/names.h"

namespace aptkeep {
namespace {

// Where the set that begins at `open` ends (its ']'); npos: it is not closed. A ']' that comes
// first is a member, as in glob(7).
std::size_t end_of_set(std::string_view pattern, std::size_t open) {
  std::size_t first = open + 1;
  if (first < pattern.size() && pattern[first] == '!') ++first;
  return pattern.find(']', first + 1);
}

bool set_has(std::string_view members, char c) {
  const bool negated = members.starts_with('!');
  if (negated) members.remove_prefix(1);
  bool found = false;
  for (std::size_t i = 0; i < members.size(); ++i) {
    if (i + 2 < members.size() && members[i + 1] == '-') {
      found = found || (members[i] <= c && c <= members[i + 2]);
      i += 2;
    } else {
      found = found || members[i] == c;
    }
  }
  return found != negated;
}

// glob(7): [z-a] has nothing in it.
bool has_empty_range(std::string_view members) {
  if (members.starts_with('!')) members.remove_prefix(1);
  for (std::size_t i = 0; i + 2 < members.size(); ++i) {
    if (members[i + 1] != '-') continue;
    if (members[i] > members[i + 2]) return true;
    i += 2;
  }
  return false;
}

// How many characters of the pattern one character of the name used up; 0: it does not fit.
std::size_t fits_one(std::string_view pattern, std::size_t at, char c) {
  if (pattern[at] == '?') return 1;
  if (pattern[at] == '[') {
    const auto end = end_of_set(pattern, at);
    if (end != std::string_view::npos) {
      return set_has(pattern.substr(at + 1, end - at - 1), c) ? end - at + 1 : 0;
    }
  }
  return pattern[at] == c ? 1 : 0;
}

}  // namespace

// Goes back to the last star only: what a star before it took never needs to change.
bool glob_matches(std::string_view pattern, std::string_view name) {
  std::size_t at = 0;
  std::size_t in = 0;
  std::size_t star = std::string_view::npos;
  std::size_t taken = 0;
  while (in < name.size()) {
    if (at < pattern.size() && pattern[at] == '*') {
      star = at++;
      taken = in;
      continue;
    }
    const auto used = at < pattern.size() ? fits_one(pattern, at, name[in]) : 0;
    if (used > 0) {
      at += used;
      ++in;
    } else if (star != std::string_view::npos) {
      at = star + 1;
      in = ++taken;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', at) == std::string_view::npos;
}

bool is_package_pattern(std::string_view text) {
  if (is_package_name(text)) return true;
  const auto allowed = [](char c) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    return letter || std::string_view("+-._*?[]!").find(c) != std::string_view::npos;
  };
  const bool is_pattern = text.find_first_of("*?[") != std::string_view::npos;
  return is_pattern && std::all_of(text.begin(), text.end(), allowed);
}

// Policy 5.6.1; dpkg-deb(1) builds no others.
std::string pattern_fault(std::string_view text) {
  const auto capital = [](char c) { return c >= 'A' && c <= 'Z'; };
  if (std::any_of(text.begin(), text.end(), capital))
    return "has capitals, which no package's name has";
  for (std::size_t at = 0; (at = text.find('[', at)) != std::string_view::npos;) {
    const auto end = end_of_set(text, at);
    if (end == std::string_view::npos) return "has a set that is not closed";
    if (has_empty_range(text.substr(at + 1, end - at - 1)))
      return "has a range that ends before it begins";
    at = end;
  }
  return {};
}

}  // namespace aptkeep
