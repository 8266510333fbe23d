// The real things behind the engine's ports, for one plan: what driver and hook share.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "adapters/dpkg_db.h"
#include "adapters/no_services.h"
#include "adapters/process.h"
#include "adapters/snapshot.h"
#include "adapters/unit_holds.h"
#include "adapters/units_scripts.h"
#include "adapters/units_systemctl.h"
#include "engine/call.h"
#include "engine/finish.h"

namespace aptkeep {

// Whose snapshots a rollback by hand goes back to: those of an earlier plan.
struct Origin {
  std::string folder;
  std::int64_t since = 0;  // see SnapshotOptions
};

// Written down with the rollback's own plan, so that resume finds it, and gone at its end, with
// what save_forward() has saved.
Status note_origin(std::int64_t run, std::int64_t plan, const Origin& origin);
void forget_origin(std::int64_t run, std::int64_t plan);

class RunTools {
 public:
  using Say = std::function<void(const std::string&)>;

  // `store` has to outlive this. Without a plan there are no snapshots.
  // These are with the plan's own, or where note_origin() said.
  RunTools(Store& store, Say say, const OpenPlan* plan = nullptr);

  // `options`: what dpkg itself was given.
  CallPorts call_ports(Progress& progress, const std::vector<std::string>& options = {});
  FinishPorts finish_ports();
  // Of a plan with an origin: saves how its packages are now, for CallPorts::forward. What cannot
  // be saved is said.
  void save_forward(const OpenPlan& open);
  Snapshots* snapshots() { return snapshots_ ? &*snapshots_ : nullptr; }

 private:
  Store& store_;
  Say say_;
  RealDpkg dpkg_;
  RealDatabase db_;
  std::optional<RealSnapshots> snapshots_;
  std::optional<RealSnapshots> forward_;
  std::unique_ptr<Units> units_;
  RunHolds holds_;
  NoUnits no_units_;
  NoHolds no_holds_;
  Frontend frontend_;  // the plan's
  std::int64_t run_ = 0;
  bool plan_has_guardian_ = false;
  bool rebooted_ = false;
};

// Has the service manager read its units again, where there is one.
void reload_units();

// /var/lib/aptkeep/snapshots/RUN/PLAN
std::string snapshot_folder(std::int64_t run, std::int64_t plan);

}  // namespace aptkeep
