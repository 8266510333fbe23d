// DPkg::Pre-Install-Pkgs: what the frontend is about to do becomes a plan in the state.
#include <strings.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <optional>
#include <set>
#include <string_view>
#include <system_error>

#include "adapters/apt_bypass.h"
#include "adapters/apt_cache.h"
#include "adapters/apt_rules.h"
#include "adapters/backup_room.h"
#include "adapters/dpkg_db.h"
#include "adapters/islands.h"
#include "adapters/proc.h"
#include "adapters/run_guardian.h"
#include "adapters/run_settings.h"
#include "adapters/run_tools.h"
#include "adapters/units_bus.h"
#include "adapters/units_systemctl.h"
#include "backups.h"
#include "core/config.h"
#include "core/protocol.h"
#include "core/rule_text.h"
#include "core/step_rules.h"
#include "core/way_back.h"
#include "engine/downtime.h"
#include "guards.h"
#include "hook.h"
#include "rules.h"
#include "services.h"

namespace aptkeep::hook {
namespace {

bool is_prefix_nocase(std::string_view prefix, const std::string& text) {
  return text.size() >= prefix.size() &&
         ::strncasecmp(prefix.data(), text.data(), prefix.size()) == 0;
}

// Whether a person hands dpkg an option that begins so, in each of its calls.
std::vector<std::string> dpkg_options(const Conversation& conversation) {
  std::vector<std::string> options;
  for (const auto& [key, value] : conversation.configuration) {
    if (is_prefix_nocase("DPkg::Options::", key) && !value.empty()) options.push_back(value);
  }
  return options;
}

bool has_dpkg_option(const Conversation& conversation, std::string_view option) {
  return std::ranges::any_of(dpkg_options(conversation),
                             [&](const std::string& given) { return given.starts_with(option); });
}

// apt can work on another system from outside; our state and dpkg's database are those of this one.
// With --no-act nothing happens on any.
bool is_for_this_system(const Conversation& conversation) {
  for (const char* key : {"RootDir", "Dir", "DPkg::Chroot-Directory"}) {
    if (conversation.find(key, "/") != "/") return false;
  }
  for (const char* option :
       {"--root", "--instdir", "--admindir", "--no-act", "--dry-run", "--simulate"}) {
    if (has_dpkg_option(conversation, option)) return false;
  }
  return true;
}

// The wrapper of unattended-upgrades names itself, so that a variable which leaked elsewhere does
// not hide another frontend's exit code.
bool is_wrapped(const Frontend& frontend) {
  const char* pid = std::getenv("APTKEEP_WRAPPED");
  return pid != nullptr && std::to_string(frontend.pid) == pid;
}

// Nobody is there who could see that a script hangs, and end it.
bool is_unattended(const Frontend& frontend) {
  const char* debconf = std::getenv("DEBIAN_FRONTEND");
  if (debconf != nullptr && std::string_view(debconf) == "noninteractive") return true;
  std::error_code error;
  const auto input =
      std::filesystem::read_symlink("/proc/" + std::to_string(frontend.pid) + "/fd/0", error);
  const std::string name = input.string();
  return error ||
         !(name.starts_with("/dev/pts/") || name.starts_with("/dev/tty") || name == "/dev/console");
}

PlanFlags flags_of(const Conversation& conversation, const Frontend& frontend) {
  PlanFlags flags;
  flags.bypassed =
      bypasses_launcher(conversation.find("Dir::Bin::dpkg"), conversation.find("DPkg::Path"));
  flags.configure_pending = conversation.find_bool("DPkg::ConfigurePending", true);
  // Where every call has --no-triggers, the last one cannot be told by its lack.
  flags.no_triggers = conversation.find_bool("DPkg::NoTriggers", true) &&
                      !has_dpkg_option(conversation, "--no-triggers");
  flags.quiet_exit = is_wrapped(frontend);
  flags.native_arch = conversation.find("APT::Architecture");
  if (flags.bypassed) flags.log_mark = dpkg_log_mark();
  flags.rollback = conversation.find_bool("Aptkeep::Rollback", true);
  flags.copy_limit = conversation.find_number("Aptkeep::Snapshots::Copy-Limit", 512) << 20;
  flags.keep_runs = conversation.find_number("Aptkeep::Snapshots::Keep-Runs", 0);
  flags.hang_after = conversation.find_number("Aptkeep::Hang-After", 30 * 60);
  flags.unattended = is_unattended(frontend);
  flags.dpkg_options = dpkg_options(conversation);
  return flags;
}

// What a setting says that cannot be understood is as if it was not there; who wrote it is told so.
void complain_about_settings(const Conversation& conversation, const Frontend& frontend) {
  const auto complain_of = [&](const std::string& key, const char* why) {
    complain_once(frontend, "unable to use the setting " + key + ": " + why);
  };
  for (const char* key : {"Aptkeep::Keep-Going", "Aptkeep::Rollback", "Aptkeep::Services"}) {
    const bool either = conversation.find_bool(key, true) && !conversation.find_bool(key, false);
    if (either && !conversation.find(key).empty()) complain_of(key, "it says neither yes nor no");
  }
  for (const char* key : {"Aptkeep::Snapshots::Copy-Limit", "Aptkeep::Snapshots::Keep-Runs",
                          "Aptkeep::Hang-After", "Aptkeep::Backups::Keep-Days"}) {
    if (!conversation.find(key).empty() && conversation.find_number(key, -1) < 0)
      complain_of(key, "it is no whole number of at most nine digits");
  }
}

// What is decided for each step is marked in it; what its guards say, and what is told of services,
// comes back.
struct Applied {
  std::vector<StepDecisions> decisions;  // one for each step; none where there are no rules
  GuardOutcome guards;
  std::vector<TablePackage> services;
  ChecksOfPackages checks;
};

ChecksOfPackages checks_of(const std::vector<Step>& steps,
                           const std::vector<StepDecisions>& decisions) {
  ChecksOfPackages checks;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    ServiceChecks its;
    for (const auto& entry : decisions[i].check_config.entries)
      its.config.push_back(to_string(entry.value));
    for (const auto& entry : decisions[i].probe.entries)
      its.probes.push_back(to_string(entry.value));
    for (const auto& entry : decisions[i].idle.entries) its.idle.push_back(to_string(entry.value));
    for (const auto& entry : decisions[i].reload.entries) its.reload.push_back(entry.value);
    if (decisions[i].service_class && decisions[i].service_class->value == ServiceClass::Never) {
      for (const auto& entry : decisions[i].services.entries) its.never.push_back(entry.value);
      if (its.never.empty()) its.never.emplace_back("*");
    }
    if (!its.never.empty() || !its.config.empty() || !its.probes.empty() || !its.reload.empty())
      checks[steps[i].package] = std::move(its);
  }
  return checks;
}

Applied apply_rules(const Rules& rules, const AptCache& cache, const Conversation& conversation,
                    const PlanFlags& flags, Store& store, std::vector<Step>& steps) {
  const RuleIndex index(rules.rules);
  const auto installed = [&cache](std::string_view name) { return cache.installed_version(name); };
  const RuleFacts facts{compare_versions, installed};
  auto decisions = decide_steps(index, facts, steps);
  want_room_for_backups(paths::kBackups, flags.native_arch, steps, decisions);
  mark_steps(decisions, steps);
  Applied applied;
  GuardOutcome& guards = applied.guards;
  guards = judge_steps(conversation, flags, decisions, store, steps);
  forget_room_for_backups(paths::kBackups, steps);
  if (flags.bypassed) {
    for (const auto& [step, reason] : guards.kept) {
      complain(display_name(steps[step].package, flags.native_arch) +
               " goes on, since this frontend runs dpkg itself: " + reason);
    }
    guards.kept.clear();
  }
  std::vector<std::uint32_t> kept;
  for (const auto& [step, reason] : guards.kept) kept.push_back(step);
  applied.services = table_packages(steps, decisions, kept);
  applied.checks = checks_of(steps, decisions);
  applied.decisions = decisions;
  return applied;
}

// The driver is never called, so this is the only moment before dpkg begins.
void take_all_snapshots(Store& store, const Frontend& frontend) {
  const auto open = store.open_plan(frontend);
  if (!open || !*open) return;
  RunTools tools(store, complain, &**open);
  std::vector<std::string> packages;
  for (const Step& step : (*open)->plan.steps) {
    if (wants_snapshot(step)) packages.push_back(step.package);
  }
  for (const auto& [package, why] : tools.snapshots()->take(packages)) {
    complain("unable to go back from the new " + package + " if it fails: " + why);
  }
}

void take_all_down(Store& store, const Frontend& frontend) {
  auto open = store.open_plan(frontend);
  if (!open || !*open) return;
  RunTools tools(store, complain, &**open);
  NoProgress progress;
  CallPorts ports = tools.call_ports(progress);
  take_down_all(**open, ports);
}

// Without them the run's end does as stock.
void note_settings(const Conversation& conversation, const Frontend& frontend) {
  RunSettings settings = read_run_settings(frontend).value_or(RunSettings{});
  settings.needrestart = conversation.find_bool("Aptkeep::Services::Needrestart", true);
  settings.settle = static_cast<int>(
      std::clamp<std::int64_t>(conversation.find_number("Aptkeep::Services::Settle", 10), 0, 600));
  settings.release_upgrade = in_release_upgrade();
  if (units_by_bus() != nullptr) (void)write_run_settings(frontend, settings);
}

// Configured now. What an earlier run has left otherwise may have its services down for that.
std::set<std::string> whole_packages(RealDatabase& database, const std::vector<Step>& steps) {
  std::set<std::string> whole;
  const auto db = database.read();
  for (const Step& step : steps) {
    const auto found = db ? db->find(step.package) : DbSnapshot::const_iterator();
    if (db && found != db->end() && found->second.configured()) whole.insert(step.package);
  }
  return whole;
}

int begin(const Conversation& conversation, const Frontend& frontend, Store& store,
          std::vector<Step> steps) {
  auto cache = AptCache::open();
  auto plan = cache ? cache->make_plan(std::move(steps)) : Result<Plan>(cache.error());
  if (!plan) {
    complain(plan.error().message);
    return 0;
  }
  const auto flags = flags_of(conversation, frontend);
  complain_about_settings(conversation, frontend);
  drop_old_backups(conversation);
  RealDatabase database;
  if (const auto db = database.read()) note_what_is_there(*db, plan->steps);
  Applied applied;
  const auto rules = usable_rules(frontend, plan->steps);  // decisions point into them
  if (rules) applied = apply_rules(*rules, *cache, conversation, flags, store, plan->steps);
  GuardOutcome& guards = applied.guards;
  if (!guards.stop.empty()) {
    complain("nothing is begun: " + guards.stop);
    return kStop;
  }
  if (!flags.bypassed) find_waiting(*plan, flags.native_arch, guards);
  const bool services = conversation.find_bool("Aptkeep::Services", true);
  BusUnits units;
  applied.decisions.resize(plan->steps.size());
  if (services && has_service_manager()) {
    mark_islands(applied.decisions, units, store, plan->steps);
  } else {
    mark_commands(applied.decisions, plan->steps);
  }
  const auto begun = store.begin_plan(frontend, flags, *plan, now());
  if (!begun) {
    complain_once(frontend, begun.error().message);
    return 0;
  }
  record_kept(store, *begun, plan->steps, guards, flags.native_arch);
  bool many_plans = false;
  if (services) {
    const auto noted = note_services(store, frontend, plan->steps, applied.checks);
    if (!noted.empty())
      add_units_that_ran(noted, cache->needed_within(plan->steps),
                         whole_packages(database, plan->steps), applied.services);
    const bool guarded = (!noted.empty() || flags.quiet_exit) && start_guardian(frontend);
    many_plans = flags.quiet_exit && guarded;
    note_settings(conversation, frontend);
  }
  tell_services(paths::kRunDir, frontend, flags.native_arch, applied.services, many_plans);
  if (flags.bypassed && flags.rollback) take_all_snapshots(store, frontend);
  if (flags.bypassed) take_all_down(store, frontend);
  return 0;
}

}  // namespace

int pre_install() {
  std::cin.sync_with_stdio(false);
  const auto conversation = read_conversation(std::cin);
  if (!conversation) {
    complain(conversation.error().message);
    return 0;
  }
  const auto frontend = own_frontend();
  if (!frontend || !is_for_this_system(*conversation) ||
      !conversation->find_bool("Aptkeep::Keep-Going", true)) {
    return 0;
  }
  auto steps = steps_of(*conversation);
  if (steps.empty()) return 0;
  auto store = Store::open(paths::kStateDb, Store::Mode::ReadWrite);
  if (!store) {
    complain_once(*frontend, store.error().message);
    return 0;
  }
  resume_cut_off(*store);
  ::unlink(paths::kDriverDied);
  forget_services(paths::kRunDir, *frontend);
  want_again(*store, steps);
  return begin(*conversation, *frontend, *store, std::move(steps));
}

}  // namespace aptkeep::hook
