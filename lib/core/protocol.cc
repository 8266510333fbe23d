#include "core/protocol.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <utility>

#include "core/names.h"

namespace aptkeep {
namespace {

constexpr std::string_view kConfigure = "**CONFIGURE**";
constexpr std::string_view kRemove = "**REMOVE**";
constexpr std::string_view kError = "**ERROR**";

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool equals_without_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char l = lower(c);
  return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

// apt encodes as %xx all that is not printable ASCII, the space and '%'; in a key also '=' and '"'
// (apt-pkg/contrib/strutl.cc: QuoteString). A '%' without two digits stays as it is there too.
std::string decode(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      const int high = hex_digit(text[i + 1]);
      const int low = hex_digit(text[i + 2]);
      if (high >= 0 && low >= 0) {
        result += static_cast<char>(high * 16 + low);
        i += 2;
        continue;
      }
    }
    result += text[i];
  }
  return result;
}

// The stream as lines. A line without its end is one that apt did not finish.
class Lines {
 public:
  enum class Got { Line, End, Fault };

  Lines(std::istream& in, const ProtocolLimits& limits) : in_(*in.rdbuf()), limits_(limits) {}

  Got next(std::string& line) {
    line.clear();
    ++number_;
    for (;;) {
      const int c = in_.sbumpc();
      if (c == std::char_traits<char>::eof()) {
        if (line.empty()) return Got::End;
        fault_ = "it is cut off";
        return Got::Fault;
      }
      if (++bytes_ > limits_.total || number_ > limits_.lines) {
        fault_ = "the list is too long";
        return Got::Fault;
      }
      if (c == '\n') return Got::Line;
      if (line.size() == limits_.line) {
        fault_ = "it is too long";
        return Got::Fault;
      }
      line += static_cast<char>(c);
    }
  }

  void drain() {
    std::array<char, 8192> rest{};
    while (in_.sgetn(rest.data(), static_cast<std::streamsize>(rest.size())) > 0) {
    }
  }

  std::size_t number() const { return number_; }
  const char* fault() const { return fault_; }

 private:
  std::streambuf& in_;
  const ProtocolLimits& limits_;
  std::size_t number_ = 0;
  std::size_t bytes_ = 0;
  const char* fault_ = nullptr;
};

// Takes the text up to the next space off the front of `rest`; nullopt if there is no space.
std::optional<std::string_view> take_field(std::string_view& rest) {
  const auto space = rest.find(' ');
  if (space == std::string_view::npos) return std::nullopt;
  const auto field = rest.substr(0, space);
  rest.remove_prefix(space + 1);
  return field;
}

using Fault = const char*;  // why a line is wrong; nullptr: it is not

// Version, architecture and Multi-Arch of one side; "- - none" where there is none.
Fault take_side(std::string_view& rest, std::string& version, std::string& arch) {
  const auto version_field = take_field(rest);
  const auto arch_field = version_field ? take_field(rest) : std::nullopt;
  const auto multi_arch = arch_field ? take_field(rest) : std::nullopt;
  if (!multi_arch) return "too few fields";
  if (!is_architecture(*multi_arch)) return "no Multi-Arch value where there should be one";
  if (*version_field == "-" && *arch_field == "-") return nullptr;
  if (!is_version(*version_field)) return "no version where there should be one";
  if (!is_architecture(*arch_field)) return "no architecture where there should be one";
  version = *version_field;
  arch = *arch_field;
  return nullptr;
}

// An Architecture: all package fills the native one's slot.
const std::string& slot_of(const std::string& arch, const std::string& native) {
  return arch == "all" ? native : arch;
}

Fault check_meaning(const ProtocolLine& line, const std::string& native) {
  const bool archive = line.what.starts_with('/');
  if (!archive && line.what != kConfigure && line.what != kRemove && line.what != kError) {
    return "neither an absolute path nor an action at its end";
  }
  if (archive && line.new_version.empty()) return "an archive without a new version";
  if (line.direction == '=' && line.old_version != line.new_version) {
    return "'=' between two versions";
  }
  if (!line.old_arch.empty() && !line.new_arch.empty() &&
      slot_of(line.old_arch, native) != slot_of(line.new_arch, native)) {
    return "two architectures";
  }
  return nullptr;
}

