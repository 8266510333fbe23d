// What installed packages need of each other, through libdpkg. Like dpkg_db.cc linked into
// executables only.
#pragma once

#include <string>
#include <vector>

#include "core/plan.h"
#include "core/result.h"

namespace aptkeep {

// The Depends and Pre-Depends by which the installed version of a step needs other steps' packages,
// by their names or by what they provide, on the architectures that are meant: their new versions,
// and their old ones where these would do as well. No clause is a relation that means none of them,
// or that a package which is no step meets.
Result<std::vector<Clause>> needs_among(const std::vector<Step>& steps);

// The relations of an installed or unpacked package ("name:arch") that no configured package meets,
// as its control file has them.
Result<std::vector<std::string>> unmet_needs(const std::string& package);

}  // namespace aptkeep
