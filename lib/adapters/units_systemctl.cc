#include "adapters/units_systemctl.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <iterator>
#include <sstream>
#include <thread>

#include "adapters/admins_policy.h"
#include "adapters/dpkg_files.h"
#include "adapters/drop_ins.h"
#include "adapters/snapshot_tool.h"
#include "core/config.h"
#include "policy/notes.h"

namespace aptkeep {
namespace {

using snapshot::run_tool;

// A line of "systemctl list-units --plain --no-legend": name, load, active, sub, description.
UnitFacts unit_of_line(const std::string& line) {
  UnitFacts unit;
  std::istringstream words(line);
  words >> unit.name >> unit.load_state >> unit.active_state >> unit.sub_state;
  return unit;
}

}  // namespace

Result<std::vector<UnitFacts>> SystemctlUnits::loaded() {
  const auto text = run_tool(
      {"systemctl", "list-units", "--all", "--full", "--plain", "--no-legend", "--no-pager"});
  if (!text) return text.error();
  std::vector<UnitFacts> units;
  std::istringstream lines(*text);
  for (std::string line; std::getline(lines, line);) {
    UnitFacts unit = unit_of_line(line);
    if (!unit.sub_state.empty()) units.push_back(std::move(unit));
  }
  return units;
}

Result<std::map<std::string, UnitFacts>> SystemctlUnits::ask(
    const std::vector<std::string>& names) {
  std::map<std::string, UnitFacts> found;
  if (names.empty()) return found;
  std::vector<std::string> args = show_arguments(names);
  args.insert(args.begin(), "systemctl");
  const auto text = run_tool(args);
  if (!text) return text.error();
  std::vector<UnitFacts> units = parse_show(*text);
  if (units.size() != names.size()) {
    return Error{"unable to ask systemd for units: it answered for " +
                 std::to_string(units.size()) + " of " + std::to_string(names.size())};
  }
  for (std::size_t i = 0; i < names.size(); ++i) found.emplace(names[i], std::move(units[i]));
  judge_drop_ins(found);
  return found;
}

Status SystemctlUnits::act(const std::string& verb, const std::vector<std::string>& names) {
  std::vector<std::string> args = {"timeout", "--kill-after=10", "300", "systemctl", verb, "--"};
  for (const std::string& name : names) {
    if (!name.empty()) args.push_back(name);
  }
  const auto done = run_tool(args);
  return done ? success() : Status(done.error());
}

bool SystemctlUnits::may(const std::string& verb, const std::string& name) {
  return !policy_denies(verb, name);
}

bool SystemctlUnits::shuts_down() {
  const auto state = run_tool({"systemctl", "show", "--property=SystemState", "--value"});
  return state && *state == "stopping\n";
}

void SystemctlUnits::pause(int milliseconds) {
  std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
}

std::string SystemctlUnits::journal(const std::string& unit) {
  const auto text = run_tool({"journalctl", "--quiet", "--no-pager", "--output=cat", "--lines=8",
                              "--since=-10min", "--unit=" + unit});
  return text ? *text : "";
}

namespace {

std::string notes_of(const Frontend& frontend) {
  return std::string(paths::kRunDir) + "/" +
         policy::NotesName(frontend.pid, frontend.start_time).text;
}

}  // namespace

std::vector<PutOff> read_put_off(const Frontend& frontend) {
  std::ifstream file(notes_of(frontend), std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  return parse_put_off(text);
}

void forget_restarts_of(const Frontend& frontend, const std::vector<std::string>& units) {
  const std::string path = notes_of(frontend);
  std::ifstream file(path, std::ios::binary);
  std::string kept;
  bool any = false;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string kind;
    std::string unit;
    words >> kind >> unit;
    const bool forget = kind == policy::kRestart && std::ranges::count(units, unit) > 0;
    any = any || forget;
    if (!forget) kept += line + "\n";
  }
  // No script runs now that could add to it.
  if (any) std::ofstream(path, std::ios::binary | std::ios::trunc) << kept;
}

bool add_put_off(const Frontend& frontend, const std::vector<PutOff>& more) {
  std::string lines;
  for (const PutOff& one : more) lines += to_line(one);
  if (lines.empty()) return true;
  const int file = ::open(notes_of(frontend).c_str(),
                          O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (file < 0) return false;
  const bool written = ::write(file, lines.data(), lines.size()) == std::ssize(lines);
  ::close(file);
  return written;
}

void forget_put_off(const Frontend& frontend) {
  ::unlink(notes_of(frontend).c_str());
}

Result<std::map<std::string, std::vector<std::string>>> units_of_packages(
    const std::vector<std::string>& packages) {
  std::map<std::string, std::vector<std::string>> units;
  if (packages.empty()) return units;
  const auto read = read_dpkg_files(packages);
  if (!read) return read.error();
  for (const PackageFiles& files : read->packages) {
    auto names = units_of_paths(files.paths);
    if (!names.empty()) units.emplace(files.package, std::move(names));
  }
  return units;
}

}  // namespace aptkeep
