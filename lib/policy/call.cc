#include "policy/call.h"

#include <cstdio>
#include <cstring>

#include "policy/question.h"

namespace aptkeep::policy {
namespace {

struct Known {
  Tool tool;
  const char* name;
  const char* path;
};
constexpr Known kTools[] = {
    {Tool::InvokeRcD, "invoke-rc.d", "/usr/sbin/invoke-rc.d"},
    {Tool::DebSystemdInvoke, "deb-systemd-invoke", "/usr/bin/deb-systemd-invoke"},
    {Tool::Service, "service", "/usr/sbin/service"},
    {Tool::Systemctl, "systemctl", "/usr/bin/systemctl"},
};

constexpr const char* kVerbs[] = {"start",       "stop",         "restart",
                                  "try-restart", "force-reload", "reload"};

// With these the tool does what it does without them, for all that is decided here.
constexpr const char* kHarmless[] = {"--system",   "--quiet",           "-q",
                                     "--no-block", "--no-ask-password", "--no-pager",
                                     "--no-dbus",  "--disclose-deny",   "--no-fallback",
                                     "--no-warn",  "--try-anyway"};
constexpr char kAllow[] = "--allow-activation";
constexpr char kUser[] = "--user";

bool is(const char* one, const char* other) {
  return std::strcmp(one, other) == 0;
}

template <std::size_t count>
bool is_one_of(const char* word, const char* const (&all)[count]) {
  for (const char* const one : all) {
    if (is(word, one)) return true;
  }
  return false;
}

bool has_pattern(const char* name) {
  return std::strpbrk(name, "*?[") != nullptr;
}

// Where the next name is put, and how much room is left for it.
bool add_unit(Units& units, std::size_t& used, const char* name) {
  const Question question = question_of(name, "start");
  const std::size_t length = std::strlen(question.unit);
  if (!question.understood || has_pattern(name) || units.count == kMostWords ||
      used + length >= sizeof units.text) {
    return false;
  }
  char* const place = units.text + used;
  std::memcpy(place, question.unit, length + 1);
  units.name[units.count++] = place;
  used += length + 1;
  return true;
}

// The words that are no options: the verb first, but where the tool wants the name first.
bool read_words(int argc, const char* const* argv, Call& call) {
  const bool name_first = call.tool == Tool::InvokeRcD || call.tool == Tool::Service;
  const char* verb = nullptr;
  const char* first = nullptr;
  std::size_t used = 0;
  for (int i = 1; i < argc; ++i) {
    if (argv[i][0] == '-') {
      if (call.tool == Tool::InvokeRcD && is(argv[i], kAllow)) continue;
      if (!name_first && is(argv[i], kUser)) {
        call.of_users = true;
        continue;
      }
      if (!is_one_of(argv[i], kHarmless)) return false;
    } else if (name_first) {
      if (first == nullptr) {
        first = argv[i];
      } else if (verb == nullptr) {
        verb = argv[i];
      } else {
        return false;  // more for the script
      }
    } else if (verb == nullptr) {
      verb = argv[i];
    } else if (!add_unit(call.units, used, argv[i])) {
      return false;
    }
  }
  if (verb == nullptr || !is_one_of(verb, kVerbs)) return false;
  std::snprintf(call.verb, sizeof call.verb, "%s", verb);
  if (name_first && !add_unit(call.units, used, first)) return false;
  return call.units.count > 0;
}

bool names(const Units& units, const char* word) {
  const Question question = question_of(word, "start");
  for (std::size_t i = 0; i < units.count; ++i) {
    if (is(units.name[i], question.unit)) return true;
  }
  return false;
}

}  // namespace

Tool tool_of(const char* path) {
  const char* const slash = std::strrchr(path, '/');
  const char* const name = slash != nullptr ? slash + 1 : path;
  for (const Known& known : kTools) {
    if (is(name, known.name)) return known.tool;
  }
  return Tool::None;
}

const char* path_of(Tool tool) {
  for (const Known& known : kTools) {
    if (tool == known.tool) return known.path;
  }
  return nullptr;
}

void read_call(int argc, const char* const* argv, Call& call) {
  call.tool = argc > 0 ? tool_of(argv[0]) : Tool::None;
  for (int i = 1; i < argc; ++i) {
    if (call.tool == Tool::InvokeRcD && is(argv[i], kAllow)) call.allow_activation = true;
  }
  const bool understood = call.tool != Tool::None && read_words(argc, argv, call);
  call.decides = understood && !call.of_users;
  call.of_users = understood && call.of_users;
}

bool words_of(int argc, const char* const* argv, const Call& call, const Units& units,
              const char** words, std::size_t room) {
  std::size_t count = 0;
  const bool name_first = call.tool == Tool::InvokeRcD || call.tool == Tool::Service;
  bool verb_seen = false;
  for (int i = 0; i < argc; ++i) {
    const bool word = i > 0 && argv[i][0] != '-';
    if (call.tool == Tool::InvokeRcD && i > 0 && is(argv[i], kAllow)) continue;
    // Not the verb, where that comes first, though a unit may be called like it.
    if (word && call.decides && !name_first && verb_seen && !names(units, argv[i])) continue;
    verb_seen = verb_seen || word;
    if (count + 1 >= room) return false;
    words[count++] = argv[i];
  }
  words[count] = nullptr;
  return true;
}

bool is_trigger(const char* unit) {
  const char* const dot = std::strrchr(unit, '.');
  return dot != nullptr && (is(dot, ".socket") || is(dot, ".path") || is(dot, ".timer"));
}

void triggers_first(Units& units) {
  const char* sorted[kMostWords];
  std::size_t count = 0;
  for (int pass = 0; pass < 2; ++pass) {
    for (std::size_t i = 0; i < units.count; ++i) {
      if (is_trigger(units.name[i]) == (pass == 0)) sorted[count++] = units.name[i];
    }
  }
  std::memcpy(units.name, sorted, count * sizeof *sorted);
}

}  // namespace aptkeep::policy
