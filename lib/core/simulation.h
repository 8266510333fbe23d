// What `apt-get --simulate` prints, and which of its arguments may stand in a simulation. Pure: the
// program is run by adapters/apt_simulate.h.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/plan.h"
#include "core/result.h"
#include "core/rule_match.h"

namespace aptkeep {

struct SimulatedStep {
  Step step;
  std::string origin;  // of the new version: "Debian:12.5/stable, Debian-Security:12/stable"
  // Which of apt's calls of dpkg unpacks it, counted from 0; -1: nothing is unpacked.
  int call = -1;
  // Of a Configure: dpkg is told its name, since others come after it. Else it is configured with
  // all that dpkg itself wants to be.
  bool by_name = false;
};

struct KeptBack {
  std::string package;      // "name:arch"
  std::string old_version;  // empty where apt did not tell
  std::string new_version;
  bool phased = false;  // an update that is given out in phases, and not to this machine yet
};

struct Simulation {
  // In apt's order. Of a Configure apt tells the version that it would install, or none where there
  // is none to install.
  std::vector<SimulatedStep> steps;
  std::vector<KeptBack> kept_back;  // by apt: a hold, a dependency, an aptkeep pin
};

// Reads what apt-get printed with LC_ALL=C, -q and APT::Get::Show-Versions (apt 2.6 to 3.1,
// apt-pkg/algorithms.cc: pkgSimulate, apt-private/private-output.cc: ShowKept). Fails at a line of
// a change that it does not understand: a plan without it would not be true.
Result<Simulation> read_simulation(std::string_view output, const std::string& native_arch,
                                   const CompareVersions& compare);

// apt-get's arguments, sorted: what changes packages, what else is asked of it, and for which.
struct AptArguments {
  std::string command;                // "full-upgrade" where none was given
  std::vector<std::string> options;   // each a word that apt-get takes, values with "=" in it
  std::vector<std::string> settings;  // those among `options` that -o has: "KEY=VALUE"
  std::vector<std::string> packages;
};

// Lets through only options that are known to be of use for a plan, so that nothing in them can end
// the simulation or name another configuration: "unable to plan with --foo: ...".
Result<AptArguments> read_apt_arguments(const std::vector<std::string>& arguments);

// What apt-get is started with; `settings` is a configuration file with simulation_settings(), the
// last word that apt-get reads.
std::vector<std::string> simulation_command(const AptArguments& arguments,
                                            const std::string& settings);

// apt.conf(5): simulate, lock nothing, run nobody's hooks.
std::string simulation_settings();

}  // namespace aptkeep
