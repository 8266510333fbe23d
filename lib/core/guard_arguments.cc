#include "core/guard_arguments.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "core/guard.h"

namespace aptkeep {
namespace {

template <typename T>
std::optional<T> parse_number(std::string_view digits) {
  T value = 0;
  const auto* end = digits.data() + digits.size();
  // from_chars would take a minus.
  if (digits.empty() || digits.front() < '0' || digits.front() > '9') return std::nullopt;
  const auto [stop, error] = std::from_chars(digits.data(), end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

// `units`: letters and what each stands for.
template <typename T, std::size_t N>
std::optional<T> parse_with_unit(std::string_view text, const std::pair<char, T> (&units)[N]) {
  T factor = 1;
  for (const auto& [letter, size] : units) {
    if (!text.ends_with(letter)) continue;
    factor = size;
    text.remove_suffix(1);
    break;
  }
  const auto number = parse_number<T>(text);
  if (!number || *number > std::numeric_limits<T>::max() / factor) return std::nullopt;
  return *number * factor;
}

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

std::size_t indent_of(std::string_view line) {
  const auto first = std::find_if_not(line.begin(), line.end(), is_space);
  return static_cast<std::size_t>(first - line.begin());
}

std::optional<std::string_view> value_in(std::string_view line, std::string_view key) {
  line = trimmed(line);
  if (!line.starts_with(key)) return std::nullopt;
  line.remove_prefix(key.size());
  if (!line.empty() && !is_space(line.front()) && line.front() != '=' && line.front() != ':') {
    return std::nullopt;
  }
  line = trimmed(line);
  if (line.starts_with('=') || line.starts_with(':')) line = trimmed(line.substr(1));
  return line;
}

// Absolute and plain, so that what is started is what was read.
std::string program_fault(std::string_view path) {
  if (!path.starts_with('/')) return "is no absolute path";
  while (!path.empty()) {
    path.remove_prefix(1);
    const auto part = path.substr(0, path.find('/'));
    if (part.empty()) return "has an empty part";
    if (part == "." || part == "..") return "goes over . or ..";
    path.remove_prefix(part.size());
  }
  return "";
}

// "timeout=30" or "user=postgres".
std::string read_option(std::string_view word, RuleCommand& command) {
  const auto value = word.substr(word.find('=') + 1);
  if (word.starts_with("user=")) {
    command.user = value;
    return is_account_name(value) ? "" : "names no user";
  }
  const auto seconds = parse_number<int>(value);
  command.timeout = seconds.value_or(0);
  const bool good = command.timeout >= 1 && command.timeout <= kLongestTimeout;
  return good ? "" : "has no number of seconds from 1 to " + std::to_string(kLongestTimeout);
}

// How many bytes the UTF-8 character at the beginning has; 0: it is none that is fit to be shown.
std::size_t shown_length(std::string_view text) {
  const auto byte = [&text](std::size_t i) -> unsigned {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const unsigned first = byte(0);
  if (first < 0x80) return first >= 0x20 && first != 0x7f ? 1 : 0;
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 0;
  if (length == 0 || first > 0xf4) return 0;
  char32_t code = first & (0x7fU >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
    code = code << 6 | (byte(i) & 0x3f);
  }
  constexpr char32_t kLeast[] = {0, 0, 0xa0, 0x800, 0x10000};  // below 0xa0: the C1 controls
  const bool surrogate = code >= 0xd800 && code <= 0xdfff;
  // UAX #9: marks and embeddings; line and paragraph separators; the byte order mark.
  const bool turns = code == 0x61c || code == 0x200e || code == 0x200f || code == 0xfeff ||
                     (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
  return code < kLeast[length] || code > 0x10ffff || surrogate || turns ? 0 : length;
}

}  // namespace

std::optional<std::uint64_t> parse_amount(std::string_view text) {
  constexpr std::pair<char, std::uint64_t> kUnits[] = {
      {'K', 1ULL << 10}, {'M', 1ULL << 20}, {'G', 1ULL << 30}};
  return parse_with_unit(text, kUnits);
}

std::optional<std::int64_t> parse_age(std::string_view text) {
  constexpr std::pair<char, std::int64_t> kUnits[] = {{'m', 60}, {'h', 3600}, {'d', 86400}};
  return parse_with_unit(text, kUnits);
}

std::string read_rule_command(std::string_view text, RuleCommand& command) {
  constexpr std::string_view kShell = "sh:";
  command = {};
  text = trimmed(text);
  std::vector<std::string_view> given;
  while (text.starts_with("timeout=") || text.starts_with("user=")) {
    const auto word = text.substr(0, text.find_first_of(" \t"));
    const auto option = word.substr(0, word.find('='));
    if (std::find(given.begin(), given.end(), option) != given.end())
      return "has " + std::string(option) + "= twice";
    given.push_back(option);
    if (auto fault = read_option(word, command); !fault.empty()) return fault;
    text = trimmed(text.substr(word.size()));
  }
  if (text.starts_with(kShell)) {
    command.shell = true;
    command.argv = {std::string(trimmed(text.substr(kShell.size())))};
    return command.argv[0].empty() ? "has no text for the shell" : "";
  }
  if (!split_words(text, command.argv)) return "has a quote that is not closed";
  if (command.argv.empty()) return "names no program";
  const auto fault = program_fault(command.argv[0]);
  return fault.empty() ? "" : "has a program whose name " + fault;
}

std::string read_guard_command(const std::vector<std::string>& arguments, GuardCommand& out) {
  out = {};
  out.again = arguments.size() == 4 && arguments[3] == "again";
  if ((arguments.size() != 3 && !out.again) || arguments[1] != "expects") {
    return "it is to be \"PROGRAM ARG...\" expects 0|TEXT [again]";
  }
  out.expects = arguments[2];
  const auto fault = read_rule_command(arguments[0], out.command);
  return fault.empty() ? "" : "'" + shown(arguments[0], 60) + "' " + fault;
}

bool is_account_name(std::string_view text) {
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  if (text.empty() || text.size() > 256 || (!letter(text.front()) && !digit(text.front()))) {
    return false;
  }
  // A number would be taken for an id elsewhere.
  return std::any_of(text.begin(), text.end(), letter) &&
         std::all_of(text.begin(), text.end(), [&](char c) {
           return letter(c) || digit(c) || c == '-' || c == '.' || c == '$';
         });
}

std::vector<std::string> values_of(std::string_view text, std::string_view key) {
  std::vector<std::string> values;
  bool continues = false;  // the line before belongs to the key
  bool after_backslash = false;
  std::size_t indent = 0;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const auto bare = trimmed(line);
    if (continues && !after_backslash && bare.starts_with('#')) continue;
    if (continues && !bare.empty() && (after_backslash || indent_of(line) > indent)) {
      values.back() += ' ' + std::string(bare);
    } else if (const auto value = value_in(line, key)) {
      values.emplace_back(*value);
      indent = indent_of(line);
      continues = true;
    } else {
      continues = false;
    }
    after_backslash = bare.ends_with('\\');
  }
  return values;
}

std::string shown(std::string_view text, std::size_t most) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string line;
  while (!text.empty()) {
    std::string piece(text.substr(0, std::max<std::size_t>(shown_length(text), 1)));
    text.remove_prefix(piece.size());
    if (shown_length(piece) == 0) {
      const auto byte = static_cast<unsigned char>(piece[0]);
      piece = {'\\', 'x', kHex[byte >> 4], kHex[byte & 0xf]};
    }
    if (line.size() + piece.size() > most) return line + "...";
    line += piece;
  }
  return line;
}

std::string shown_lines(std::string_view text) {
  std::string lines;
  while (!text.empty()) {
    const auto end = std::min(text.find_first_of("\n\t"), text.size());
    lines += shown(text.substr(0, end), std::string::npos);
    if (end < text.size()) lines += text[end];
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

}  // namespace aptkeep
