// Words for a person: times, endings, and what may be sent to a terminal.
#pragma once

#include <aptkeep/aptkeep.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace aptkeep::cli {

// Bold red on a terminal, unless NO_COLOR is set and not empty (https://no-color.org); otherwise
// unchanged.
std::string loud(const std::string& text);

// What a maintainer script printed, without what could command a terminal.
std::string harmless(std::string_view text);

// A file's name, or a sentence with names in it, in one line: control characters and what is no
// UTF-8 as in C ("\\n", "\\033"), and a backslash as two.
std::string escaped(std::string_view text);

// The last `most` lines, each behind "    | "; empty if there is nothing.
std::string quoted(std::string_view output, std::size_t most);

// "2024-06-11 14:03", in local time; "" for 0.
std::string when(std::int64_t time);

// "foo" for "foo:amd64" on amd64.
std::string name_of(const std::string& package, const std::string& native_arch);

// Of the C interface's kinds of failure. The last: nothing of the package was tried.
bool is_guard(const char* failure_class);
bool is_backup(const char* failure_class);
bool is_untried(const char* failure_class);

// "its preinst ended with exit status 1 while it was unpacked"
std::string ending_of(const std::string& script, int phase, int exit_code, int signal);

// "1 package", "2 packages"
std::string counted(std::size_t count, const std::string& noun);

const char* word_of_action(int action);
const char* word_of_outcome(int outcome);

// As one word of a command line that can be pasted into a shell (with control characters: bash).
std::string shell_word(const std::string& text);

// "sudo " for who is not root.
std::string as_root();

}  // namespace aptkeep::cli
