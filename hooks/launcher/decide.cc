#include "decide.h"

#include <cstring>

#include "policy/off_word.h"

namespace aptkeep::launcher {
namespace {

// dpkg 1.21 to 1.22, src/main/main.c, cmdinfos: long options whose value may be the next word. Of
// its short options that is -D alone.
constexpr const char* kWithValue[] = {"pre-invoke",     "post-invoke",   "path-exclude",
                                      "path-include",   "verify-format", "status-logger",
                                      "status-fd",      "log",           "root",
                                      "abort-after",    "admindir",      "instdir",
                                      "ignore-depends", "debug"};
// Those take theirs after a further dash ("--force-depends") or as the next word ("--force x").
constexpr const char* kWithDashValue[] = {"force", "refuse", "no-force"};

struct NamedVerb {
  const char* name;
  Verb verb;
};
constexpr NamedVerb kVerbs[] = {{"unpack", Verb::Unpack},
                                {"configure", Verb::Configure},
                                {"remove", Verb::Remove},
                                {"purge", Verb::Purge},
                                {"triggers-only", Verb::TriggersOnly}};

constexpr const char* kElsewhere[] = {"root",    "admindir", "instdir",   "no-act",
                                      "dry-run", "simulate", "command-fd"};

bool equal(const char* a, const char* b) {
  return std::strcmp(a, b) == 0;
}

bool set(const char* variable) {
  return variable != nullptr && variable[0] != '\0';
}

void note(const Option& option, CommandLine& line) {
  for (const NamedVerb& entry : kVerbs) {
    if (!option_is(option, entry.name)) continue;
    if (line.verb != Verb::None) line.understood = false;
    line.verb = entry.verb;
  }
  if (option_is(option, "status-fd")) line.status_fd = true;
  if (option_is(option, "pending")) line.pending = true;
  for (const char* name : kElsewhere)
    if (option_is(option, name)) line.elsewhere = true;
}

}  // namespace

bool option_is(const Option& option, const char* name) {
  if (!option.is_long) return false;
  const std::size_t length = std::strlen(name);
  return std::strncmp(option.name, name, length) == 0 &&
         (option.name[length] == '\0' || option.name[length] == '=');
}

Option read_option(int argc, const char* const* argv, int at) {
  Option option;
  const char* word = argv[at];
  option.is_long = word[1] == '-';
  option.name = word + (option.is_long ? 2 : 1);
  bool next = false;
  if (option.is_long) {
    for (const char* name : kWithValue) next = next || equal(option.name, name);
    for (const char* name : kWithDashValue) next = next || equal(option.name, name);
  } else {
    // "-BD" takes the next word, "-BD2" does not; so does "-aD".
    const char* debug = std::strchr(option.name, 'D');
    next = debug != nullptr && debug[1] == '\0';
  }
  if (next) option.length = at + 1 < argc ? 2 : 0;
  return option;
}

CommandLine read_command_line(int argc, const char* const* argv) {
  CommandLine line;
  int at = 1;
  // dpkg's options end at the first word that is none, at "-" and behind "--".
  while (at < argc && argv[at][0] == '-' && argv[at][1] != '\0') {
    if (equal(argv[at], "--")) {
      ++at;
      break;
    }
    const Option option = read_option(argc, argv, at);
    if (option.length == 0) line.understood = false;
    if (option.length == 0) break;
    if (!option.is_long && std::strchr(option.name, 'a') != nullptr) line.pending = true;
    note(option, line);
    at += option.length;
  }
  line.operands = at;
  return line;
}

bool is_frontend_action(const CommandLine& line) {
  return line.understood && line.verb != Verb::None && line.status_fd && !line.elsewhere;
}

bool wants_driver(const CommandLine& line, const Surroundings& around) {
  return is_frontend_action(line) && around.privileged && !set(around.maintscript_package) &&
         !set(around.root) && !set(around.admindir) && !switches_off(around.aptkeep) &&
         !around.off_file && around.driver;
}

}  // namespace aptkeep::launcher
