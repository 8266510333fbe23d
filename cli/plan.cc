// aptkeep plan: what an upgrade would do now.
#include "plan.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string_view>
#include <system_error>

#include "adapters/apt_bypass.h"
#include "adapters/apt_cache.h"
#include "adapters/apt_simulate.h"
#include "adapters/backup_room.h"
#include "command.h"
#include "core/config.h"
#include "core/step_rules.h"
#include "known_rules.h"
#include "policy/off_word.h"
#include "text.h"

namespace aptkeep::cli {
namespace {

template <typename T>
T must(Result<T> result) {
  if (!result) {
    throw Failed(result.error().message);
  }
  return std::move(*result);
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// Packages that are given as files: no list of apt's has their versions.
std::vector<std::string> archives(const AptArguments& arguments) {
  std::vector<std::string> found;
  for (const std::string& package : arguments.packages) {
    std::error_code error;
    const auto path = std::filesystem::absolute(package, error);
    if (package.find('/') != std::string::npos && package.ends_with(".deb") && !error) {
      found.push_back(path.lexically_normal().string());
    }
  }
  return found;
}

void read_force_of(PlanView& view, const AptSettings& apt) {
  std::string text;
  for (const std::string& entry : apt.list("Aptkeep::Force")) {
    text += entry + " ";
  }
  Force force = read_force(text + variable("APTKEEP_FORCE"));
  for (const std::string& refused : force.refused) {
    view.complaints.push_back("unable to force " + refused + ": it is no package");
  }
  view.settings.forced = std::move(force.packages);
}

void read_settings(PlanView& view, const AptSettings& apt) {
  view.settings.native_arch = apt.find("APT::Architecture");
  view.settings.keep_going = apt.find_bool("Aptkeep::Keep-Going", true) &&
                             !switches_off(std::getenv("APTKEEP")) &&
                             ::access(paths::kOff, F_OK) != 0;
  view.settings.rollback = apt.find_bool("Aptkeep::Rollback", true);
  view.settings.bypassed = bypasses_launcher(apt.find("Dir::Bin::dpkg"), apt.find("DPkg::Path"));
  view.services_on = apt.find_bool("Aptkeep::Services", true);
  // As the hook sees it, which asks nobody either where debconf is not to.
  const char* debconf = std::getenv("DEBIAN_FRONTEND");
  const bool asks = debconf == nullptr || std::string_view(debconf) != "noninteractive";
  view.settings.person = asks && ::isatty(STDIN_FILENO) == 1;
  read_force_of(view, apt);
}

// Without apt's cache only what the steps themselves say is known, and that is told.
std::optional<AptCache> relations(PlanView& view) {
  for (const SimulatedStep& simulated : view.simulation.steps) {
    view.plan.steps.push_back(simulated.step);
  }
  const std::string cannot = "unable to tell what would stay back with a kept package: ";
  auto cache = AptCache::open(archives(view.arguments));
  if (!cache) {
    view.complaints.push_back(cannot + cache.error().message);
    view.complaints.push_back("rules with When-Installed are left out, for the same reason");
    return std::nullopt;
  }
  auto plan = cache->make_plan(view.plan.steps);
  if (plan) {
    view.plan = std::move(*plan);
  } else {
    view.complaints.push_back(cannot + plan.error().message);
  }
  return std::move(*cache);
}

// As the run does (hooks/apt-hook/pre_install.cc).
void want_room(PlanView& view) {
  const bool any = want_room_for_backups(paths::kBackups, view.settings.native_arch,
                                         view.plan.steps, view.decisions);
  const bool hidden = ::access(paths::kBackups, R_OK) != 0 && errno == EACCES;
  if (any && hidden) {
    view.complaints.push_back(
        "unable to tell how much room backups need: only root may look at earlier ones");
  }
}

void decide_all(PlanView& view, const PlanRequest& request) {
  // Switched off, aptkeep asks no rule.
  static const std::vector<Rule> kNoRules;
  const auto cache = relations(view);
  const RuleFacts facts{compare_versions, [&](std::string_view name) {
                          return cache ? cache->installed_version(name) : std::string();
                        }};
  const RuleIndex index(view.settings.keep_going ? view.rules.rules : kNoRules);
  view.decisions = decide_steps(index, facts, view.plan.steps);
  want_room(view);
  mark_steps(view.decisions, view.plan.steps);
  const bool usual_rules = request.rules.empty() && view.settings.keep_going;
  const std::string fault = usual_rules ? fault_of_never_list(view.rules) : "";
  if (!fault.empty()) {
    view.complaints.push_back(fault);
    for (Step& step : view.plan.steps) {
      step.never_back = fault;
    }
  }
  view.services.resize(view.plan.steps.size());
  if (view.settings.keep_going && view.services_on) {
    view.services =
        services_now(view.plan.steps, view.decisions, cache ? &*cache : nullptr, view.complaints);
  }
  view.guards = guards_now(view.plan.steps, view.decisions, request.state, view.complaints);
  PlanParts parts{view.plan, view.decisions, view.guards, {}, view.left};
  for (const SimulatedStep& simulated : view.simulation.steps) {
    parts.calls.push_back(simulated.call);
  }
  view.planned = plan_upgrade(parts, view.settings);
}

}  // namespace

std::string PlanView::name(std::uint32_t step) const {
  return name_of(plan.steps[step].package, settings.native_arch);
}

bool PlanView::all_well() const {
  return kept.keeps.empty() && std::all_of(planned.begin(), planned.end(), [](const auto& one) {
           return one.judged.unmet.empty() && one.fate != Fate::Kept;
         });
}

int plan(const PlanRequest& request) {
  PlanView view;
  view.arguments = must(read_apt_arguments(request.arguments));
  view.rules = read_known_rules(request.rules);
  view.complaints = view.rules.complaints;
  const AptSettings apt = must(read_apt_settings(view.arguments));
  read_settings(view, apt);
  view.simulation = must(simulate(view.arguments, view.settings.native_arch, compare_versions));
  view.kept = read_kept(request.state, APTKEEP_READ);
  see_what_is_left(view, request.state);
  decide_all(view, request);
  if (request.json) {
    std::cout << plan_json(view) << "\n";
  } else {
    print_plan(view);
  }
  return view.all_well() ? kAllWell : kKept;
}

}  // namespace aptkeep::cli
