// Below dpkg's own hook before a plain dpkg call: what is about to be replaced in it, and has
// services that must not run or start meanwhile, is taken down for as long as the call takes.
// dpkg's hook after it lets it go; so do the packages' own scripts.
#include <unistd.h>

#include <sstream>

#include "adapters/apt_cache.h"
#include "adapters/dpkg_db.h"
#include "adapters/proc.h"
#include "adapters/run_guardian.h"
#include "adapters/run_tools.h"
#include "adapters/snapshot_tool.h"
#include "adapters/units_bus.h"
#include "core/config.h"
#include "core/step_rules.h"
#include "engine/downtime.h"
#include "engine/plain.h"
#include "hook.h"
#include "rules.h"
#include "services.h"

namespace aptkeep::hook {
namespace {

// What it is of, by dpkg-deb; none where that is no archive, and dpkg will say so.
std::optional<Step> step_of(const std::string& archive, const std::string& native,
                            const DbSnapshot& db) {
  const auto fields = snapshot::run_tool({"dpkg-deb",
                                          "--showformat=${Package} ${Architecture} "
                                          "${Version}",
                                          "--show", "--", archive});
  if (!fields) return std::nullopt;
  std::istringstream words(*fields);
  std::string name;
  std::string arch;
  Step step;
  if (!(words >> name >> arch >> step.new_version)) return std::nullopt;
  step.package = name + ":" + (arch == "all" ? native : arch);
  step.archive = archive;
  const auto installed = db.find(step.package);
  if (installed == db.end() || !installed->second.configured()) return std::nullopt;
  step.old_version = installed->second.version;
  return step;
}

std::vector<Step> steps_of(const std::vector<std::string>& arguments, const DbSnapshot& db) {
  const std::string native = native_architecture();
  std::vector<Step> steps;
  for (const std::string& archive : arguments) {
    if (archive.starts_with('-') || ::access(archive.c_str(), R_OK) != 0) continue;
    if (auto step = step_of(archive, native, db)) steps.push_back(std::move(*step));
  }
  return steps;
}

}  // namespace

void plain(const std::vector<std::string>& arguments) {
  RealDatabase database;
  const auto db = database.read();
  auto store = Store::open(paths::kStateDb, Store::Mode::ReadWrite);
  if (!db || !store || !has_service_manager()) return;
  OpenPlan open;
  open.plan.steps = steps_of(arguments, *db);
  if (open.plan.steps.empty()) return;
  open.flags.native_arch = native_architecture();
  open.states.assign(open.plan.steps.size(), StepState::Waiting);
  const auto rules = usable_rules({}, open.plan.steps);
  std::vector<StepDecisions> decisions(open.plan.steps.size());
  const auto installed = [&](std::string_view name) {
    const auto found = db->find(std::string(name) + ":" + open.flags.native_arch);
    return found == db->end() ? std::string() : found->second.version;
  };
  if (rules) {
    const RuleIndex index(rules->rules);
    decisions = decide_steps(index, RuleFacts{compare_versions, installed}, open.plan.steps);
  }
  BusUnits units;
  mark_islands(decisions, units, *store, open.plan.steps);
  // Only its services: nobody who calls dpkg expects commands of it, nor would those that come
  // after be run. And nobody can say when what is only unpacked is configured: its clients are not
  // to wait for that.
  const bool only_unpacks = plain_call(arguments).only_unpacks;
  bool parks = false;
  for (Step& step : open.plan.steps) {
    if (!step.island) continue;
    step.island->backup.clear();
    step.island->before.clear();
    if (only_unpacks) step.island->parked.clear();
    parks = parks || !step.island->parked.empty();
  }
  const auto dpkg = dpkg_ancestor();
  // Whoever is killed, clients are not to wait for ever.
  if (parks && (!dpkg || !start_guardian(dpkg->process))) {
    for (Step& step : open.plan.steps) {
      if (step.island) step.island->parked.clear();
    }
  }
  RunTools tools(*store, complain);
  NoProgress progress;
  CallPorts ports = tools.call_ports(progress);
  RunHolds holds;
  ports.units = &units;
  ports.holds = &holds;
  take_down_all(open, ports);
}

}  // namespace aptkeep::hook
