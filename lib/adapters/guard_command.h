// Runs the programs that rules name, and asks those that know what a static program cannot.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "core/result.h"
#include "core/rule.h"

namespace aptkeep {

struct CommandEnd {
  int exit_code = -1;      // -1: it was ended
  int signal = 0;          // by this signal
  bool timed_out = false;  // by us
  bool stopped = false;    // by a person
  std::string output;      // the first 64 KiB of standard output
  std::string errors;      // the first 4 KiB of standard error

  bool well() const { return exit_code == 0; }
};

// One line about how it ended otherwise than well: "exit status 3: no such queue".
std::string told(const CommandEnd& end);

// Whom a program runs as.
struct Account {
  std::string name;
  std::string home;
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;  // from /etc/group, with `gid`
};

// From /etc/passwd, else from `getent`. An Error: it could not be asked; nullopt: there is none.
Result<std::optional<Account>> find_account(const std::string& name);
Result<std::optional<gid_t>> find_group(const std::string& name);

// Runs argv[0], an absolute path or a name in the standard folders, to its end: in a session of its
// own (so it has no terminal to ask at), with nothing on standard input, a small environment of its
// own, /, and no descriptor of ours. When `limit` is over, and also when it has ended, what is left
// of its process group is killed. `as`: nullptr for whoever we are.
// An Error where it could not be started: "unable to run …".
Result<CommandEnd> run_program(const std::vector<std::string>& argv, const Account* as,
                               std::chrono::milliseconds limit);

// What a command gets beside what all get. The descriptors stay the caller's.
struct CommandWiring {
  int input = -1;                      // its standard input; -1: nothing to read
  int output = -1;                     // takes its standard output; -1: CommandEnd::output does
  bool may_be_stopped = false;         // by a person's Ctrl-C (interrupt.h); else it is waited for
  std::vector<std::string> variables;  // "NAME=value"
};

// As its rule says: user, time, shell.
Result<CommandEnd> run_rule_command(const RuleCommand& command, const CommandWiring& wiring = {});

// Of a command as a rule writes it: why it did not end well, in one line; empty: it did, or could
// not be started, which says nothing.
// `run_began`, in seconds since the epoch, is APTKEEP_RUN_BEGAN to it; 0: not known.
std::string complaint_of(const std::string& command, std::int64_t run_began = 0);
// The same, but one that could not be started has not done what it was to do. Where it has printed
// more than one line, all that it has printed follows in lines of its own, at most 68 KiB.
std::string failure_of(const std::string& command);
// The same of one that a person may stop.
std::string failure_or_stop_of(const std::string& command);
// Not so where it could not be run, either.
bool ends_well(const std::string& command);

}  // namespace aptkeep
