// aptkeep services [restart]: what ran before the last run and does not now, and what else that run
// could not start, or did not restart. And what an earlier one has left down on purpose, what is
// held, and what a run that is at work leaves to its end.
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <set>
#include <string_view>
#include <system_error>

#include "command.h"
#include "core/config.h"
#include "core/unit.h"
#include "keeps.h"
#include "now.h"
#include "policy/notes.h"
#include "policy/parked.h"
#include "state/store.h"
#include "text.h"

namespace aptkeep::cli {
namespace {

constexpr std::size_t kLines = 8;
constexpr std::size_t kLinesOfCheck = 100;  // what is to be edited, perhaps

struct Recorded {
  UnitRecord unit;
  std::int64_t run = 0;
  std::int64_t ended = 0;  // the run: seconds since the epoch
};

struct Record {
  std::vector<UnitRecord> newest;  // all of the newest run; none where nothing was recorded yet
  std::vector<Recorded> troubles;  // its first
  std::int64_t run = 0;            // the newest
  std::vector<std::string> afterwards = {};  // what its packages' rules wanted done, and is not
};

// Of all runs: a night's upgrade comes between a failure and who reads of it.
std::vector<std::string> not_done_after(Store& store, const std::string& native_arch) {
  auto left = store.left_islands();
  if (!left) throw Failed(left.error().message);
  std::erase_if(*left, [](const LeftIsland& one) { return trouble_after(one.step).empty(); });
  std::vector<std::string> troubles;
  const auto now = left->empty() ? std::map<std::string, Now>{} : packages_now(native_arch);
  for (const LeftIsland& one : *left) {
    const auto found = now.find(one.step.package);
    if (found != now.end() && is_whole(found->second) &&
        found->second.version == one.step.new_version)
      troubles.push_back(trouble_after(one.step));
  }
  return troubles;
}

Record recorded(const std::string& state) {
  auto store = Store::open(state.empty() ? paths::kStateDb : state, Store::Mode::ReadOnly);
  if (!store) throw Failed(store.error().message);
  const auto runs = store->runs(1);
  if (!runs) throw Failed(runs.error().message);
  if (runs->empty()) return {};
  const RunSummary& newest = runs->front();
  Record record{{}, {}, newest.id, not_done_after(*store, newest.native_arch)};
  auto units = store->units(newest.id);
  if (!units) throw Failed(units.error().message);
  record.newest = std::move(*units);
  for (const UnitRecord& unit : record.newest) {
    if (!unit.trouble.empty()) record.troubles.push_back({unit, newest.id, newest.ended});
  }
  const auto earlier = store->units_in_trouble(newest.id);
  if (!earlier) throw Failed(earlier.error().message);
  for (const auto& [run, left] : *earlier) {
    const auto report = store->report(run);
    if (!report) throw Failed(report.error().message);
    const std::int64_t ended = *report ? (*report)->summary.ended : 0;
    for (const UnitRecord& unit : left) record.troubles.push_back({unit, run, ended});
  }
  return record;
}

// Started again since then. What was not well can only be asked again.
bool is_over(const UnitRecord& unit, const UnitFacts& now, std::int64_t ended) {
  return now.is_up() && now.up_since >= ended && !unit.trouble.starts_with(kUnwell);
}

// By name; empty where there is no systemd to ask.
std::map<std::string, UnitFacts> units_now(const std::vector<Recorded>& units) {
  std::vector<std::string> names;
  for (const Recorded& one : units) names.push_back(one.unit.name);
  std::vector<UnitFacts> found = units_shown(names);
  std::map<std::string, UnitFacts> now;
  for (std::size_t i = 0; i < found.size(); ++i) {
    now.emplace(units[i].unit.name, std::move(found[i]));
  }
  return now;
}

// What aptkeep leaves to its package, since it is no unit of the system's.
void tell_users(const std::vector<UnitRecord>& units) {
  for (const UnitRecord& unit : units) {
    if (!unit.name.starts_with(kUsers)) continue;
    std::cout << harmless(unit.name.substr(kUsers.size())) << " of users ("
              << harmless(unit.package.substr(0, unit.package.find(':')))
              << "): is left to its package\n";
  }
}

std::set<std::string> names_in(const std::string& folder) {
  std::error_code error;
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with('.')) names.insert(name);
  }
  return names;
}

