// Packages that an earlier run has left unconfigured: apt names them as to be configured, with the
// versions that it would install, whatever becomes of them.
#include <algorithm>
#include <ctime>
#include <filesystem>
#include <limits>
#include <optional>
#include <set>
#include <system_error>

#include "adapters/admins_policy.h"
#include "command.h"
#include "core/config.h"
#include "core/dpkg_status.h"
#include "core/island.h"
#include "core/unit.h"
#include "now.h"
#include "plan.h"
#include "state/left_down.h"
#include "state/store.h"
#include "state/wanted_again.h"

namespace aptkeep::cli {
namespace {

using PackagesNow = std::map<std::string, Now>;

// Before the first run there is no record.
std::optional<Store> record_of(const std::string& state, std::vector<std::string>& complaints) {
  const std::string path = state.empty() ? paths::kStateDb : state;
  std::error_code error;
  if (!std::filesystem::exists(path, error) && !error) return std::nullopt;
  auto store = Store::open(path, Store::Mode::ReadOnly);
  if (store) return std::move(*store);
  complaints.push_back("unable to tell what is tried again: " + store.error().message);
  return std::nullopt;
}

// By name.
std::set<std::string> wanted_by_the_run(Store& store, const std::vector<SimulatedStep>& simulated,
                                        std::vector<std::string>& complaints) {
  std::vector<Step> steps;
  for (const SimulatedStep& one : simulated) steps.push_back(one.step);
  std::set<std::string> names;
  const auto keeps = store.keeps();
  if (!keeps) {
    complaints.push_back("unable to tell what is tried again: " + keeps.error().message);
    return names;
  }
  for (const Keep& keep : wanted_again(*keeps, steps, std::time(nullptr)))
    names.insert(keep.package);
  return names;
}

void see_what_stays(PlanView& view, const PackagesNow& now, const std::set<std::string>& again) {
  auto& steps = view.simulation.steps;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    Step& step = steps[i].step;
    const auto found = now.find(step.package);
    if (step.action == Action::Configure) {
      if (found == now.end()) {
        throw Failed("unable to plan: dpkg does not know " + step.package +
                     ", which apt-get would configure");
      }
      if (found->second.version != step.new_version) steps[i].origin.clear();
      step.old_version = step.new_version = found->second.version;
      if (view.settings.keep_going && !steps[i].by_name &&
          is_left_unconfigured(found->second.state) && !again.contains(found->first)) {
        view.left[i] = "an earlier run has left it so, and it is not to be tried now";
      }
    }
    if (found == now.end() || found->second.version != step.old_version) continue;
    step.config_version = found->second.config_version;
    step.never_configured = found->second.never_configured;
    step.old_state = found->second.state;
  }
}

// Whether another package, which is not configured now either, goes down and up with it.
bool waits_for_another(const std::string& unit, const PlanView& view, const Step& step,
                       const std::vector<LeftIsland>& islands, const PackagesNow& now) {
  return std::ranges::any_of(islands, [&](const LeftIsland& one) {
    const auto found = now.find(one.step.package);
    const bool unconfigured = one.step.package != step.package && found != now.end() &&
                              found->second.version == one.step.new_version &&
                              is_half_done(found->second.state);
    if (!unconfigured) return false;
    const auto& steps = view.simulation.steps;
    for (std::size_t i = 0; i < steps.size(); ++i) {
      if (steps[i].step.package == one.step.package && view.left[i].empty()) return false;
    }
    return std::ranges::any_of(one.step.island->together, [&](const std::string& pattern) {
      return is_unit_of(unit, pattern);
    });
  });
}

// Of what is left down because of these packages, what may be started and is not.
std::vector<UnitRecord> still_down(Store& store, const std::set<std::string>& packages) {
  const auto records = left_down_with(store, std::numeric_limits<std::int64_t>::max(), packages);
  if (!records) throw Failed(records.error().message);
  std::vector<std::string> names;
  for (const UnitRecord& one : *records) names.push_back(one.name);
  const auto facts = names.empty() ? std::vector<UnitFacts>{} : units_shown(names);
  std::vector<UnitRecord> down;
  for (std::size_t i = 0; i < facts.size(); ++i) {
    const UnitRecord& one = (*records)[i];
    const bool wanted = one.wanted && !facts[i].is_up() && !is_wanted_down(one, facts[i]);
    if (wanted && ask_policy("start", one.name) != PolicyAnswer::Denies) down.push_back(one);
  }
  return down;
}

// What goes over a package brings its services up as its own rules say (engine/downtime.h:
// add_left_down); where it is configured as it is, what its run has recorded counts.
PlannedEnd end_of(const PlanView& view, const Step& step, const std::vector<UnitRecord>& down,
                  const std::vector<LeftIsland>& islands, const PackagesNow& now) {
  PlannedEnd end;
  for (const LeftIsland& one : islands) {
    const bool is_it = step.action == Action::Configure && one.step.package == step.package &&
                       one.step.new_version == step.new_version && has_untried_end(one.step);
    if (!is_it) continue;
    end.checks = one.step.island->checks;
    end.after = one.step.island->after;
  }
  for (const UnitRecord& unit : down) {
    const bool its = is_down_because_of(unit, step.package);
    if (its && !waits_for_another(unit.name, view, step, islands, now))
      end.starts.push_back(unit.name);
  }
  return end;
}

void see_what_comes_after(PlanView& view, Store& store, const PackagesNow& now) {
  const auto islands = store.left_islands();
  if (!islands) throw Failed(islands.error().message);
  const auto& steps = view.simulation.steps;
  const auto ends = [&](std::size_t i) {
    const bool configures = steps[i].step.action == Action::Configure || is_replaced(steps[i].step);
    return configures && view.left[i].empty();
  };
  std::set<std::string> packages;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (ends(i)) packages.insert(steps[i].step.package);
  }
  const auto down = view.services_on ? still_down(store, packages) : std::vector<UnitRecord>{};
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (ends(i)) view.ends[i] = end_of(view, steps[i].step, down, *islands, now);
  }
}

}  // namespace

void see_what_is_left(PlanView& view, const std::string& state) {
  const auto& steps = view.simulation.steps;
  view.left.assign(steps.size(), "");
  view.ends.assign(steps.size(), {});
  const auto is_there = [](const SimulatedStep& one) { return one.step.action != Action::Install; };
  if (std::none_of(steps.begin(), steps.end(), is_there)) return;
  auto store = record_of(state, view.complaints);
  const auto now = packages_now(view.settings.native_arch);
  see_what_stays(
      view, now,
      store ? wanted_by_the_run(*store, steps, view.complaints) : std::set<std::string>{});
  if (store && view.settings.keep_going) see_what_comes_after(view, *store, now);
}

}  // namespace aptkeep::cli
