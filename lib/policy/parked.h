// Services that are parked: stopped while their packages are replaced, with their sockets open, so
// that clients wait in the sockets' queues for the new version. To systemd something runs in the
// service's place: a drop-in below /run makes of it a oneshot that has ended well and remains.
// Nothing waits in a process, and nothing of it is left after a boot. Also held (policy/holds.h),
// with its sockets, so that no script starts or stops what is in the way. libc only.
#pragma once

#include "policy/holds.h"

namespace aptkeep::policy {

// In paths::kRunDir, a file for each service: its hold's text, then a line for each of its sockets
// with what it listens on. There until all else of it is gone.
inline constexpr char kParkedDir[] = "parked";

// Stops it, as its unit says, and puts the stand-in into its place; it need not run. `sockets` are
// up. False: that cannot be done; nothing is parked or held then, and the service may be down.
bool park(const char* run_dir, const char* service, const Hold& said, const Units& sockets);

enum class Then {
  AsBefore,  // what ran is started by what is there now; what did not, by its next client
  Close,     // it stays down, and its sockets are closed
};

// Takes the stand-in away; the service and its sockets are not held any more. A socket that is to
// listen on something else now, or is no more, is closed first. Whoever is killed amid this: the
// next one goes on with it. Of one that is not parked: nothing.
void unpark(const char* run_dir, const char* service, Then then);

// Those with a file in kParkedDir; as each_hold().
void each_parked(const char* run_dir, bool (*found)(const char*, const Hold&, void*), void* data);
void close_all_parked(const char* run_dir);

}  // namespace aptkeep::policy
