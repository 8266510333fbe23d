// What dpkg is to want of packages (dpkg(1), --set-selections).
#pragma once

#include <map>
#include <string>

#include "core/result.h"

namespace aptkeep {

// `wants`: "install" or "unknown", by the names that dpkg knows packages by. What dpkg wants
// "unknown" it neither configures with --pending nor complains of; its files and state stay as they
// are (dpkg, src/main/packages.c: enqueue_pending). Runs the real dpkg, so nobody else may hold its
// database lock.
Status set_wants(const std::map<std::string, std::string>& wants);

}  // namespace aptkeep
