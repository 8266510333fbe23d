// The maintainer scripts that an upgrade of a package runs, as texts. Linked into executables only,
// as dpkg_archive.h is.
#pragma once

#include <string>

#include "core/result.h"
#include "core/service_class.h"

namespace aptkeep {

// `archive`: the new version's .deb, for its preinst and postinst; empty: those that are installed.
// The prerm is the installed one. `package`: "name:arch". A script that is not there, or is longer
// than kLongest of core/shell_syntax.h, is empty. Versions are not filled in. Runs dpkg-deb once
// where there is an archive, else nothing; an Error where that is missing or damaged.
Result<MaintainerScripts> scripts_of(const std::string& archive, const std::string& package);

}  // namespace aptkeep
