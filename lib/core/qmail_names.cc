// Names in a qmail queue, and words about it.
#include <algorithm>
#include <charconv>
#include <map>

#include "core/qmail_queue.h"

namespace aptkeep::qmail {
namespace {

// As qmail writes them: no sign, no zero before them.
std::optional<std::uint64_t> number(std::string_view text) {
  if (text.empty() || text.front() < '1' || text.front() > '9') return std::nullopt;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

constexpr std::string_view kOurs = "aptkeep-";
constexpr std::string_view kAside = "aptkeep-aside-";
constexpr std::string_view kArriving = "aptkeep-to-";
constexpr std::string_view kOf = "-of-";
constexpr std::string_view kQueueFix = ".tmp";  // "999.tmp", where 999 was taken

// "aptkeep-457-999", "999.tmp"
Name read_common(std::string_view text) {
  Name name{Name::Is::Unknown, 0, {}, std::string(text)};
  if (text.ends_with(kQueueFix)) {
    const auto now = number(text.substr(0, text.size() - kQueueFix.size()));
    if (!now) return {};
    name.number = *now;
  } else {
    const std::string_view rest = text.substr(std::min(kOurs.size(), text.size()));
    const auto dash = rest.find('-');
    if (!text.starts_with(kOurs) || dash == std::string_view::npos) return {};
    const auto now = number(rest.substr(dash + 1));
    name.before = number(rest.substr(0, dash));
    if (!now || !name.before) return {};
    name.number = *now;
  }
  name.is = Name::Is::Temporary;
  return name;
}

}  // namespace

Name read_name(std::string_view text) {
  if (const auto plain = number(text)) return {Name::Is::Number, *plain, {}, {}};
  if (text.starts_with(kAside)) return {Name::Is::Aside, 0, {}, {}};
  if (!text.starts_with(kArriving)) return read_common(text);
  const std::string_view rest = text.substr(kArriving.size());
  const auto of = rest.find(kOf);
  if (of == std::string_view::npos) return {};
  const auto now = number(rest.substr(0, of));
  Name name = read_common(rest.substr(of + kOf.size()));
  if (!now || name.is != Name::Is::Temporary) return {};
  name.is = Name::Is::Arriving;
  name.number = *now;
  return name;
}

std::string temporary(std::uint64_t before, std::uint64_t now) {
  return std::string(kOurs) + std::to_string(before) + "-" + std::to_string(now);
}

std::string arriving(std::uint64_t now, const std::string& common) {
  return std::string(kArriving) + std::to_string(now) + std::string(kOf) + common;
}

const char* to_string(Part part) {
  switch (part) {
    case Part::Mess:
      return "mess";
    case Part::Info:
      return "info";
    case Part::Local:
      return "local";
    case Part::Remote:
      return "remote";
    case Part::Todo:
      return "todo";
    case Part::Intd:
      return "intd";
    case Part::Bounce:
      return "bounce";
    case Part::Pid:
      return "pid";
    case Part::Lock:
      return "lock";
  }
  return "";
}

const char* to_string(What what) {
  switch (what) {
    case What::Number:
      return "number";
    case What::WrongFolder:
      return "folder";
    case What::Leftover:
      return "leftover";
    case What::Apart:
      return "apart";
    case What::InTheWay:
      return "in-the-way";
    case What::Owner:
      return "owner";
    case What::Mode:
      return "mode";
    case What::Missing:
      return "missing";
    case What::CutOff:
      return "cut-off";
    case What::TwoNames:
      return "two-names";
    case What::Blocked:
      return "blocked";
    case What::Hidden:
      return "other-names";
    case What::Unclear:
      return "unclear";
    case What::LostEnvelope:
      return "lost-envelope";
    case What::Stray:
      return "stray";
    case What::NoEnvelope:
      return "no-envelope";
    case What::OtherSplit:
      return "other-split";
    case What::Unknown:
      return "unknown";
  }
  return "";
}

std::string path_of(const Place& place) {
  std::string path = to_string(place.part);
  if (place.folder != kNoFolder) path += "/" + std::to_string(place.folder);
  return path + "/" + place.name;
}

bool Plan::all_well() const {
  for (const Finding& finding : findings) {
    if (!finding.is_note()) return false;
  }
  return true;
}

bool Plan::all_mended() const {
  for (const Finding& finding : findings) {
    if (!finding.is_note() && !finding.mended) return false;
  }
  return true;
}

Result<unsigned> split_of(const Tree& tree) {
  std::map<Part, int> most;
  for (const Part part : kSplit) most[part] = kNoFolder;
  for (const Folder& folder : tree.folders) {
    const auto slash = folder.path.find('/');
    if (slash == std::string::npos) continue;
    int value = 0;
    const char* const end = folder.path.data() + folder.path.size();
    if (std::from_chars(folder.path.data() + slash + 1, end, value).ptr != end) continue;
    for (auto& [part, largest] : most) {
      if (folder.path.substr(0, slash) == to_string(part)) largest = std::max(largest, value);
    }
  }
  const int one = most[Part::Mess];
  std::string all;
  bool agree = one != kNoFolder;
  for (const Part part : kSplit) {
    agree = agree && most[part] == one;
    all += (all.empty() ? "" : ", ") + std::string(to_string(part)) + " " +
           std::to_string(most[part] + 1);
  }
  if (!agree) return Error{"its folders do not agree on qmail's conf-split (" + all + ")"};
  return static_cast<unsigned>(one + 1);
}

}  // namespace aptkeep::qmail
