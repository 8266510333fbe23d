// aptkeep status: what is kept, why, and what to type next.
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "adapters/apt_cache.h"
#include "command.h"
#include "core/config.h"
#include "keeps.h"
#include "now.h"
#include "record.h"
#include "text.h"

namespace aptkeep::cli {
namespace {

constexpr std::size_t kLinesOfStory = 8;  // of output; `explain` has them all

void tell_security(const Kept& kept) {
  for (const aptkeep_keep& keep : kept.keeps) {
    if (keep.security != 0) {
      std::cout << loud("SECURITY: the security update " + kept.name(keep) + " " + keep.version +
                        " is not in effect")
                << "\n";
    }
  }
}

// What a file of the person's says of a version that is pinned away, for the end of a line.
std::string outdone(const Kept& kept, const std::string& package, const std::string& version) {
  for (const OutdonePin& pin : kept.outdone) {
    if (pin.package == package && pin.version == version) {
      return pin.file + " gives that version the priority " + std::to_string(pin.priority) +
             ", so that apt tries it all the same";
    }
  }
  return {};
}

std::string outdone_line(const Kept& kept, const aptkeep_keep& keep) {
  const std::string line = outdone(kept, keep.package, keep.version);
  return line.empty() ? line : "  pinned away in vain: " + harmless(line) + "\n";
}

void tell_waiting(const Kept& kept, const aptkeep_keep& keep, const std::string& indent) {
  std::cout << indent << headline(kept, keep) << "\n";
  for (const std::string& reason : reasons(keep)) {
    std::cout << indent << "  " << reason << "\n";
  }
  std::cout << shortcomings(kept, keep, indent + "  ");
}

void tell_all(const Kept& kept) {
  for (const aptkeep_keep& keep : kept.keeps) {
    if (keep.failed == 0) {
      continue;
    }
    std::cout << "\n"
              << headline(kept, keep) << "\n"
              << story(keep, kLinesOfStory) << shortcomings(kept, keep, "  ")
              << outdone_line(kept, keep) << advice(kept, keep);
    const auto waiting = kept.waiting_for(keep);
    if (!waiting.empty()) {
      std::cout << "  with it:\n";
    }
    for (const aptkeep_keep& other : waiting) {
      tell_waiting(kept, other, "    ");
    }
  }
  for (const aptkeep_keep& keep : kept.keeps) {
    if (keep.failed == 0 && root_of(kept, keep) == nullptr) {
      std::cout << "\n";
      tell_waiting(kept, keep, "");
    }
  }
}

void tell_blocked(const Kept& kept) {
  const auto json = nlohmann::json::parse(aptkeep_keeps_json(kept.handle.get()));
  if (!json["blocked"].empty()) {
    std::cout << "\nHeld back because they would remove a kept package:\n";
  }
  for (const auto& blocked : json["blocked"]) {
    const std::string version = blocked["version"].get<std::string>();
    const std::string but = outdone(kept, blocked["package"], version);
    std::cout << "  " << name_of(blocked["package"], kept.native_arch) << " " << harmless(version)
              << ": " << harmless(blocked["reason"].get<std::string>())
              << (but.empty() ? "" : "; but " + harmless(but)) << "\n";
  }
}

// Whether a run without an end has changed anything, as far as dpkg knows: where another program
// that apt asks has refused it (apt-listbugs, say), nothing is cut off and nothing to be finished.
bool was_begun(const Kept& kept, std::int64_t run) {
  const auto report = read_report(kept.state, run);
  const auto packages = packages_now(kept.native_arch);
  const std::vector<aptkeep_step> all = steps(report);
  return std::any_of(all.begin(), all.end(), [&](const aptkeep_step& step) {
    const auto now = packages.find(step.package);
    const bool there = now != packages.end() && now->second.state.size() == 2 &&
                       now->second.state[1] != 'c' && now->second.state[1] != 'n';
    const bool as_before =
        there && is_whole(now->second) && now->second.version == step.old_version;
    const bool untouched = *step.old_version == '\0' ? !there : as_before;
    return step.outcome != APTKEEP_WAITING || !untouched;
  });
}

// What a run that has not ended did is not among the keeps yet.
void tell_unended(const aptkeep_run& run) {
  std::cout << "Run " << run.id << (run.cut_off != 0 ? " was cut off" : " is at work")
            << ": see aptkeep report " << run.id << "\n";
  if (run.cut_off != 0) {
    std::cout << "  to finish it: " << as_root() << "aptkeep resume\n";
  }
}

// What the way back of some package moved away, in this run or one long ago: nobody but a person
// removes it. Only root may read what is in the folder; it is there only while something is in it.
void tell_set_aside() {
  namespace fs = std::filesystem;
  std::error_code error;
  if (!fs::exists(paths::kSetAside, error)) {
    return;
  }
  std::cout << "\nWhat was in the way of packages that went back is in " << paths::kSetAside
            << ":\nlook through it, and remove it when nobody needs it any more.\n";
  std::vector<std::string> places;
  for (const auto& run : fs::directory_iterator(paths::kSetAside, error)) {
    for (const auto& package : fs::directory_iterator(run.path(), error)) {
      for (const auto& one : fs::directory_iterator(package.path(), error)) {
        places.push_back(one.path().string());
      }
    }
  }
  std::sort(places.begin(), places.end());
  for (const std::string& place : places) {
    std::cout << "  " << harmless(place) << "\n";
  }
}

// What failed is on record, or it was done without aptkeep: while that was switched off, or had no
// room for a record. dpkg knows of it all the same. Not what is only unpacked: a person may mean it
// so.
std::vector<Now> failed_off_record(const Kept& kept, const std::string& state) {
  std::vector<Now> failed;
  if (!state.empty()) {
    return failed;
  }
  const auto packages = kept.keeps.empty() ? packages_now(kept.native_arch) : kept.now;
  for (const auto& [package, now] : packages) {
    const bool half_done = now.state.size() > 2 ||
                           (now.state.size() == 2 && (now.state[1] == 'F' || now.state[1] == 'H'));
    if (half_done && kept.named(package).empty()) {
      failed.push_back(now);
    }
  }
  return failed;
}

void tell_off_record(const std::vector<Now>& failed) {
  if (failed.empty()) {
    return;
  }
  std::cout << "Not finished, and aptkeep has no record of why:\n";
  for (const Now& now : failed) {
    std::cout << "  " << now.name << " " << now.version << " (" << now.state << ")\n";
  }
  std::cout << "  next: " << as_root() << "dpkg --configure -a; dpkg --audit says more\n";
}

// `cut_off` false: what the library takes for a run that was cut off was not begun.
std::string with_off_record(const std::string& status, bool cut_off,
                            const std::vector<Now>& failed) {
  auto json = nlohmann::ordered_json::parse(status);
  if (!cut_off) {
    json["cut_off"] = nullptr;
    json["all_well"] = json["keeps"].empty();
  }
  if (failed.empty()) {
    return json.dump(2);
  }
  json["all_well"] = false;
  json["off_record"] = nlohmann::json::array();
  for (const Now& now : failed) {
    json["off_record"].push_back(
        {{"package", now.name}, {"version", now.version}, {"dpkg_state", now.state}});
  }
  return json.dump(2);
}

// docs/report.schema.json, kind "status".
std::string nothing_yet() {
  return nlohmann::ordered_json{{"format", 1},
                                {"kind", "status"},
                                {"aptkeep", aptkeep_version()},
                                {"all_well", true},
                                {"native_architecture", nullptr},
                                {"cut_off", nullptr},
                                {"keeps", nlohmann::json::array()},
                                {"blocked", nlohmann::json::array()}}
      .dump(2);
}

}  // namespace

int status(const std::string& state, bool json) {
  Kept kept = read_kept(state, APTKEEP_READ);
  const RunsHandle newest = kept.state ? read_runs(kept.state, 1) : nullptr;
  const std::vector<aptkeep_run> runs = all(newest);
  const bool recorded = !runs.empty() && runs.front().ended == 0;
  const bool refused =
      recorded && runs.front().cut_off != 0 && state.empty() && !was_begun(kept, runs.front().id);
  const bool unended = recorded && !refused;
  const bool cut_off = unended && runs.front().cut_off != 0;
  // While a run is at work packages are in between.
  const auto failed = unended && !cut_off ? std::vector<Now>{} : failed_off_record(kept, state);
  const bool well = kept.keeps.empty() && !cut_off && failed.empty();
  if (json) {
    const std::string status = kept.handle ? aptkeep_keeps_json(kept.handle.get()) : nothing_yet();
    std::cout << with_off_record(status, cut_off, failed) << "\n";
    return well ? kAllWell : kKept;
  }
  if (::access(paths::kOff, F_OK) == 0) {
    std::cout << "aptkeep is switched off by " << paths::kOff << ".\n";
  }
  if (unended) {
    tell_unended(runs.front());
  }
  if (refused) {
    std::cout << "Run " << runs.front().id << " was not begun: nothing is to be finished.\n";
  }
  if (kept.keeps.empty()) {
    std::cout << (kept.state ? "No package is kept back.\n" : "Nothing was recorded yet.\n");
    tell_off_record(failed);
    tell_set_aside();
    return well ? kAllWell : kKept;
  }
  if (state.empty()) {
    if (auto found = AptCache::outdone_pins(); found) kept.outdone = std::move(*found);
  }
  tell_security(kept);
  std::cout << counted(kept.keeps.size(), "package")
            << (kept.keeps.size() == 1 ? " is kept back.\n" : " are kept back.\n");
  tell_all(kept);
  tell_blocked(kept);
  if (!failed.empty()) {
    std::cout << "\n";
  }
  tell_off_record(failed);
  tell_set_aside();
  return kKept;
}

}  // namespace aptkeep::cli
