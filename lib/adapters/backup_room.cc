#include "adapters/backup_room.h"

#include "adapters/backup.h"
#include "core/guard_policy.h"

namespace aptkeep {
namespace {

constexpr const char* kGuard = "free-space";

bool is_room(const std::string& base, const std::string& guard) {
  const GuardCall call = read_guard(guard);
  return call.name == kGuard && !call.arguments.empty() && call.arguments[0] == base;
}

}  // namespace

bool want_room_for_backups(const std::string& base, const std::string& native_arch,
                           const std::vector<Step>& steps, std::vector<StepDecisions>& decisions) {
  RoomForBackups room(base);
  bool any = false;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const auto& backups = decisions[i].backup.entries;
    if (backups.empty()) continue;
    const auto needed = room.with(display_name(steps[i].package, native_arch));
    const GuardCall guard{kGuard, {base, std::to_string(needed)}};
    decisions[i].guards.entries.push_back({guard, backups.front().by});
    any = true;
  }
  return any;
}

void forget_room_for_backups(const std::string& base, std::vector<Step>& steps) {
  for (Step& step : steps)
    std::erase_if(step.guards, [&](const std::string& guard) { return is_room(base, guard); });
}

}  // namespace aptkeep
