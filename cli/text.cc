#include "text.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <ctime>

namespace aptkeep::cli {
namespace {

bool colours() {
  const char* no = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  return ::isatty(STDOUT_FILENO) == 1 && (no == nullptr || *no == '\0') && terminal != nullptr &&
         std::string_view(terminal) != "dumb";
}

bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte < 0x20 && c != '\n' && c != '\t') || byte == 0x7f;
}

// How long the colour or cursor command at the start is (ECMA-48, CSI ... final byte); 0: none.
std::size_t escape_length(std::string_view text) {
  if (!text.starts_with("\x1b[")) {
    return 0;
  }
  std::size_t size = 2;
  while (size < text.size() && text[size] >= 0x20 && text[size] < 0x40) {
    ++size;
  }
  return size < text.size() && text[size] >= 0x40 && text[size] < 0x7f ? size + 1 : 0;
}

// How many bytes the UTF-8 character at the start has; 0: it is none, or one of U+0080 to U+009F,
// which some terminals obey.
std::size_t character_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  if (byte(0) < 0x80) {
    return 1;
  }
  const std::size_t size = byte(0) >= 0xf0 ? 4 : byte(0) >= 0xe0 ? 3 : 2;
  if (byte(0) < 0xc2 || byte(0) > 0xf4 || text.size() < size) {
    return 0;
  }
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0U) != 0x80) {
      return 0;
    }
  }
  return byte(0) == 0xc2 && byte(1) < 0xa0 ? 0 : size;
}

const char* during(int phase) {
  switch (phase) {
    case APTKEEP_PHASE_UNPACK:
      return "while it was unpacked";
    case APTKEEP_PHASE_CONFIGURE:
      return "while it was configured";
    case APTKEEP_PHASE_REMOVE:
      return "while it was removed";
    case APTKEEP_PHASE_PURGE:
      return "while it was purged";
    default:
      return "while its triggers ran";
  }
}

}  // namespace

std::string loud(const std::string& text) {
  return colours() ? "\x1b[1;31m" + text + "\x1b[0m" : text;
}

std::string harmless(std::string_view text) {
  std::string clean;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::string_view rest = text.substr(at);
    if (const std::size_t size = escape_length(rest); size > 0) {
      at += size;
    } else if (const std::size_t length = character_length(rest); length > 1) {
      clean += rest.substr(0, length);
      at += length;
    } else {
      // A progress display overwrites its line; what stood before is not to be hidden.
      const bool line_end = rest.size() > 1 && rest[1] == '\n';
      if (rest[0] == '\r') {
        clean += line_end ? "" : "\n";
      } else {
        clean += length == 0 || is_control(rest[0]) ? '?' : rest[0];
      }
      ++at;
    }
  }
  return clean;
}

std::string escaped(std::string_view text) {
  constexpr std::string_view kNamed = "\\\n\t\r";
  constexpr std::string_view kNames = "\\ntr";
  std::string line;
  while (!text.empty()) {
    const std::size_t length = std::max<std::size_t>(character_length(text), 1);
    const auto one = static_cast<unsigned char>(text[0]);
    if (const auto named = kNamed.find(text[0]); named != std::string_view::npos) {
      line += std::string("\\") + kNames[named];
    } else if (length > 1 || (one >= 0x20 && one < 0x7f)) {
      line += text.substr(0, length);
    } else {
      char octal[8];
      std::snprintf(octal, sizeof octal, "\\%03o", static_cast<unsigned>(one));
      line += octal;
    }
    text.remove_prefix(length);
  }
  return line;
}

std::string quoted(std::string_view output, std::size_t most) {
  const std::string clean = harmless(output);
  std::vector<std::string> lines;
  std::size_t begin = 0;
  while (begin < clean.size()) {
    const std::size_t end = std::min(clean.find('\n', begin), clean.size());
    if (end > begin) {
      lines.push_back(clean.substr(begin, end - begin));
    }
    begin = end + 1;
  }
  std::string text;
  for (std::size_t i = lines.size() > most ? lines.size() - most : 0; i < lines.size(); ++i) {
    text += "    | " + lines[i] + "\n";
  }
  return text;
}

std::string when(std::int64_t time) {
  const auto seconds = static_cast<std::time_t>(time);
  std::tm local{};
  std::array<char, 32> text{};
  if (time == 0 || ::localtime_r(&seconds, &local) == nullptr ||
      std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M", &local) == 0) {
    return {};
  }
  return text.data();
}

std::string name_of(const std::string& package, const std::string& native_arch) {
  const auto colon = package.rfind(':');
  const bool native = colon != std::string::npos && !native_arch.empty() &&
                      package.compare(colon + 1, std::string::npos, native_arch) == 0;
  return harmless(native ? package.substr(0, colon) : package);
}

bool is_guard(const char* failure_class) {
  return std::string_view(failure_class) == "guard";
}

bool is_backup(const char* failure_class) {
  return std::string_view(failure_class) == "backup";
}

bool is_untried(const char* failure_class) {
  return is_guard(failure_class) || is_backup(failure_class) ||
         std::string_view(failure_class) == "preparation" ||
         std::string_view(failure_class) == "waiting";
}

std::string ending_of(const std::string& script, int phase, int exit_code, int signal) {
  // A plain dpkg call does not tell which script it was.
  std::string text = script.empty() ? "it" : "its " + harmless(script);
  if (signal > 0) {
    const char* name = ::sigabbrev_np(signal);
    text +=
        " "
        "was killed by " +
        (name == nullptr ? "signal " + std::to_string(signal) : "SIG" + std::string(name));
  } else if (signal < 0) {
    text += " was killed by a signal";
  } else if (exit_code >= 0 && !script.empty()) {
    text += " ended with exit status " + std::to_string(exit_code);
  } else {
    text += " failed";
  }
  return text + " " + during(phase);
}

std::string counted(std::size_t count, const std::string& noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

const char* word_of_action(int action) {
  static constexpr std::array kWords = {"install",   "upgrade", "downgrade", "reinstall",
                                        "configure", "remove",  "purge"};
  const auto index = static_cast<std::size_t>(action);
  return index < kWords.size() ? kWords[index] : "change";
}

const char* word_of_outcome(int outcome) {
  static constexpr std::array kWords = {"not begun", "unpacked",    "done",
                                        "failed",    "failed",      "kept",
                                        "stranded",  "not reached", "going back"};
  const auto index = static_cast<std::size_t>(outcome);
  return index < kWords.size() ? kWords[index] : "unknown";
}

std::string shell_word(const std::string& text) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./_-";
  if (!text.empty() && text.find_first_not_of(kPlain) == std::string::npos) return text;
  const bool controls = std::any_of(text.begin(), text.end(), [](char one) {
    return static_cast<unsigned char>(one) < 0x20 || one == 0x7f;
  });
  std::string word = controls ? "$'" : "'";
  if (controls) {
    for (const char one : text) word += one == '\'' ? "\\'" : escaped({&one, 1});
    return word + "'";
  }
  for (const char one : text) word += one == '\'' ? std::string("'\\''") : std::string(1, one);
  return word + "'";
}

std::string as_root() {
  return ::geteuid() == 0 ? "" : "sudo ";
}

}  // namespace aptkeep::cli