std::string text_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// What is held or parked at this moment, by the names in their folders: whose it is only root may
// read. True: something is held.
bool tell_held() {
  const std::string run(paths::kRunDir);
  const auto parked = names_in(run + "/" + policy::kParkedDir);
  for (const std::string& name : parked) {
    std::cout << harmless(name) << ": is parked: its clients wait until its package is replaced\n";
  }
  bool held = false;
  const std::string folder = run + "/" + policy::kHoldsDir + "/";
  for (const std::string& name : names_in(folder)) {
    // A parked one's sockets listen.
    const bool listens = !parked.empty() && !name.ends_with(".service");
    if (parked.contains(name) || listens) continue;
    std::cout << harmless(name) << ": is held: nothing starts it until its package is configured\n";
    held = true;
  }
  return held;
}

std::string put_off_words(const PutOff& one) {
  switch (one.kind) {
    case PutOff::Kind::Restart:
      return "is restarted at the end of the run that is at work";
    case PutOff::Kind::Failed:
      return "could not be started, which is tried again at the end of the run that is at work";
    case PutOff::Kind::Reboot:
      return std::string(kUntilReboot);
    case PutOff::Kind::Users:
    case PutOff::Kind::Listed:
    case PutOff::Kind::Left:
      break;  // told when it has ended
  }
  return {};
}

// What a run that is at work leaves to its end, as far as one may read that. True: there is any.
bool tell_put_off() {
  constexpr std::string_view kNotes = policy::kNotesPrefix;
  const std::string run(paths::kRunDir);
  bool any = false;
  for (const std::string& name : names_in(run)) {
    if (!name.starts_with(kNotes)) continue;
    const std::string pid = name.substr(kNotes.size(), name.rfind('-') - kNotes.size());
    // Of one that is gone its guardian sees to it.
    if (::access(("/proc/" + pid).c_str(), F_OK) != 0) continue;
    for (const PutOff& one : parse_put_off(text_of(run + "/" + name))) {
      const std::string words = put_off_words(one);
      if (words.empty()) continue;
      std::cout << harmless(one.unit) << " ("
                << harmless(one.package.substr(0, one.package.find(':'))) << "): " << words << "\n";
      any = true;
    }
  }
  return any;
}

}  // namespace

int services(const std::string& state) {
  const auto [newest, troubles, last, afterwards] = recorded(state);
  tell_users(newest);
  const bool held = tell_held();
  const bool waits = tell_put_off();
  const auto now = troubles.empty() ? std::map<std::string, UnitFacts>{} : units_now(troubles);
  std::size_t left = 0;
  std::set<std::string> told;  // why what stays down does
  std::string said;            // what a check said of several
  for (const auto& [unit, run, ended] : troubles) {
    const auto facts = now.find(unit.name);
    const bool over = facts != now.end() && is_over(unit, facts->second, ended);
    // Told long ago, and by nobody who could be asked.
    const bool is_known = facts != now.end();
    if (run != last && (!is_known || is_trouble_over(unit, facts->second, ended))) continue;
    left += over ? 0 : 1;
    std::cout << harmless(unit.name);
    if (!unit.package.empty()) {
      std::cout << " (" << harmless(unit.package.substr(0, unit.package.find(':'))) << ")";
    }
    std::cout << ": " << (over ? "runs again" : harmless(unit.trouble)) << "\n";
    if (over) continue;
    const bool checked = unit.trouble.starts_with(kStaysDown);
    if (checked) told.insert(unit.trouble.substr(kStaysDown.size()));
    std::cout << "  it was " << harmless(unit.state) << " when "
              << (run == last ? "the run" : "run " + std::to_string(run)) << " began";
    if (facts != now.end()) std::cout << ", and is " << harmless(state_text(facts->second));
    std::cout << "\n";
    if (checked && unit.journal == said) continue;
    std::cout << quoted(unit.journal, checked ? kLinesOfCheck : kLines);
    if (checked) said = unit.journal;
  }
  for (const std::string& trouble : afterwards) {
    if (!told.contains(trouble)) std::cout << harmless(trouble) << "\n";
  }
  if (left == 0 && afterwards.empty()) {
    if (!held && !waits) std::cout << "All that ran before the last run runs.\n";
    return kAllWell;
  }
  std::cout << "To try again: aptkeep services restart\n";
  return kKept;
}

int restart_services() {
  need_root("restart services");
  const int ended = run({paths::kDriver, "restore-services"});
  return ended == 0 ? kAllWell : ended == 1 ? kKept : kError;
}

}  // namespace aptkeep::cli
