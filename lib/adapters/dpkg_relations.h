// What installed packages, and versions of which only the control data is left, say of each other,
// through libdpkg. Like dpkg_db.cc linked into executables only.
#pragma once

#include <string>
#include <vector>

#include "core/plan.h"
#include "core/result.h"

namespace aptkeep {

// All clauses that putting `steps` back can change, as the system is now: of these packages on
// their new side, which is what is installed (or not) now; on their old side, which is what
// `old_control` says (one stanza for each step, with Architecture; empty: not there); and of all
// other installed packages. What does not hold now binds nobody. What the old side of a step needs
// and nobody has, or forbids and is there, is a clause without literals.
Result<std::vector<Clause>> clauses_today(const std::vector<Step>& steps,
                                          const std::vector<std::string>& old_control);

// A stanza that says nothing but which version it is.
std::string bare_control(const std::string& package, const std::string& version);

}  // namespace aptkeep
