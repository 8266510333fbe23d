// The end of a plan, as far as services are concerned.
#include <algorithm>

#include "core/dpkg_log.h"
#include "engine/downtime.h"
#include "engine/finish.h"
#include "engine/session.h"
#include "engine/stay_down.h"
#include "engine/together.h"

namespace aptkeep {
namespace {

Standing standing_of(const OpenPlan& open, const DbSnapshot& db, const std::string& package) {
  const Standing standing = standing_in(db, package);
  if (standing != Standing::Upgraded) return standing;
  const bool upgraded =
      std::any_of(open.plan.steps.begin(), open.plan.steps.end(), [&](const Step& step) {
        return step.package == package && at_new_side(step, db) &&
               step.old_version != step.new_version;
      });
  return upgraded ? Standing::Upgraded : Standing::Unchanged;
}

// Where nobody but dpkg's log can tell.
bool was_begun(const OpenPlan& open, const Step& step, const FinishPorts& ports) {
  if (!open.flags.bypassed || !ports.log_since) return false;
  const auto begun =
      steps_from_dpkg_log(ports.log_since(open.flags.log_mark), open.flags.native_arch);
  return std::ranges::any_of(begun, [&](const Step& other) {
    return other.package == step.package && is_replaced(other);
  });
}

}  // namespace

std::vector<UnitRecord> restore_services(const OpenPlan& open, const DbSnapshot& db,
                                         FinishPorts& ports) {
  auto recorded = ports.store.units(open.run);
  const auto standing = [&](const std::string& package) { return standing_of(open, db, package); };
  const bool of_its_own = recorded && !recorded->empty();
  if (ports.units != nullptr && recorded) {
    ServicePorts early{*ports.units, ports.store, ports.say, ports.units_of};
    const Status taken = take_over_left_down(open.run, *recorded, standing, early);
    if (!taken) ports.say(taken.error().message);
  }
  const bool known = ports.units != nullptr && recorded &&
                     (!recorded->empty() || (ports.put_off && !ports.put_off().empty()));
  // Its clients wait, and are not to be turned away when they need not be.
  if (ports.units != nullptr && ports.holds != nullptr) {
    let_whole_parked_go([&](const std::string& package) { return standing_in(db, package); },
                        *ports.units, *ports.holds);
  }
  if (ports.let_all_go) ports.let_all_go();
  // What ran of them is started with all else that did, where that is on record.
  if (ports.end_triggers) ports.end_triggers(!known || !of_its_own);
  if (!known) return {};
  ServicePorts services{*ports.units,    ports.store,           ports.say,      ports.units_of,
                        ports.put_off,   ports.forget_put_off,  ports.own_unit, ports.complaint_of,
                        ports.ends_well, ports.release_upgrade, ports.settle};
  auto units = restore_units(open.run, std::move(*recorded), standing, services);
  if (units) return std::move(*units);
  ports.say(units.error().message);
  return {};
}

void do_what_comes_after(OpenPlan& open, const DbSnapshot& db, FinishPorts& ports) {
  for (std::uint32_t i = 0; i < open.plan.steps.size(); ++i) {
    Step& step = open.plan.steps[i];
    const bool has_end =
        step.island && !(step.island->checks.empty() && step.island->after.empty());
    if (!has_end || !step.afterwards.empty() || !ports.failure_of) continue;
    // A reinstallation that was never begun looks as one that is done.
    const bool looks_alike = step.old_version == step.new_version;
    if (looks_alike && open.states[i] == StepState::Waiting && !was_begun(open, step, ports))
      continue;
    if (!at_new_side(step, db) || standing_in(db, step.package) == Standing::Unfinished) continue;
    const std::string name = display_name(step.package, open.flags.native_arch);
    Staying why;
    if (ports.rebooted) {
      if (!step.island->after.empty()) why = cut_off_by_boot(name);
    } else {
      why = staying_for(step, name, ports.failure_of, step.island->checks, true);
      if (why.trouble.empty())
        why = staying_for(step, name, ports.failure_of, step.island->after, false);
    }
    step.afterwards = afterwards_of(why);
    const Status noted = ports.store.set_afterwards(open.id, i, step.afterwards);
    if (!noted) ports.say(noted.error().message);
  }
}

}  // namespace aptkeep
