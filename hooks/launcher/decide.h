// Whether a dpkg call is one of apt's that the driver is for. Pure; libc's string functions only.
#pragma once

namespace aptkeep::launcher {

enum class Verb { None, Unpack, Configure, Remove, Purge, TriggersOnly };

// dpkg's command line, as far as it matters here.
struct CommandLine {
  Verb verb = Verb::None;
  bool status_fd = false;
  bool elsewhere = false;  // another root or database, or only a simulation
  bool understood = true;  // false: options that cannot stand together, or end amid an option
  bool pending = false;
  int operands = 0;  // the first operand's place in argv; argc if there is none
};

CommandLine read_command_line(int argc, const char* const* argv);

// What is asked only when the command line leaves it open.
struct Surroundings {
  const char* maintscript_package = nullptr;  // the environment's variables; nullptr: not set
  const char* root = nullptr;
  const char* admindir = nullptr;
  const char* aptkeep = nullptr;
  bool privileged = false;
  bool off_file = false;
  bool driver = false;  // it is there and executable
};

bool is_frontend_action(const CommandLine& line);
bool wants_driver(const CommandLine& line, const Surroundings& around);

// An option and its value; `length` is how many words of argv it takes, 0 if its value is missing.
struct Option {
  const char* name = nullptr;  // without the leading dashes; short options as they stand
  int length = 1;
  bool is_long = false;
};
Option read_option(int argc, const char* const* argv, int at);

// The option's name, also of "name=value".
bool option_is(const Option& option, const char* name);

}  // namespace aptkeep::launcher
