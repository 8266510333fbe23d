// Packages that are not in the plan and vanish all the same: no snapshot of them was taken.
#include "engine/session.h"

namespace aptkeep {

void Session::note_vanished(const std::string& status_log) {
  for (const Vanished& one : vanished_in(status_log)) {
    const std::int32_t step = step_of_package(one.into);
    const std::string package = slot_name(one.package);
    const bool saved = step_of_package(one.package) >= 0 && ports_.snapshots != nullptr &&
                       ports_.snapshots->has(package);
    if (step < 0 || saved) continue;
    const auto index = static_cast<std::uint32_t>(step);
    std::string& why = open_.plan.steps[index].never_back;
    if (!why.empty()) continue;
    why = shown(package) + " has vanished into it";
    if (const auto noted = ports_.store.set_never_back(open_.id, index, why); !noted)
      lose_record(noted.error());
  }
}

}  // namespace aptkeep