Fault parse_package(std::string_view text, const std::string& native, ProtocolLine& line) {
  if (text.find('\0') != std::string_view::npos) return "a zero byte";
  const auto name = take_field(text);
  if (!name) return "too few fields";
  if (!is_package_name(*name)) return "no package name at its start";
  line.name = *name;
  if (const Fault fault = take_side(text, line.old_version, line.old_arch)) return fault;
  const auto direction = take_field(text);
  if (!direction) return "too few fields";
  if (*direction != "<" && *direction != "=" && *direction != ">") return "no '<', '=' or '>'";
  line.direction = direction->front();
  if (const Fault fault = take_side(text, line.new_version, line.new_arch)) return fault;
  line.what = text;  // a path is not encoded: it may have spaces
  return check_meaning(line, native);
}

Fault read_header(Lines& lines, std::string& text) {
  switch (lines.next(text)) {
    case Lines::Got::End:
      return "nothing was sent";
    case Lines::Got::Fault:
      return lines.fault();
    case Lines::Got::Line:
      break;
  }
  return text == "VERSION 3" ? nullptr : "it is not \"VERSION 3\"";
}

Fault read_configuration(Lines& lines, std::string& text, Conversation& conversation) {
  for (;;) {
    switch (lines.next(text)) {
      case Lines::Got::End:
        return "the configuration is cut off";
      case Lines::Got::Fault:
        return lines.fault();
      case Lines::Got::Line:
        break;
    }
    if (text.empty()) {
      return is_architecture(conversation.find("APT::Architecture"))
                 ? nullptr
                 : "the configuration does not say APT::Architecture";
    }
    const std::string_view line = text;
    const auto equals = line.find('=');
    if (equals == std::string_view::npos) return "no '=' in the configuration";
    conversation.configuration.emplace(decode(line.substr(0, equals)),
                                       decode(line.substr(equals + 1)));
  }
}

Fault read_packages(Lines& lines, std::string& text, Conversation& conversation) {
  const std::string native = conversation.find("APT::Architecture");
  for (;;) {
    switch (lines.next(text)) {
      case Lines::Got::End:
        return nullptr;
      case Lines::Got::Fault:
        return lines.fault();
      case Lines::Got::Line:
        break;
    }
    ProtocolLine line;
    if (const Fault fault = parse_package(text, native, line)) return fault;
    conversation.lines.push_back(std::move(line));
  }
}

// Of several lines about one package the one that decides: an archive beats **REMOVE** (apt removes
// a package for a moment where two new versions conflict with each other's old ones), which beats
// **CONFIGURE**.
int weight(const ProtocolLine& line) {
  if (line.what.starts_with('/')) return 3;
  if (line.what == kRemove) return 2;
  // What is configured without an archive is installed already; otherwise its archive was an
  // **ERROR**, and nothing is known of it.
  if (line.what == kConfigure && line.old_version == line.new_version) return 1;
  return 0;
}

Action action_of(const ProtocolLine& line, bool purge) {
  if (line.what == kRemove) return purge ? Action::Purge : Action::Remove;
  if (line.what == kConfigure) return Action::Configure;
  if (line.old_version.empty()) return Action::Install;
  // apt compares entries of its lists, so a rebuilt archive of one version comes as '<' or '>'.
  if (line.old_version == line.new_version) return Action::Reinstall;
  return line.direction == '>' ? Action::Downgrade : Action::Upgrade;
}

}  // namespace

std::string Conversation::find(const std::string& key, const std::string& fallback) const {
  const std::string* found = nullptr;
  for (const auto& [name, value] : configuration) {
    if (equals_without_case(name, key)) found = &value;
  }
  return found == nullptr || found->empty() ? fallback : *found;
}

