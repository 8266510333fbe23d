#include "backups.h"

#include "adapters/backup.h"
#include "core/config.h"
#include "core/guard_policy.h"
#include "hook.h"

namespace aptkeep::hook {
namespace {

constexpr const char* kGuard = "free-space";
constexpr int kKeepDays = 30;

bool is_room(const std::string& guard) {
  const GuardCall call = read_guard(guard);
  return call.name == kGuard && !call.arguments.empty() && call.arguments[0] == paths::kBackups;
}

}  // namespace

void want_room_for_backups(const std::vector<Step>& steps, const std::string& native_arch,
                           std::vector<StepDecisions>& decisions) {
  RoomForBackups room(paths::kBackups);
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const Step& step = steps[i];
    const auto& backups = decisions[i].backup.entries;
    if (backups.empty() || step.archive.empty() || step.old_version.empty()) continue;
    const auto needed = room.with(display_name(step.package, native_arch));
    const GuardCall guard{kGuard, {paths::kBackups, std::to_string(needed)}};
    decisions[i].guards.entries.push_back({guard, backups.front().by});
  }
}

void forget_room_for_backups(std::vector<Step>& steps) {
  for (Step& step : steps) std::erase_if(step.guards, is_room);
}

void drop_old_backups(const Conversation& conversation) {
  const Status dropped = drop_partial_backups(paths::kBackups);
  if (!dropped) complain(dropped.error().message);
  const auto days = conversation.find_number("Aptkeep::Backups::Keep-Days", kKeepDays);
  if (days <= 0) return;
  const Status pruned = prune_backups(paths::kBackups, now() - std::int64_t{days} * 24 * 60 * 60);
  if (!pruned) complain(pruned.error().message);
}

}  // namespace aptkeep::hook
