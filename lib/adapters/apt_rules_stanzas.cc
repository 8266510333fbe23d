// deb822 as rule files have it: stanzas of fields, and where each piece of them stands.
#include <apt-pkg/tagfile.h>

#include <algorithm>
#include <utility>

#include "adapters/apt_rules_impl.h"
#include "core/guard_arguments.h"
#include "core/rule_text.h"

namespace aptkeep::apt_rules_impl {
namespace {

constexpr std::string_view kBlanks = " \t";

// A stanza as libapt-pkg wants it, without comments, and where each of its lines stood.
struct RawStanza {
  std::string text;
  std::vector<std::size_t> lines;
  bool has_lost = false;
};

std::string_view trimmed(std::string_view text) {
  const auto start = text.find_first_not_of(kBlanks);
  if (start == std::string_view::npos) return {};
  return text.substr(start, text.find_last_not_of(kBlanks) - start + 1);
}

// A field's first line, or one that goes on with it.
bool is_well_formed(std::string_view line, bool first) {
  if (line.front() == ' ' || line.front() == '\t') return !first;
  const auto colon = line.find(':');
  return colon != std::string_view::npos && colon > 0 &&
         line.substr(0, colon).find_first_of(kBlanks) == std::string_view::npos;
}

// What is wrong with the characters of a line that a person's terminal may have to show.
std::string character_fault(std::string_view line) {
  std::string plain(line);
  std::replace(plain.begin(), plain.end(), '\t', ' ');
  if (shown(plain, plain.size()) == plain) return {};
  const bool control = std::any_of(plain.begin(), plain.end(),
                                   [](char c) { return (c >= 0 && c < ' ') || c == 127; });
  return control ? "a control character" : "what is no UTF-8, or turns the direction of writing";
}

// Where something is wrong with a line, the stanza goes on without it.
void add_line(std::string_view line, std::size_t number, RawStanza& stanza, Faults& faults) {
  if (auto why = character_fault(line); !why.empty()) {
    faults.push_back({number, std::move(why)});
    stanza.has_lost = true;
  } else if (!is_well_formed(line, stanza.lines.empty())) {
    faults.push_back({number, as_shown(line) + " is no field"});
    stanza.has_lost = true;
  } else {
    stanza.text.append(line).append("\n");
    stanza.lines.push_back(number);
  }
}

// Comments are dropped: pkgTagSection knows none, and pkgTagFile, which does, tells no lines.
std::vector<RawStanza> split(std::string_view text, Faults& faults) {
  std::vector<RawStanza> stanzas;
  RawStanza stanza;
  const auto finish = [&stanzas, &stanza] {
    RawStanza whole = std::exchange(stanza, {});
    if (!whole.lines.empty()) stanzas.push_back(std::move(whole));
  };
  std::size_t number = 0;
  while (!text.empty()) {
    ++number;
    const auto end = std::min(text.find('\n'), text.size());
    auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.starts_with('#')) continue;
    if (line.find_first_not_of(kBlanks) == std::string_view::npos) {
      finish();
    } else {
      add_line(line, number, stanza, faults);
    }
  }
  finish();
  return stanzas;
}

// One entry of a list may take several lines: each but its last then ends in a blank and a
// backslash. `text`: the field with its name, as it stands in the stanza from line `first` on.
Field field_of(std::string_view text, std::size_t first, const std::vector<std::size_t>& lines) {
  const auto colon = std::min(text.find(':'), text.size());
  Field field{std::string(trimmed(text.substr(0, colon))), lines[first], {}};
  text.remove_prefix(std::min(colon + 1, text.size()));
  bool goes_on = false;
  for (std::size_t at = first; !text.empty(); ++at) {
    const auto end = std::min(text.find('\n'), text.size());
    auto value = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    const bool more = value == "\\" || value.ends_with(" \\");
    if (more) value = trimmed(value.substr(0, value.size() - 1));
    if (goes_on && !value.empty()) {
      field.lines.back().text.append(" ").append(value);
    } else if (!value.empty()) {
      field.lines.push_back({std::string(value), lines[at]});
    }
    goes_on = more && !field.lines.empty();
  }
  return field;
}

void add_pieces(const Piece& line, std::string_view separators, bool keep_empty,
                std::vector<Piece>& pieces) {
  std::string_view rest = line.text;
  while (!rest.empty()) {
    const auto end = std::min(rest.find_first_of(separators), rest.size());
    const auto piece = trimmed(rest.substr(0, end));
    if (keep_empty || !piece.empty()) pieces.push_back({std::string(piece), line.line});
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
}

}  // namespace

const Field* Stanza::find(std::string_view name) const {
  const auto found = std::find_if(fields.begin(), fields.end(), [name](const Field& field) {
    return same_word(field.name, name);
  });
  return found == fields.end() ? nullptr : &*found;
}

std::vector<Stanza> stanzas_of(std::string_view text, Faults& faults) {
  std::vector<Stanza> stanzas;
  for (auto& raw : split(text, faults)) {
    raw.text += '\n';  // ends it, for libapt-pkg
    pkgTagSection section;
    if (!section.Scan(raw.text.data(), raw.text.size())) {
      faults.push_back({raw.lines.front(), "it is no stanza"});
      continue;
    }
    Stanza stanza{raw.lines.front(), {}, raw.has_lost};
    for (unsigned int i = 0; i < section.Count(); ++i) {
      const char* start = nullptr;
      const char* stop = nullptr;
      section.Get(start, stop, i);
      const auto before = std::count(std::as_const(raw.text).data(), start, '\n');
      const std::string_view whole(start, static_cast<std::size_t>(stop - start));
      stanza.fields.push_back(field_of(whole, static_cast<std::size_t>(before), raw.lines));
    }
    stanzas.push_back(std::move(stanza));
  }
  return stanzas;
}

std::string name_of(const std::string& path) {
  return shown(path, 4 * path.size());  // "\\x1b" for one byte
}

std::string place(const std::string& path, std::size_t line) {
  return name_of(path) + ":" + std::to_string(line);
}

std::string as_shown(std::string_view text) {
  std::string line = "\"";
  for (const char c : text.substr(0, 60)) line += c >= ' ' && c <= '~' ? c : '?';
  return line + "\"";
}

std::string folded(const Field& field) {
  std::string line;
  for (const auto& word : words_of(field)) line += (line.empty() ? "" : " ") + word.text;
  return line;
}

std::vector<Piece> words_of(const Field& field) {
  std::vector<Piece> words;
  for (const auto& line : field.lines) add_pieces(line, kBlanks, false, words);
  return words;
}

std::vector<Piece> commas_of(const Field& field) {
  std::vector<Piece> pieces;
  for (const auto& line : field.lines) add_pieces(line, ",", true, pieces);
  return pieces;
}

}  // namespace aptkeep::apt_rules_impl
