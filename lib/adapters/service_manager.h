// Where this process is, as systemd sees it.
#pragma once

#include <string>

namespace aptkeep {

// Whether systemd is there to be asked (sd_booted(3)).
bool has_service_manager();

// The service in whose control group this process is; empty: none.
std::string own_unit();

}  // namespace aptkeep
