// Packages that an earlier run has left unconfigured: apt names them as to be configured, with the
// versions that it would install, whatever becomes of them.
#include <algorithm>
#include <ctime>
#include <filesystem>
#include <set>
#include <system_error>

#include "command.h"
#include "core/config.h"
#include "core/dpkg_status.h"
#include "now.h"
#include "plan.h"
#include "state/store.h"
#include "state/wanted_again.h"

namespace aptkeep::cli {
namespace {

// By name; before the first run there is no record.
std::set<std::string> wanted_by_the_run(const std::vector<Step>& steps, const std::string& state,
                                        std::vector<std::string>& complaints) {
  const std::string path = state.empty() ? paths::kStateDb : state;
  std::error_code error;
  if (!std::filesystem::exists(path, error) && !error) {
    return {};
  }
  auto store = Store::open(path, Store::Mode::ReadOnly);
  const auto keeps = store ? store->keeps() : Result<std::vector<Keep>>(store.error());
  if (!keeps) {
    complaints.push_back("unable to tell what is tried again: " + keeps.error().message);
    return {};
  }
  std::set<std::string> names;
  for (const Keep& keep : wanted_again(*keeps, steps, std::time(nullptr))) {
    names.insert(keep.package);
  }
  return names;
}

}  // namespace

void see_what_is_left(PlanView& view, const std::string& state) {
  const auto is_configured = [](const SimulatedStep& one) {
    return one.step.action == Action::Configure;
  };
  auto& steps = view.simulation.steps;
  view.left.assign(steps.size(), "");
  if (std::none_of(steps.begin(), steps.end(), is_configured)) {
    return;
  }
  std::vector<Step> all;
  for (const SimulatedStep& one : steps) {
    all.push_back(one.step);
  }
  const auto again = wanted_by_the_run(all, state, view.complaints);
  const auto now = packages_now(view.settings.native_arch);
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (!is_configured(steps[i])) {
      continue;
    }
    const auto found = now.find(steps[i].step.package);
    if (found == now.end()) {
      throw Failed("unable to plan: dpkg does not know " + steps[i].step.package +
                   ", which apt-get would configure");
    }
    if (found->second.version != steps[i].step.new_version) {
      steps[i].origin.clear();
    }
    steps[i].step.old_version = steps[i].step.new_version = found->second.version;
    if (view.settings.keep_going && !steps[i].by_name &&
        is_left_unconfigured(found->second.state) && !again.contains(found->first)) {
      view.left[i] = "an earlier run has left it so, and it is not to be tried now";
    }
  }
}

}  // namespace aptkeep::cli
