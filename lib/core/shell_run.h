// What a shell script may do, worked out without doing it: every branch that its arguments do not
// rule out is looked at. Pure.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/shell_syntax.h"

namespace aptkeep::shell {

enum class Truth { No, Maybe, Yes };

// All that a word may be; kAny and kSome stand for what is not known.
using Argument = std::vector<std::string>;

struct Circumstances {
  std::vector<std::string> arguments;            // $1 ...
  std::map<std::string, std::string> variables;  // all others are unknown until they are set
  // Folders and files that a test finds, and does not find. Of others both are possible.
  std::vector<std::string> present;
  std::vector<std::string> absent;
  // As dpkg compares versions; unset: see run().
  std::function<int(std::string_view, std::string_view)> compare = {};
};

// Calls `command` for each command that may be reached, once its words are expanded; it says
// whether the command succeeds. What the shell itself does (test, case, functions, exit, ...) and
// dpkg --compare-versions are seen to here. Of two versions of which one is not known, or that
// cannot be compared, the unknown one is taken to be the newer: what scripts do for older ones was
// mostly done long ago.
// False where the script does more than can be followed: then nothing is to be made of it.
bool run(const List& script, const Circumstances& circumstances,
         const std::function<Truth(const std::vector<Argument>& words)>& command);

}  // namespace aptkeep::shell
