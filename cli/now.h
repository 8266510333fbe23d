// What dpkg says of packages at this moment, and programs that are run.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/unit.h"

namespace aptkeep::cli {

struct Now {
  std::string state;  // "ii", "iF", "iHR" ...
  std::string version;
  std::string name;                 // as dpkg takes it on its command line
  std::string config_version = {};  // both as DbPackage has them
  bool never_configured = false;
};

// Whether it is there and configured, as dpkg sees it.
bool is_whole(const Now& package);

// "name:arch", an Architecture: all package under `native_arch`. Empty where dpkg-query fails.
std::map<std::string, Now> packages_now(const std::string& native_arch);

// Runs a program, given by its absolute path, on our terminal, and returns its exit status, or 128
// and the signal. Ctrl-C is the program's to answer.
int run(const std::vector<std::string>& command);

// What a program prints, line by line; its errors go nowhere.
std::vector<std::string> lines_of(const std::vector<std::string>& command);

inline constexpr char kSystemctl[] = "/usr/bin/systemctl";
// What systemd says of units now, in the order of `names`; empty where it cannot be asked.
std::vector<UnitFacts> units_shown(const std::vector<std::string>& names);

// The command as a person would type it.
std::string typed(const std::vector<std::string>& command);

}  // namespace aptkeep::cli
