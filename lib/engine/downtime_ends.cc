// Downtimes that end in a later call of the driver, and those where there is no driver.
#include <algorithm>

#include "engine/downtime.h"
#include "engine/services.h"

namespace aptkeep {

std::optional<CallEnd> end_left_downtimes(Session& session, const std::vector<std::string>& later) {
  const CallPorts& ports = session.ports();
  if (session.left_down().empty() || ports.units == nullptr || ports.holds == nullptr)
    return std::nullopt;
  const auto db = ports.db.read();
  if (!db) {
    ports.say(db.error().message);
    return std::nullopt;
  }
  std::vector<std::uint32_t> whole;
  for (const std::uint32_t step : session.left_down()) {
    const std::string& package = session.plan().steps[step].package;
    if (standing_in(*db, package) != Standing::Unfinished) whole.push_back(step);
  }
  if (whole.empty()) return std::nullopt;
  for (const std::uint32_t step : whole) session.left_down().erase(step);
  return Downtime(session, whole).up_later(later);
}

void take_down_all(OpenPlan& open, CallPorts& ports) {
  if (ports.units == nullptr || ports.holds == nullptr) return;
  std::vector<std::uint32_t> steps;
  for (std::uint32_t i = 0; i < open.plan.steps.size(); ++i) {
    if (open.plan.steps[i].island && open.states[i] == StepState::Waiting) steps.push_back(i);
  }
  if (steps.empty()) return;
  const DpkgCall none;
  Session session(none, open, ports);
  for (const std::uint32_t step : steps) {
    const auto refuse = [&](const Downtime::Refusal& refusal) {
      ports.say(session.shown(open.plan.steps[refusal.step].package) +
                " is replaced nevertheless: " + refusal.why);
      return false;
    };
    Downtime downtime(session, {step});
    if (downtime.down(refuse)) (void)downtime.prepare(refuse);
  }
}

}  // namespace aptkeep
