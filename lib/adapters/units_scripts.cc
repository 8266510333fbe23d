#include "adapters/units_scripts.h"
#include "adapters/admins_policy.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string_view>
#include <system_error>
#include <thread>

#include "adapters/own_root.h"
#include "adapters/snapshot_tool.h"
#include "adapters/units_systemctl.h"
#include "core/unit.h"

namespace aptkeep {
namespace {

using snapshot::run_tool;

constexpr std::string_view kService = ".service";
constexpr const char* kScripts = "/etc/init.d/";
// Where links say what an init of System V starts, in the order of their names ("S03cron").
constexpr std::array kLevels = {"/etc/rc2.d", "/etc/rc3.d", "/etc/rc4.d", "/etc/rc5.d"};

std::string script_of(const std::string& unit) {
  return unit.ends_with(kService) ? unit.substr(0, unit.size() - kService.size()) : "";
}

// As "service --status-all" looks for it.
bool tells_status(const std::filesystem::path& script) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(script, error) || ::access(script.c_str(), X_OK) != 0)
    return false;
  std::ifstream file(script, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  // OpenRC's own runs them all.
  return text.find("status)") != std::string::npos || text.starts_with("#!/sbin/openrc-run") ||
         text.starts_with("#!/usr/sbin/openrc-run") || text.find("init-d-script") < 64;
}

// "03" of /etc/rc2.d/S03cron; "": it is not started there.
std::string order_in(const char* level, const std::string& script) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(level, error)) {
    const std::string name = entry.path().filename().string();
    if (name.size() > 3 && name[0] == 'S' && name.substr(3) == script) return name.substr(1, 2);
  }
  return "";
}

// Empty: nothing starts it by itself.
std::string start_order(const std::string& script) {
  for (const char* level : kLevels) {
    if (std::string order = order_in(level, script); !order.empty()) return order;
  }
  return "";
}

// What is started for the boot itself, or for a single user, does its work and ends: to start it
// now could end every process (killprocs).
bool is_of_boot(const std::string& script) {
  return start_order(script).empty() &&
         (!order_in("/etc/rcS.d", script).empty() || !order_in("/etc/rc1.d", script).empty());
}

UnitFacts facts_of(const std::string& unit) {
  UnitFacts facts;
  facts.name = unit;
  facts.load_state = "not-found";
  facts.active_state = "inactive";
  facts.sub_state = "dead";
  const std::string script = script_of(unit);
  if (script.empty() || is_of_boot(script) || !tells_status(kScripts + script)) return facts;
  facts.load_state = "loaded";
  facts.type = "forking";
  facts.file_state = start_order(script).empty() ? "disabled" : "enabled";
  if (run_tool({"timeout", "--kill-after=5", "10", "service", script, "status"})) {
    facts.active_state = "active";
    facts.sub_state = "running";
  }
  return facts;
}

}  // namespace

bool has_init_scripts() {
  if (has_service_manager() || ::access(kScripts, X_OK) != 0) return false;
  std::ifstream file("/proc/1/comm");
  std::string first;
  std::getline(file, first);
  return (first == "init" || first == "openrc-init") && has_own_root("/proc/1");
}

std::unique_ptr<Units> units_here() {
  if (has_service_manager()) return std::make_unique<SystemctlUnits>();
  if (has_init_scripts()) return std::make_unique<ScriptUnits>();
  return nullptr;
}

Result<std::vector<UnitFacts>> ScriptUnits::loaded() {
  std::vector<UnitFacts> units;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(kScripts, error)) {
    UnitFacts unit;
    unit.name = unit_of_path(entry.path().string());
    if (!unit.name.empty() && tells_status(entry.path())) units.push_back(std::move(unit));
  }
  if (error) return Error{std::string("unable to read ") + kScripts + ": " + error.message()};
  return units;
}

Result<std::map<std::string, UnitFacts>> ScriptUnits::ask(const std::vector<std::string>& names) {
  std::map<std::string, UnitFacts> found;
  for (const std::string& name : names) found.emplace(name, facts_of(name));
  return found;
}

Status ScriptUnits::act(const std::string& verb, const std::vector<std::string>& names) {
  if (verb != "start" && verb != "stop" && verb != "restart") return success();
  std::vector<std::pair<std::string, std::string>> scripts;
  for (const std::string& name : names) {
    if (const std::string script = script_of(name); !script.empty())
      scripts.emplace_back(start_order(script), script);
  }
  std::ranges::sort(scripts);
  if (verb == "stop") std::ranges::reverse(scripts);
  Status done = success();
  for (const auto& [order, script] : scripts) {
    const auto its = run_tool({"timeout", "--kill-after=10", "300", "service", script, verb});
    if (!its) done = its.error();
  }
  return done;
}

bool ScriptUnits::may(const std::string& verb, const std::string& name) {
  return !policy_denies(verb, name);
}

bool ScriptUnits::shuts_down() {
  const auto level = run_tool({"runlevel"});
  return level && (level->ends_with(" 0\n") || level->ends_with(" 6\n"));
}

void ScriptUnits::pause(int milliseconds) {
  std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
}

std::string ScriptUnits::journal(const std::string&) {
  return {};
}

}  // namespace aptkeep
