// Guards: conditions that must hold before a package's step. A guard is a small named probe; what
// it finds is a value with its reason. Pure part: the names, their arguments, and what becomes of
// a step. The probes themselves are in adapters/guards.h.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/rule.h"

namespace aptkeep {

enum class GuardState : std::uint8_t {
  Met,
  Unmet,
  Unknown,  // it could not be evaluated: counts as unmet
};

struct GuardResult {
  GuardState state = GuardState::Unknown;
  // One line, said to a person: "3 files in /var/spool/postfix/deferred", "unable to read …: …".
  std::string why;

  bool met() const { return state == GuardState::Met; }
};

// What guards compare with: what they saw when the package was last installed well. One map for
// each package; keys are the probes' own ("same-ids postfix"), values may be any text.
using Remembered = std::map<std::string, std::string>;

// One kind of guard, as `aptkeep rules check` and aptkeep.rules(5) know it.
struct GuardKind {
  const char* name;
  const char* arguments;  // for a person: "DIR..."
  const char* meaning;    // one sentence
  // What runs can change what it looks at: evaluated once more when the services were stopped.
  bool data;
};

// All kinds, by name:
//   command "PROGRAM ARG..." expects 0|TEXT [again]  exit status, or the output's first line
//   file-contains FILE TEXT         a line of it has the text
//   file-lacks FILE TEXT            it is there, and no line has it
//   free-space DIR AMOUNT           AMOUNT[K|M|G] bytes are free for root
//   fresh-backup FILE AGE           it is not empty and not older than AGE[m|h|d]
//   not-running PROGRAM             no process has this executable
//   queue-empty DIR...              no regular file below any of them
//   same-file-value FILE KEY        KEY = VALUE (or KEY: VALUE, KEY VALUE) is as when the package
//                                   was last installed well
//   same-filesystem A B             both paths are on one
//   same-ids USER|:GROUP...         their numbers are as then
//   service-active UNIT             systemd says so
const std::vector<GuardKind>& guard_kinds();

// nullptr: there is none of that name.
const GuardKind* find_guard_kind(std::string_view name);

// What is wrong with the call, in a few words; empty: nothing.
std::string guard_fault(const GuardCall& call);

// "queue-empty /var/spool/x 'a b'": as a rule has it; split_words() reads the very same call again.
std::string to_string(const GuardCall& call);

// The words of a rule's value: split at blanks and line ends; '…' and "…" keep them together, also
// within a word, no escapes, no expansion of any kind. False: a quote is not closed.
bool split_words(std::string_view text, std::vector<std::string>& words);

}  // namespace aptkeep
