// What "aptkeep retry" has apt-get do in one call, so that one way is found for all of it.
#pragma once

#include <set>
#include <string>
#include <vector>

namespace aptkeep::cli {

struct OneCall {
  std::vector<std::string> upgrades;    // "name:arch"
  std::vector<std::string> downgrades;  // "name:arch=version"
  std::vector<std::string> newcomers;   // not installed yet
  std::vector<std::string> removals;    // that waited for one of these, or one of these for them
  bool purges = false;                  // what is removed

  bool empty() const {
    return upgrades.empty() && downgrades.empty() && newcomers.empty() && removals.empty();
  }
};

// The command, by what apt-get says in a simulation. A removal is asked for only where that removes
// nothing else that is installed; what apt-get itself must remove, it may where `yes` is said and
// that is one of `removals`: else a person is asked. New packages that the others bring by
// themselves are not named, so that they do not count as installed by hand.
std::vector<std::string> command_for(const OneCall& call, const std::string& native_arch, bool yes);

}  // namespace aptkeep::cli
