// The command line with which apt calls dpkg, as a value.
#pragma once

#include <string>
#include <vector>

#include "core/result.h"

namespace aptkeep {

struct DpkgCall {
  enum class Verb { Unpack, Configure, Remove, Purge, TriggersOnly };
  Verb verb = Verb::Unpack;
  // Every option with its value as it came, in order, wherever it stood: --status-fd, --no-triggers
  // and --auto-deconfigure too. Not the verb, --pending and --recursive.
  std::vector<std::string> options;
  bool pending = false;    // --pending / -a
  bool recursive = false;  // --recursive: operands are folders
  bool no_triggers = false;
  bool auto_deconfigure = false;      // kept in `options` too
  std::vector<std::string> operands;  // archives, folders or package names

  // The last dpkg call of an apt run is `--configure --pending` without --no-triggers, and no
  // other call of the run looks like that while DPkg::NoTriggers has its default (apt 2.6 and 3.0,
  // apt-pkg/deb/dpkgpm.cc: pkgDPkgPM::Go).
  bool ends_apt_run() const { return verb == Verb::Configure && pending && !no_triggers; }
};

// `args`: without the program's name. An Error for what apt does not send (the launcher does not
// let it come here; the caller then runs the real dpkg with the same arguments).
Result<DpkgCall> parse_dpkg_call(const std::vector<std::string>& args);

// dpkg's argv, program name first, with each of its short options on its own: "-iR" is "-i", "-R".
std::vector<std::string> with_single_options(const std::vector<std::string>& arguments);

// Whether these options let a package take over another's file without a Replaces.
bool forces_overwrite(const std::vector<std::string>& options);

}  // namespace aptkeep
