#include "policy/question.h"

#include <cstring>

namespace aptkeep::policy {
namespace {

constexpr const char* kSuffixes[] = {".service", ".socket", ".path",      ".timer",
                                     ".target",  ".mount",  ".automount", ".slice",
                                     ".scope",   ".swap",   ".device"};

bool is(const char* one, const char* other) {
  return std::strcmp(one, other) == 0;
}

bool has_suffix(const char* name) {
  const char* const dot = std::strrchr(name, '.');
  if (dot == nullptr) return false;
  for (const char* const suffix : kSuffixes) {
    if (is(dot, suffix)) return true;
  }
  return false;
}

// False: it is too long.
bool copy(char* to, std::size_t room, const char* from, std::size_t length, const char* end = "") {
  if (length + std::strlen(end) >= room) return false;
  std::memcpy(to, from, length);
  std::strcpy(to + length, end);
  return true;
}

bool read_action(const char* text, Question& question) {
  const std::size_t length = std::strlen(text);
  question.bracketed = length > 2 && text[0] == '(' && text[length - 1] == ')';
  return question.bracketed ? copy(question.action, sizeof question.action, text + 1, length - 2)
                            : copy(question.action, sizeof question.action, text, length);
}

}  // namespace

bool is_unit_name(const char* name) {
  if (*name == '\0' || *name == '-' || *name == '.') return false;
  for (; *name != '\0'; ++name) {
    const char c = *name;
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!letter && std::strchr(":_.\\@-*?[]", c) == nullptr) return false;
  }
  return true;
}

bool is_start(const char* action) {
  return is(action, "start") || is(action, "restart") || is(action, "try-restart") ||
         is(action, "force-reload");
}

Question question_of(const char* name, const char* action) {
  Question question;
  if (!is_unit_name(name) || !read_action(action, question)) return question;
  question.understood = copy(question.unit, sizeof question.unit, name, std::strlen(name),
                             has_suffix(name) ? "" : ".service");
  return question;
}

Question read_question(int argc, const char* const* argv) {
  Question question;
  int at = 1;
  while (at < argc && argv[at][0] == '-') {
    if (is(argv[at], "--list")) return question;
    ++at;
  }
  return argc - at < 2 ? question : question_of(argv[at], argv[at + 1]);
}

Answer answer(const Question& question, const Surroundings& around) {
  Answer said;
  if (!around.init) {
    said.code = kDoNot;
    return said;
  }
  if (!question.understood) return said;
  // A disabled unit that ran when the run began is started again as an enabled one is.
  if (question.bracketed && (around.off || !around.ran)) {
    said.code = kDoNot;
    return said;
  }
  if (around.off || !around.script) return said;
  // A person has stopped it.
  if (is_start(question.action) && around.rested) {
    said.code = kDoNot;
    return said;
  }
  if (is_start(question.action) && (around.held || around.fresh)) {
    said.let_go = around.held && around.let_go;
    said.later = around.held && !said.let_go;
    said.code = said.let_go ? kDoIt : kDoNot;
    return said;
  }
  // Its start reads its configuration all the same.
  if (is(question.action, "reload") && around.comes_up) {
    said.code = kDoNot;
    return said;
  }
  // It does not run; to stop what stands in its place would turn its clients away.
  if (is(question.action, "stop") && around.parked) {
    said.code = kDoNot;
    return said;
  }
  // Only what runs: a start is never put off, since its service is down meanwhile.
  const bool restart = is(question.action, "restart") || is(question.action, "try-restart");
  if (restart) said.wait = around.wait;
  said.forgive = is_start(question.action) && (around.early || around.release_upgrade);
  if (!around.systemd || around.sockets_stay) return said;
  // What starts it again is stopped before it, and started before it (Debian bug 736258).
  if (is(question.action, "stop")) {
    said.triggers = Triggers::Stop;
    said.hold = around.replaces;
  }
  if (is_start(question.action)) said.triggers = Triggers::Start;
  return said;
}

}  // namespace aptkeep::policy
