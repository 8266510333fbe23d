// Configuring amid the frontend's call, before it asks for that.
#include <algorithm>

#include "core/order.h"
#include "engine/session.h"

namespace aptkeep {

std::optional<CallEnd> Session::configure_now(const std::vector<std::uint32_t>& steps,
                                              std::vector<std::string> afterwards) {
  const auto database = ports_.db.read();
  if (!database) {
    ports_.say(database.error().message);
    return std::nullopt;  // the frontend's own call comes
  }
  std::vector<std::uint32_t> pending;
  for (const std::uint32_t step : steps) {
    if (open_.states[step] == StepState::Unpacked) pending.push_back(step);
  }
  const auto blocked = unconfigurable(open_.plan, pending, open_.states);
  DpkgCall configure = call_for(DpkgCall::Verb::Configure);
  // What triggers do can wait for that call, too.
  configure.no_triggers = call_.no_triggers;
  for (const std::uint32_t step : pending) {
    if (std::ranges::count(blocked, step) == 0)
      configure.operands.push_back(dpkg_name(open_.plan.steps[step].package, *database));
  }
  if (configure.operands.empty() && way_back().returning.empty()) return std::nullopt;
  save_states();
  Session part(configure, open_, ports_, record_lost_);
  part.set_afterwards(std::move(afterwards));
  const auto end = configure_packages(part);
  take_over(part);
  return end;
}

// A call of our own amid the frontend's, with its options.
DpkgCall Session::call_for(DpkgCall::Verb verb) const {
  DpkgCall made;
  made.verb = verb;
  for (const std::string& option : call_.options) {
    if (option != "--auto-deconfigure") made.options.push_back(option);
  }
  return made;
}

void Session::take_over(const Session& part) {
  record_lost_ = part.record_lost_;
  stopped_ = stopped_ || part.stopped_;
  may_configure_ = part.may_configure_;
  if (anything_failed()) grow_kept_set();
}

}  // namespace aptkeep
