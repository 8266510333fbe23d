#include "core/dpkg_status.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <optional>

#include "core/names.h"

namespace aptkeep {
namespace {

constexpr auto npos = std::string_view::npos;
constexpr std::string_view kError = " : error : ";
constexpr std::string_view kPrompt = " : conffile-prompt : ";

bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

// dpkg 1.21, lib/dpkg/pkg-show.c and parse.c: statusinfos.
bool is_state(std::string_view text) {
  static constexpr std::array<std::string_view, 8> kStates{
      "not-installed",   "config-files",     "half-installed",   "unpacked",
      "half-configured", "triggers-awaited", "triggers-pending", "installed"};
  return std::find(kStates.begin(), kStates.end(), text) != kStates.end();
}

StatusEvent event(StatusEvent::Kind kind, std::string_view subject, std::string_view detail) {
  return {kind, std::string(subject), std::string(detail)};
}

// "processing: ACTION: PACKAGE"
std::optional<StatusEvent> parse_processing(std::string_view text) {
  const auto colon = text.find(": ");
  if (colon == npos) return std::nullopt;
  const auto action = text.substr(0, colon);
  const auto package = text.substr(colon + 2);
  if (!is_architecture(action) || !is_package_reference(package)) return std::nullopt;
  return event(StatusEvent::Kind::Processing, package, action);
}

// "CONFFILE : conffile-prompt : 'OLD' 'NEW' EDITED CHANGED "
std::optional<StatusEvent> parse_prompt(std::string_view text) {
  const auto at = text.find(kPrompt);
  if (at == npos || at == 0) return std::nullopt;
  auto detail = text.substr(at + kPrompt.size());
  if (!detail.starts_with('\'')) return std::nullopt;
  while (detail.ends_with(' ')) detail.remove_suffix(1);
  return event(StatusEvent::Kind::ConffilePrompt, text.substr(0, at), detail);
}

// "PACKAGE : error : TEXT" or "ARCHIVE : error : TEXT". Both an archive's path and a text may have
// the separator in them; a package name cannot, and an archive's path is expected to end in ".deb".
std::optional<StatusEvent> parse_error(std::string_view text) {
  const auto first = text.find(kError);
  if (first == npos || first == 0) return std::nullopt;
  auto at = first;
  if (!is_package_reference(text.substr(0, first))) {
    while (at != npos && !text.substr(0, at).ends_with(".deb")) at = text.find(kError, at + 1);
    if (at == npos) at = first;
  }
  return event(StatusEvent::Kind::Error, text.substr(0, at), text.substr(at + kError.size()));
}

// "PACKAGE: STATE"
std::optional<StatusEvent> parse_state(std::string_view text) {
  const auto colon = text.rfind(": ");
  if (colon == npos) return std::nullopt;
  const auto package = text.substr(0, colon);
  const auto state = text.substr(colon + 2);
  if (!is_package_reference(package) || !is_state(state)) return std::nullopt;
  return event(StatusEvent::Kind::State, package, state);
}

std::optional<StatusEvent> parse_line(std::string_view line) {
  if (take_prefix(line, "processing: ")) return parse_processing(line);
  if (!take_prefix(line, "status: ")) return std::nullopt;
  const auto error = line.find(kError);
  const auto prompt = line.find(kPrompt);
  if (error == npos && prompt == npos) return parse_state(line);
  return error < prompt ? parse_error(line) : parse_prompt(line);
}

struct Word {
  std::string_view text;
  const char* script;
};
constexpr std::array<Word, 4> kWords{{{"pre-installation", "preinst"},
                                      {"post-installation", "postinst"},
                                      {"pre-removal", "prerm"},
                                      {"post-removal", "postrm"}}};

// In every translation one of these stands before the word (a space or a quotation mark outside
// ASCII), never '/' or '-'; so a file or a package of that name is not taken for it.
bool may_stand_before(char c) {
  return c == ' ' || static_cast<unsigned char>(c) >= 0x80;
}
bool may_stand_after(char c) {
  return may_stand_before(c) || c == '-';
}

struct Found {
  std::size_t at = npos;
  std::size_t end = npos;
  const char* script = "";
};

// The last one: most languages name the package first, and that one may be called "pre-removal".
Found find_word(std::string_view message) {
  Found found;
  for (const auto& word : kWords) {
    for (auto at = message.find(word.text); at != npos; at = message.find(word.text, at + 1)) {
      const auto end = at + word.text.size();
      if (at > 0 && !may_stand_before(message[at - 1])) continue;
      if (end < message.size() && !may_stand_after(message[end])) continue;
      if (found.at == npos || at > found.at) found = {at, end, word.script};
    }
  }
  return found;
}

// What strsignal(3) of glibc calls them in English.
int signal_number(std::string_view name) {
  struct Named {
    std::string_view name;
    int number;
  };
  static constexpr std::array<Named, 24> kSignals{{{"Hangup", SIGHUP},
                                                   {"Interrupt", SIGINT},
                                                   {"Quit", SIGQUIT},
                                                   {"Illegal instruction", SIGILL},
                                                   {"Trace/breakpoint trap", SIGTRAP},
                                                   {"Aborted", SIGABRT},
                                                   {"Bus error", SIGBUS},
                                                   {"Floating point exception", SIGFPE},
                                                   {"Killed", SIGKILL},
                                                   {"User defined signal 1", SIGUSR1},
                                                   {"Segmentation fault", SIGSEGV},
                                                   {"User defined signal 2", SIGUSR2},
                                                   {"Broken pipe", SIGPIPE},
                                                   {"Alarm clock", SIGALRM},
                                                   {"Terminated", SIGTERM},
                                                   {"Stack fault", SIGSTKFLT},
                                                   {"CPU time limit exceeded", SIGXCPU},
                                                   {"File size limit exceeded", SIGXFSZ},
                                                   {"Virtual timer expired", SIGVTALRM},
                                                   {"Profiling timer expired", SIGPROF},
                                                   {"Window changed", SIGWINCH},
                                                   {"I/O possible", SIGIO},
                                                   {"Power failure", SIGPWR},
                                                   {"Bad system call", SIGSYS}}};
  for (const auto& known : kSignals) {
    if (known.name == name) return known.number;
  }
  return -1;
}

// The last run of digits that stands between spaces, as an exit status.
int exit_status(std::string_view text) {
  int status = -1;
  while (!text.empty()) {
    const auto space = text.find(' ');
    const auto token = text.substr(0, space);
    text.remove_prefix(space == npos ? text.size() : space + 1);
    if (token.empty() || token.size() > 3) continue;
    int value = 0;
    if (!std::all_of(token.begin(), token.end(), [&value](char c) {
          value = value * 10 + (c - '0');
          return c >= '0' && c <= '9';
        })) {
      continue;
    }
    if (value >= 1 && value <= 255) status = value;
  }
  return status;
}

}  // namespace

std::vector<StatusEvent> parse_status_log(std::string_view log) {
  std::vector<StatusEvent> events;
  for (auto end = log.find('\n'); end != npos; end = log.find('\n')) {
    if (auto parsed = parse_line(log.substr(0, end))) events.push_back(std::move(*parsed));
    log.remove_prefix(end + 1);
  }
  return events;
}

bool is_half_done(std::string_view state) {
  return state.size() > 2 ||
         (state.size() == 2 && (state[1] == 'U' || state[1] == 'F' || state[1] == 'H'));
}

bool is_left_unconfigured(std::string_view state) {
  return state.starts_with('u') && is_half_done(state);
}

std::vector<Vanished> vanished_in(std::string_view log) {
  std::vector<Vanished> vanished;
  if (log.find("processing: disappear: ") == npos) return vanished;
  std::string into;
  for (StatusEvent& event : parse_status_log(log)) {
    if (event.kind != StatusEvent::Kind::Processing) continue;
    if (event.detail == "disappear") {
      vanished.push_back({std::move(event.subject), into});
    } else {
      into = std::move(event.subject);
    }
  }
  return vanished;
}

ScriptError parse_script_error(std::string_view message) {
  ScriptError result;
  const Found found = find_word(message);
  if (found.at == npos) return result;
  auto rest = message.substr(found.end);
  // pkg_disappear() gives more than the one word (dpkg 1.21, src/main/unpack.c).
  take_prefix(rest, " script (for disappearance)");

  // "killed by signal (NAME)" keeps its brackets in every translation; no other has any.
  const auto open = rest.find('(');
  const auto close = rest.find(')', open == npos ? 0 : open);
  const bool bracket = open != npos && close != npos;
  // A path: dpkg was unable to stat the script, or speaks of a file with such a name.
  const auto before = message.substr(0, found.at);
  const auto after = bracket ? rest.substr(0, open) : rest;
  if (before.find('/') != npos || after.find('/') != npos) return result;
  result.script = found.script;
  if (bracket) {
    result.signal = signal_number(rest.substr(open + 1, close - open - 1));
  } else if (rest.find("subprocess was interrupted") != npos) {
    result.signal = SIGINT;
  } else if (result.exit_code = exit_status(rest); result.exit_code < 0) {
    result.signal = -1;  // "was interrupted", in another language
  }
  return result;
}

std::vector<std::string> owners_in(std::string_view line) {
  std::vector<std::string> owners;
  const auto end = line.find(": /");
  if (end == std::string_view::npos || line.starts_with("diversion by ") ||
      line.starts_with("local diversion "))
    return owners;
  for (line = line.substr(0, end); !line.empty();) {
    const auto comma = std::min(line.find(','), line.size());
    owners.emplace_back(line.substr(0, comma));
    line.remove_prefix(std::min(line.find_first_not_of(", ", comma), line.size()));
  }
  return owners;
}

}  // namespace aptkeep
