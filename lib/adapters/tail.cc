#include "adapters/tail.h"

#include <vector>

namespace aptkeep {
namespace {

constexpr char kEscape = '\x1b';
constexpr char kBell = '\a';

bool in_range(char c, unsigned char low, unsigned char high) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= low && byte <= high;
}

// ECMA-48: the position after a control string (OSC, DCS, SOS, PM, APC), which ends with ST, or, as
// xterm has it, with BEL. One that never ends is taken to end with its line.
std::size_t after_control_string(std::string_view text, std::size_t at) {
  for (; at < text.size() && text[at] != '\n'; ++at) {
    if (text[at] == kBell) return at + 1;
    if (text[at] == kEscape) return at + 1 < text.size() && text[at + 1] == '\\' ? at + 2 : at;
  }
  return at;
}

// ECMA-48: the position after the control sequence that begins at text[at], an ESC. `moves`: it put
// the cursor onto another line, as dialogs do instead of printing line feeds.
std::size_t after_escape(std::string_view text, std::size_t at, bool& moves) {
  moves = false;
  if (++at == text.size()) return at;
  const char kind = text[at];
  if (kind == '[') {
    ++at;
    while (at < text.size() && in_range(text[at], 0x20, 0x3f)) ++at;
    if (at == text.size() || !in_range(text[at], 0x40, 0x7e)) return at;
    moves = std::string_view("HfdEF").find(text[at]) != std::string_view::npos;
    return at + 1;
  }
  if (kind == ']' || kind == 'P' || kind == 'X' || kind == '^' || kind == '_')
    return after_control_string(text, at + 1);
  while (at < text.size() && in_range(text[at], 0x20, 0x2f)) ++at;
  return at < text.size() && in_range(text[at], 0x30, 0x7e) ? at + 1 : at;
}

std::string without_controls(std::string_view raw) {
  std::string text;
  text.reserve(raw.size());
  for (std::size_t at = 0; at < raw.size();) {
    const char c = raw[at];
    if (c == kEscape) {
      bool moves = false;
      at = after_escape(raw, at, moves);
      if (moves) text += '\n';
      continue;
    }
    if (c == '\n' || c == '\r' || c == '\t' || (!in_range(c, 0x00, 0x1f) && c != '\x7f')) text += c;
    ++at;
  }
  return text;
}

// Length of the UTF-8 sequence at text[at] (Unicode 15, table 3-7); 0: none begins there, and then
// `bad` is the number of bytes that one U+FFFD stands for.
std::size_t utf8_length(std::string_view text, std::size_t at, std::size_t& bad) {
  const auto lead = static_cast<unsigned char>(text[at]);
  bad = 1;
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  const std::size_t length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  unsigned char low = 0x80;
  unsigned char high = 0xbf;
  if (lead == 0xe0) low = 0xa0;
  if (lead == 0xed) high = 0x9f;
  if (lead == 0xf0) low = 0x90;
  if (lead == 0xf4) high = 0x8f;
  for (std::size_t i = 1; i < length; ++i) {
    if (at + i >= text.size() || !in_range(text[at + i], low, high)) {
      bad = i;
      return 0;
    }
    low = 0x80;
    high = 0xbf;
  }
  return length;
}

std::string valid_utf8(std::string_view text) {
  std::string valid;
  valid.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    std::size_t bad = 0;
    const std::size_t length = utf8_length(text, at, bad);
    if (length > 0) {
      valid += text.substr(at, length);
      at += length;
    } else {
      valid += "\xef\xbf\xbd";
      at += bad;
    }
  }
  return valid;
}

// "5%\r10%\r\n" shows as "10%".
std::string_view as_it_looked_last(std::string_view line) {
  while (!line.empty() && (line.back() == '\r' || line.back() == ' ' || line.back() == '\t'))
    line.remove_suffix(1);
  const std::size_t start = line.rfind('\r');
  return start == std::string_view::npos ? line : line.substr(start + 1);
}

}  // namespace

std::string clean_tail(std::string_view raw, std::size_t lines, bool torn) {
  const std::string text = without_controls(raw);
  std::vector<std::string_view> all;
  for (std::size_t at = 0; at <= text.size();) {
    std::size_t end = text.find('\n', at);
    if (end == std::string::npos) end = text.size();
    const std::string_view line = std::string_view(text).substr(at, end - at);
    if (torn && at == 0 && end < text.size()) {
      // its beginning is lost
    } else if (const std::string_view shown = as_it_looked_last(line); !shown.empty()) {
      all.push_back(shown);
    }
    at = end + 1;
  }
  std::string tail;
  for (std::size_t i = all.size() > lines ? all.size() - lines : 0; i < all.size(); ++i) {
    tail += valid_utf8(all[i]);
    tail += '\n';
  }
  return tail;
}

}  // namespace aptkeep
