#include "outdated.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>

#include "adapters/apt_rules.h"
#include "adapters/run_settings.h"
#include "adapters/snapshot_tool.h"
#include "adapters/units_systemctl.h"
#include "core/config.h"
#include "engine/outdated.h"
#include "hook.h"
#include "services.h"

namespace aptkeep::hook {
namespace {

constexpr const char* kNeedrestart = "/usr/sbin/needrestart";
// Its dpkg hook makes the first where something was unpacked, the second where dpkg named an error;
// its apt hook begins where the first is there, and skips itself where the second is.
constexpr const char* kUnpacked = "/run/needrestart/unpacked";
constexpr const char* kErrored = "/run/needrestart/errored";

bool is_set(const char* variable) {
  const char* const value = std::getenv(variable);
  return value != nullptr && *value != '\0';
}

bool is_due() {
  return ::access(kNeedrestart, X_OK) == 0 && ::access(kUnpacked, F_OK) == 0 &&
         !is_set("NEEDRESTART_SUSPEND");
}

// Whether it would ask a question now, after a run that went well.
bool can_ask() {
  const char* const debconf = std::getenv("DEBIAN_FRONTEND");
  if (debconf != nullptr && std::string_view(debconf) == "noninteractive") return false;
  if (::access(kErrored, F_OK) == 0) return false;
  return ::isatty(0) != 0 || ::isatty(1) != 0 || ::isatty(2) != 0;
}

void take_its_turn() {
  ::unlink(kUnpacked);
  ::unlink(kErrored);
}

Result<Outdated> find_outdated(bool terminal) {
  const auto text = snapshot::run_tool(
      {"timeout", "--kill-after=5", "60", paths::kOutdated, terminal ? "terminal" : "nobody"});
  if (text) return parse_outdated(*text);
  // What the program itself said, behind "unable to run timeout".
  const std::string& why = text.error().message;
  return Error{"unable to ask needrestart" + why.substr(std::min(why.find(": "), why.size()))};
}

std::vector<std::string> names_in(const Outdated& found) {
  std::vector<std::string> names = found.units;
  names.insert(names.end(), found.left.begin(), found.left.end());
  for (const Outdated::Special& special : found.special) {
    if (special.name.ends_with(".service")) names.push_back(special.name);
  }
  return names;
}

// Those that need an answer within the time that a service may take to restart.
void run_programs(const std::vector<std::string>& programs) {
  for (const std::string& program : programs) {
    const auto done = snapshot::run_tool({"timeout", "--kill-after=5", "120", program});
    if (!done) complain(done.error().message);
  }
}

// True: needrestart's own hook has nothing left to do.
bool take_over(Store& store, const Frontend& frontend, const Outdated& found) {
  const auto run = store.run_of_process(frontend);
  if (!run || *run == 0) return false;
  const auto units = units_by_bus();
  if (units == nullptr || units->shuts_down()) return false;
  const auto now = units->ask(names_in(found));
  const auto rules = read_rules(rule_folders());
  if (!now || !rules) return false;
  const auto settings = read_run_settings(frontend);
  const bool release_upgrade = settings && settings->release_upgrade;
  const OutdatedPlan plan = plan_outdated(found, *now, rules->rules, release_upgrade);
  if (!store.note_units(*run, plan.records) || !add_put_off(frontend, plan.put_off)) return false;
  run_programs(plan.programs);
  for (const std::string& words : found.other)
    complain("needrestart finds in use what was replaced: " + words);
  return true;
}

}  // namespace

void ask_needrestart(Store& store, const Frontend& frontend) {
  const auto settings = read_run_settings(frontend);
  if (!settings || !settings->needrestart || !is_due()) return;
  const auto found = find_outdated(can_ask());
  if (!found) return complain(found.error().message);
  if (found->mode == Outdated::Mode::Ask) return;
  if (take_over(store, frontend, *found)) take_its_turn();
}

void leave_needrestart_to_guardian(const Frontend& frontend) {
  auto settings = read_run_settings(frontend);
  if (!settings || !settings->needrestart || !is_due()) return;
  settings->at_its_end = true;
  if (write_run_settings(frontend, *settings)) take_its_turn();
}

void ask_needrestart_for(const Frontend& frontend) {
  const auto settings = read_run_settings(frontend);
  if (!settings || !settings->at_its_end || ::access(kNeedrestart, X_OK) != 0) return;
  auto store = Store::open(paths::kStateDb, Store::Mode::ReadWrite);
  if (!store) return complain(store.error().message);
  const auto found = find_outdated(false);
  if (!found) return complain(found.error().message);
  (void)take_over(*store, frontend, *found);
}

}  // namespace aptkeep::hook
