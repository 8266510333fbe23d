// What dpkg is to want of packages after a run.
#include "engine/finish.h"
#include "engine/session.h"

namespace aptkeep {
namespace {

bool is_own(const std::string& package) {
  return package.starts_with("aptkeep:") || package.starts_with("libaptkeep0:");
}

}  // namespace

bool is_unwanted(const std::string& package, const DbSnapshot& db) {
  const auto entry = db.find(package);
  return entry != db.end() && entry->second.state.size() >= 2 && entry->second.state[0] == 'u' &&
         entry->second.state[1] != 'c' && entry->second.state[1] != 'n';
}

std::map<std::string, std::string> wants_of(const Ending& ending, const std::vector<Keep>& active,
                                            const DbSnapshot& db) {
  std::map<std::string, std::string> wants;
  // Whole by now, kept or not: another run has cured it.
  for (const Keep& keep : active) {
    const auto entry = db.find(keep.package);
    if (entry != db.end() && entry->second.configured() && is_unwanted(keep.package, db))
      wants[dpkg_name(keep.package, db)] = "install";
  }
  for (const Keep& keep : ending.keeps) {
    const auto entry = db.find(keep.package);
    if (entry == db.end() || entry->second.state.size() != 2) continue;
    const std::string& state = entry->second.state;
    // What nobody knows the cause of is tried again by the next run, as without aptkeep.
    if (keep.root.empty()) continue;
    // aptkeep itself is mended as if there was no aptkeep.
    if (is_own(keep.package)) continue;
    if (state[0] == 'i' && (state[1] == 'U' || state[1] == 'F'))
      wants[dpkg_name(keep.package, db)] = "unknown";
  }
  // apt has told dpkg to take it away, which a later --pending would do.
  for (const StepOutcome& outcome : ending.outcomes) {
    const std::string& state = outcome.db_state;
    const bool stays = outcome.state == StepState::Kept && outcome.step.new_version.empty();
    if (stays && (state == "ri" || state == "pi"))
      wants[dpkg_name(outcome.step.package, db)] = "install";
  }
  for (const auto& package : ending.lifted) {
    if (is_unwanted(package, db)) wants[dpkg_name(package, db)] = "install";
  }
  return wants;
}

std::map<std::string, std::string> wants_again(const std::vector<Keep>& keeps,
                                               const DbSnapshot& db) {
  std::map<std::string, std::string> wants;
  for (const Keep& keep : keeps) {
    if (is_unwanted(keep.package, db)) wants[dpkg_name(keep.package, db)] = "install";
  }
  return wants;
}

}  // namespace aptkeep
