// The real things behind the engine's ports, for one plan: what driver and hook share.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "adapters/dpkg_db.h"
#include "adapters/process.h"
#include "adapters/snapshot.h"
#include "engine/call.h"
#include "engine/finish.h"

namespace aptkeep {

class RunTools {
 public:
  using Say = std::function<void(const std::string&)>;

  // `store` has to outlive this. Without a plan there are no snapshots.
  // `folder`: where these are, if not with the plan's own.
  RunTools(Store& store, Say say, const OpenPlan* plan = nullptr, const std::string& folder = {});

  // `options`: what dpkg itself was given.
  CallPorts call_ports(Progress& progress, const std::vector<std::string>& options = {});
  FinishPorts finish_ports();
  Snapshots* snapshots() { return snapshots_ ? &*snapshots_ : nullptr; }

 private:
  Store& store_;
  Say say_;
  RealDpkg dpkg_;
  RealDatabase db_;
  std::optional<RealSnapshots> snapshots_;
};

// Has the service manager read its units again, where there is one.
void reload_units();

// /var/lib/aptkeep/snapshots/RUN/PLAN
std::string snapshot_folder(std::int64_t run, std::int64_t plan);

}  // namespace aptkeep