std::vector<std::string> Conversation::list(const std::string& key) const {
  const std::string start = key + "::";
  std::vector<std::string> values;
  for (const auto& [name, value] : configuration) {
    const bool in_list = equals_without_case(name.substr(0, start.size()), start);
    if ((in_list || equals_without_case(name, key)) && !value.empty()) values.push_back(value);
  }
  return values;
}

// As apt-pkg/contrib/strutl.cc: StringToBool.
std::int64_t Conversation::find_number(const std::string& key, std::int64_t fallback) const {
  const std::string value = find(key);
  // Values of this size, multiplied by a unit, stay far from overflow.
  constexpr std::size_t kMostDigits = 9;
  const bool digits =
      std::all_of(value.begin(), value.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (value.empty() || value.size() > kMostDigits || !digits) return fallback;
  return std::stoll(value);
}

bool Conversation::find_bool(const std::string& key, bool fallback) const {
  const std::string value = find(key);
  if (value.empty()) return fallback;
  char* end = nullptr;
  const long number = std::strtol(value.c_str(), &end, 0);
  if (end == value.c_str() + value.size() && (number == 0 || number == 1)) return number == 1;
  const auto is_one_of = [&value](const auto& words) {
    return std::any_of(words.begin(), words.end(),
                       [&value](const char* word) { return equals_without_case(value, word); });
  };
  if (is_one_of(std::array{"no", "false", "without", "off", "disable"})) return false;
  if (is_one_of(std::array{"yes", "true", "with", "on", "enable"})) return true;
  return fallback;
}

Result<Conversation> read_conversation(std::istream& in, const ProtocolLimits& limits) {
  Lines lines(in, limits);
  Conversation conversation;
  std::string text;
  Fault fault = read_header(lines, text);
  if (fault == nullptr) fault = read_configuration(lines, text, conversation);
  if (fault == nullptr) fault = read_packages(lines, text, conversation);
  if (fault == nullptr) return conversation;
  lines.drain();
  return Error{"unable to read apt's list of packages: line " + std::to_string(lines.number()) +
               ": " + fault};
}

std::vector<Step> steps_of(const Conversation& conversation) {
  const std::string native = conversation.find("APT::Architecture");
  // Nothing in a line tells a purge from a removal. With this setting apt and apt-get purge
  // whatever they remove (apt-private/private-install.cc: InstallPackages); other programs do not
  // look at it, and do not set Binary (seen with aptitude and python-apt).
  const std::string binary = conversation.find("Binary");
  const bool purge =
      (binary == "apt" || binary == "apt-get") && conversation.find_bool("APT::Get::Purge", false);

  std::map<std::string, std::size_t> decisive;  // package -> index of the line that decides
  for (std::size_t i = 0; i < conversation.lines.size(); ++i) {
    const ProtocolLine& line = conversation.lines[i];
    const std::string& arch = line.new_arch.empty() ? line.old_arch : line.new_arch;
    if (weight(line) == 0 || arch.empty()) continue;
    const auto [at, added] = decisive.emplace(line.name + ':' + slot_of(arch, native), i);
    if (!added && weight(line) > weight(conversation.lines[at->second])) at->second = i;
  }
  std::vector<std::pair<std::size_t, const std::string*>> order;
  order.reserve(decisive.size());
  for (const auto& [package, line] : decisive) order.emplace_back(line, &package);
  std::sort(order.begin(), order.end());

  std::vector<Step> steps;
  steps.reserve(order.size());
  for (const auto& [index, package] : order) {
    const ProtocolLine& line = conversation.lines[index];
    Step step;
    step.package = *package;
    step.action = action_of(line, purge);
    step.old_version = line.old_version;
    if (line.what != kRemove) step.new_version = line.new_version;
    if (line.what.starts_with('/')) step.archive = line.what;
    steps.push_back(std::move(step));
  }
  return steps;
}

}  // namespace aptkeep
