// What guards' arguments mean, and how what they saw is told. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/rule.h"

namespace aptkeep {

// "500", "64K", "20M", "3G": bytes, in powers of 1024. nullopt: it is none, or does not fit.
std::optional<std::uint64_t> parse_amount(std::string_view text);

// "90", "30m", "12h", "7d" as seconds.
std::optional<std::int64_t> parse_age(std::string_view text);

// `[timeout=SECONDS] [user=NAME] PROGRAM ARG...`, or `... sh: TEXT`, as aptkeep.rules(5) has it.
// What is wrong with it, as the end of a sentence: "names no program"; empty: nothing.
std::string read_rule_command(std::string_view text, RuleCommand& command);

// `command "PROGRAM ARG..." expects 0|TEXT [again]`.
struct GuardCommand {
  RuleCommand command;
  std::string expects;  // "0": only the exit status counts
  bool again = false;   // it looks at what a service writes, and does not need that service
};

// What is wrong with the arguments, as in guard_fault(); empty: `out` has what they say.
std::string read_guard_command(const std::vector<std::string>& arguments, GuardCommand& out);

// The most seconds that a command may take.
inline constexpr int kLongestTimeout = 86400;

// A user or group as `useradd` would take it (shadow's chkname.c and the dots that Debian allows).
bool is_account_name(std::string_view text);

// The values that the text of a configuration file has for the key, in the order in which they
// stand there, each with the lines that continue it: those after a backslash, and those indented
// deeper than the key's, as in postfix. Quotes and sections are not looked at: all that matters is
// whether anything changed.
std::vector<std::string> values_of(std::string_view text, std::string_view key);

// In one line and harmless on a terminal: control characters, what is not UTF-8 and marks that turn
// the direction of writing are told as \xNN. Of what is longer than `most` bytes the beginning.
std::string shown(std::string_view text, std::size_t most = 300);

// The same of text that is printed as it stands: of any length, and its line breaks and tabs stay.
std::string shown_lines(std::string_view text);

}  // namespace aptkeep
