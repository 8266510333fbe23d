// What is put in order before a plan begins: a run that was cut off, and packages that were left
// unconfigured and are tried again now.
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "adapters/dpkg_db.h"
#include "adapters/proc.h"
#include "adapters/selections.h"
#include "adapters/spawn.h"
#include "core/config.h"
#include "core/dpkg_status.h"
#include "core/failure_class.h"
#include "engine/finish.h"
#include "hook.h"
#include "state/wanted_again.h"

namespace aptkeep::hook {
void resume_cut_off(Store& store) {
  const auto plan = store.unended_plan();
  if (!plan || !*plan || is_alive((*plan)->frontend)) return;
  (void)run_to_end(paths::kDriver, {"resume", "--below"});
}

void want_again(Store& store, const std::vector<Step>& steps) {
  const auto keeps = store.keeps();
  if (!keeps || keeps->empty()) return;
  const auto chosen = wanted_again(*keeps, steps, now());
  if (chosen.empty()) return;
  RealDatabase database;
  const auto db = database.read();
  if (!db) return complain(db.error().message);
  if (lock_holder()) ::setenv("DPKG_FRONTEND_LOCKED", "true", 1);
  const Status wanted = set_wants(wants_again(chosen, *db));
  if (!wanted) complain(wanted.error().message);
}

bool lift_with_those_that_wait(Store& store, const std::vector<Keep>& keeps,
                               const std::string& root, const std::string& why) {
  bool any = false;
  for (const Keep& keep : keeps) {
    if (keep.package != root && keep.root != root) continue;
    const Status lifted = store.lift_keep(keep.package, why, now());
    if (!lifted) complain(lifted.error().message);
    any = any || lifted;
  }
  return any;
}

// What only waits for a package that was left unconfigured has no pin; as long as there is one, apt
// is told by this record that it has failed of it once (engine/call.cc).
bool waits_still(const std::vector<Keep>& keeps) {
  return std::ranges::any_of(keeps, [](const Keep& keep) { return is_half_done(keep.db_state); });
}

// Only those whose pin is all that keeps them from being tried.
bool lift_due(Store& store) {
  const auto keeps = store.keeps();
  if (!keeps) return false;
  bool any = false;
  for (const Keep& root : *keeps) {
    const bool whole = root.db_state.size() == 2 && root.db_state[1] == 'i';
    const bool waits = root.failure_class == FailureClass::Waiting;
    if (!root.failed || (waits ? waits_still(*keeps) : !whole)) continue;
    if (!due_again(root.failure_class, root.attempts, root.tried, now())) continue;
    any = lift_with_those_that_wait(store, *keeps, root.package, "due again") || any;
  }
  return any;
}

}  // namespace aptkeep::hook
