// The processes that a killed driver leaves behind. The launcher is their subreaper.
#pragma once

namespace aptkeep::launcher {

// Waits for a dpkg that still works, however long that takes, then shortly for the relay that
// passes its output on: that may stay for as long as something holds its pipe.
void wait_for_orphans();

}  // namespace aptkeep::launcher
