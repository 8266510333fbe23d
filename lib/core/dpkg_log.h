// What dpkg.log says happened since a moment: for runs whose status-fd was not ours (a plain dpkg
// call, a frontend that names /usr/bin/dpkg itself). Not translated, unlike what dpkg prints.
#pragma once

#include <string_view>
#include <vector>

#include "core/plan.h"

namespace aptkeep {

// The steps that dpkg began, in order, each once: "install foo:amd64 <none> 2.0", "upgrade
// foo:amd64 1.0 2.0", "remove foo:amd64 1.0 <none>", "purge ...", and "configure foo:amd64 2.0
// <none>" of a package that was not unpacked in the same log (dpkg(1), "--log"). Other lines, torn
// lines and lines of another form are left out. `native_arch` stands in for "all".
std::vector<Step> steps_from_dpkg_log(std::string_view log, std::string_view native_arch);

}  // namespace aptkeep
