// Which names of architectures mean something, for aptkeep rules check.
#pragma once

#include <set>
#include <string>

namespace aptkeep::cli {

// All that this machine's dpkg can make of its tables (tupletable and cputable in /usr/share/dpkg,
// of the package dpkg, as its scripts/Dpkg/Arch.pm reads them): what `dpkg-architecture -L` prints,
// which only dpkg-dev has. Empty where a table cannot be read: then nothing is known.
std::set<std::string> known_architectures();

}  // namespace aptkeep::cli
