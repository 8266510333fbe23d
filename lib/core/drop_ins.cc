#include "core/drop_ins.h"

#include <algorithm>
#include <string_view>

namespace aptkeep {
namespace {

std::string_view trimmed(std::string_view text) {
  constexpr const char* kBlanks = " \t\r\n";
  const auto begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

// One after the other, as systemd.syntax(7) has them: continued ones put together.
template <typename Line>
void each_line(std::string_view text, const Line& found) {
  std::string whole;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const std::string_view line = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.starts_with('#') || line.starts_with(';')) continue;
    const bool goes_on = line.ends_with('\\');
    whole += line.substr(0, line.size() - (goes_on ? 1 : 0));
    if (goes_on && !text.empty()) {
      whole += ' ';
      continue;
    }
    found(trimmed(whole));
    whole.clear();
  }
}

// Of a service that is parked (policy/parked.h): ours as well, and gone before it is started.
bool is_stand_in(std::string_view path) {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  return name.starts_with("~aptkeep-") && name != kOwnDropIn;
}

}  // namespace

std::string unheld_by(const std::vector<DropIn>& drop_ins) {
  std::string by = kNoDropIn;
  for (const DropIn& one : drop_ins) {
    if (is_stand_in(one.path)) continue;
    bool in_unit = false;
    each_line(one.text, [&](std::string_view line) {
      if (line.starts_with('[')) in_unit = line == "[Unit]";
      const auto equals = line.find('=');
      if (!in_unit || equals == std::string_view::npos) return;
      const std::string_view name = trimmed(line.substr(0, equals));
      const std::string_view value = trimmed(line.substr(equals + 1));
      // An empty one of any kind takes away all that were said before.
      if (name.starts_with("Condition") && value.empty() && by.empty()) by = one.path;
      if (name == "ConditionPathExists" && value == kHoldCondition) by.clear();
    });
  }
  return by;
}

}  // namespace aptkeep
