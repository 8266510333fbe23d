// Whether apt finds our launcher where it looks for dpkg.
#pragma once

#include <string>

namespace aptkeep {

// `dpkg`, `folders`: apt's settings Dir::Bin::dpkg and DPkg::Path. True unless apt starts our
// launcher then (debian/aptkeep.apt.conf): nothing can be kept from such a frontend.
bool bypasses_launcher(const std::string& dpkg, const std::string& folders);

}  // namespace aptkeep
