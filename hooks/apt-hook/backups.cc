#include "backups.h"

#include "adapters/backup.h"
#include "core/config.h"
#include "hook.h"

namespace aptkeep::hook {
namespace {

constexpr int kKeepDays = 30;

}  // namespace

void drop_old_backups(const Conversation& conversation) {
  const Status dropped = drop_partial_backups(paths::kBackups);
  if (!dropped) complain(dropped.error().message);
  const auto days = conversation.find_number("Aptkeep::Backups::Keep-Days", kKeepDays);
  if (days <= 0) return;
  const Status pruned = prune_backups(paths::kBackups, now() - std::int64_t{days} * 24 * 60 * 60);
  if (!pruned) complain(pruned.error().message);
}

}  // namespace aptkeep::hook
