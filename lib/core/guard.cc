#include "core/guard.h"

#include <algorithm>

#include "core/guard_arguments.h"

namespace aptkeep {
namespace {

using Arguments = std::vector<std::string>;
constexpr std::size_t kMostArguments = 64;
constexpr std::size_t kLongestArgument = 4096;  // PATH_MAX

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

// Absolute, so that it means the same wherever the program that asks was started.
std::string path_fault(const std::string& path) {
  return path.starts_with('/') ? "" : shown(path, 60) + " is no absolute path";
}

std::string all_paths(const Arguments& arguments) {
  for (const auto& argument : arguments) {
    if (auto fault = path_fault(argument); !fault.empty()) return fault;
  }
  return "";
}

std::string file_and_text(const Arguments& arguments) {
  return path_fault(arguments[0]);
}

std::string file_and_key(const Arguments& arguments) {
  if (arguments[1].find_first_of(" \t=") != std::string::npos) {
    return shown(arguments[1], 60) + " is no key: it has a blank or =";
  }
  return path_fault(arguments[0]);
}

std::string folder_and_amount(const Arguments& arguments) {
  if (!parse_amount(arguments[1])) {
    return shown(arguments[1], 60) + " is no amount (a number, or one with K, M or G)";
  }
  return path_fault(arguments[0]);
}

std::string file_and_age(const Arguments& arguments) {
  if (!parse_age(arguments[1])) {
    return shown(arguments[1], 60) + " is no age (a number of seconds, or one with m, h or d)";
  }
  return path_fault(arguments[0]);
}

std::string users_and_groups(const Arguments& arguments) {
  for (const auto& argument : arguments) {
    const std::string_view name = argument;
    if (!is_account_name(name.substr(name.starts_with(':') ? 1 : 0))) {
      return shown(argument, 60) + " is no user, nor a group behind a colon";
    }
  }
  return "";
}

// systemd.unit(5): letters, digits and :-_.\@ make a unit's name. Patterns are not taken, since it
// would be open whether one or all of the units are meant.
std::string unit(const Arguments& arguments) {
  const auto& name = arguments[0];
  const bool good = name.size() < 256 && !name.starts_with('-') && !name.starts_with('.') &&
                    std::all_of(name.begin(), name.end(), [](char c) {
                      return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                             (c >= 'A' && c <= 'Z') ||
                             std::string_view(":-_.\\@").find(c) != std::string_view::npos;
                    });
  return good ? "" : shown(name, 60) + " is no unit";
}

std::string command(const Arguments& arguments) {
  GuardCommand parsed;
  return read_guard_command(arguments, parsed);
}

struct Entry {
  GuardKind kind;
  std::size_t least;
  std::size_t most;
  std::string (*fault)(const Arguments&);
};

const Entry kEntries[] = {
    {{"command", "\"PROGRAM ARG...\" expects 0|TEXT [again]",
      "the program ends with exit status 0, and with TEXT as the first line of its output.", false},
     3,
     4,
     command},
    {{"file-contains", "FILE TEXT", "a line of the file has the text.", true}, 2, 2, file_and_text},
    {{"file-lacks", "FILE TEXT", "the file is there, and no line of it has the text.", true},
     2,
     2,
     file_and_text},
    {{"free-space", "DIR AMOUNT", "that many bytes are free for root where the folder is.", true},
     2,
     2,
     folder_and_amount},
    {{"fresh-backup", "FILE AGE", "the file is not empty and not older than that.", false},
     2,
     2,
     file_and_age},
    {{"not-running", "PROGRAM", "no process has this executable.", true}, 1, 1, all_paths},
    {{"queue-empty", "DIR...", "no regular file is below any of these folders.", true},
     1,
     kMostArguments,
     all_paths},
    {{"same-file-value", "FILE KEY",
      "the file has the values for the key that it had when the package was last installed well.",
      true},
     2,
     2,
     file_and_key},
    {{"same-filesystem", "A B", "both paths are on one file system.", false}, 2, 2, all_paths},
    {{"same-ids", "USER|:GROUP...",
      "these have the numbers that they had when the package was last installed well.", false},
     1,
     kMostArguments,
     users_and_groups},
    {{"service-active", "UNIT", "systemd has the unit active.", false}, 1, 1, unit},
};

const Entry* find_entry(std::string_view name) {
  for (const auto& entry : kEntries) {
    if (name == entry.kind.name) return &entry;
  }
  return nullptr;
}

// What no argument of any guard has a use for: it would end up in a path, a message or an argv.
std::string text_fault(const std::string& argument) {
  if (argument.size() > kLongestArgument) return "an argument is too long";
  const bool control = std::any_of(argument.begin(), argument.end(), [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
  });
  return control ? "a control character in " + shown(argument, 60) : "";
}

// A piece of a word that needs no quotes.
bool is_plain(std::string_view text) {
  return !text.empty() && std::none_of(text.begin(), text.end(),
                                       [](char c) { return is_blank(c) || c == '\'' || c == '"'; });
}

std::string quoted(std::string_view word) {
  if (is_plain(word)) return std::string(word);
  std::string text;
  while (!word.empty()) {
    const auto first = word.find_first_of("'\"");
    const char quote = first != std::string_view::npos && word[first] == '\'' ? '"' : '\'';
    const auto piece = word.substr(0, word.find(quote));
    text += quote + std::string(piece) + quote;
    word.remove_prefix(piece.size());
  }
  return text.empty() ? "''" : text;
}

}  // namespace

const std::vector<GuardKind>& guard_kinds() {
  static const std::vector<GuardKind> kinds = [] {
    std::vector<GuardKind> all;
    for (const auto& entry : kEntries) all.push_back(entry.kind);
    return all;
  }();
  return kinds;
}

const GuardKind* find_guard_kind(std::string_view name) {
  const auto* entry = find_entry(name);
  return entry != nullptr ? &entry->kind : nullptr;
}

std::string guard_fault(const GuardCall& call) {
  const auto* entry = find_entry(call.name);
  if (entry == nullptr) return "there is no guard " + shown(call.name, 60);
  const std::string start = call.name + ": ";
  const std::size_t count = call.arguments.size();
  if (count < entry->least || count > entry->most) {
    return start + "its arguments are " + entry->kind.arguments;
  }
  const bool is_command = entry->fault == command;  // it may expect an empty text
  for (const auto& argument : call.arguments) {
    if (argument.empty() && !is_command) return start + "an argument is empty";
    if (auto fault = text_fault(argument); !fault.empty()) return start + fault;
  }
  const std::string fault = entry->fault(call.arguments);
  return fault.empty() ? "" : start + fault;
}

std::string to_string(const GuardCall& call) {
  std::string text = quoted(call.name);
  for (const auto& argument : call.arguments) text += ' ' + quoted(argument);
  return text;
}

bool split_words(std::string_view text, std::vector<std::string>& words) {
  words.clear();
  std::string word;
  bool begun = false;  // '' is a word as well
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (is_blank(c)) {
      if (begun) words.push_back(std::move(word));
      word.clear();
      begun = false;
    } else if (c == '\'' || c == '"') {
      const auto end = text.find(c, at + 1);
      if (end == std::string_view::npos) return false;
      word += text.substr(at + 1, end - at - 1);
      begun = true;
      at = end;
    } else {
      word += c;
      begun = true;
    }
  }
  if (begun) words.push_back(std::move(word));
  return true;
}

}  // namespace aptkeep
