// What programs print when they fail, by the class that it tells of.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/failure_class.h"

namespace aptkeep {

enum class WordsOf : std::uint8_t {
  Dpkg,    // in dpkg's own message, where no script is to blame
  Script,  // in what a script and its programs printed
};

struct FailureWords {
  WordsOf where;
  FailureClass failure_class;
  // Pieces of one line, in that order, '*' between them; upper and lower case are the same.
  std::string_view pattern;
  std::string_view source;  // where it is known from
};

std::span<const FailureWords> failure_words();

// The words that tell most about this failure; nullptr: none. `text` is dpkg's message, or what was
// printed last; of that only the failed package's own part counts.
const FailureWords* find_words(WordsOf where, std::string_view text);

// The file for which dpkg found no room, by its own message: its absolute path, cut off where dpkg
// cut it off (dpkg 1.21, archives.c and path-subst.c: 255 bytes), "" where it names none. nullopt:
// it was not for want of room. What is on its place is another file where the path is diverted.
std::optional<std::string> file_without_room(std::string_view message);

// The part of what was printed that belongs to the step that failed: between dpkg's last heading
// and its words on the failure, and no more than the last 20 lines.
std::string_view last_step(std::string_view output);

// What dpkg itself printed last: "dpkg: unrecoverable fatal error, aborting:" and the lines behind.
std::string_view last_words_of_dpkg(std::string_view output);

}  // namespace aptkeep
