#include "engine/over.h"

#include <algorithm>

#include "engine/session.h"

namespace aptkeep {
namespace {

bool is_there(const std::string& state) {
  return state.size() > 1 && state[1] != 'c' && state[1] != 'n';
}

bool is_newcomer(const Keep& keep) {
  return keep.old_version.empty() && !keep.version.empty();
}

// Gone, or whole at a version that is not the one that was kept back from. Not of a newcomer that
// is gone: that depends on the others.
bool is_over(const Keep& keep, const DbSnapshot& db) {
  const auto entry = db.find(keep.package);
  const bool there = entry != db.end() && entry->second.state.size() > 1;
  if (there && keep.failed && keep.phase == Phase::Purge) return false;
  if (!there || entry->second.state[1] == 'c') return !is_newcomer(keep);
  if (is_half_done(entry->second.state)) return false;
  // Its removal failed, and it is still there; what has been upgraded since is wanted.
  if (keep.version.empty()) return entry->second.version != keep.old_version;
  return entry->second.version != keep.old_version || keep.old_version == keep.version;
}

// Whether a new package is wanted for the other's sake: not for what is not there either, nor for
// what was to be removed.
bool waits_for(const Keep& other, const Keep& newcomer, const DbSnapshot& db) {
  if (other.failed || other.root != newcomer.package || other.package == newcomer.package)
    return false;
  if (other.version.empty()) return false;
  return !is_newcomer(other) || is_there(state_in(db, other.package));
}

// Something that was installed waited for it, or it was there itself, when that was recorded; and
// nothing waits for it now.
bool is_wanted_no_more(const Keep& newcomer, const std::vector<Keep>& active,
                       const std::set<std::string>& over, const DbSnapshot& db) {
  if (is_there(state_in(db, newcomer.package))) return false;
  bool was_wanted = is_there(newcomer.db_state);
  for (const auto& other : active) {
    if (!waits_for(other, newcomer, db)) continue;
    if (!over.contains(other.package)) return false;
    was_wanted = true;
  }
  return was_wanted;
}

}  // namespace

std::vector<std::string> over_now(const std::vector<Keep>& active,
                                  const std::set<std::string>& kept_now, const DbSnapshot& db) {
  std::set<std::string> over;
  for (const auto& keep : active) {
    if (!kept_now.contains(keep.package) && is_over(keep, db)) over.insert(keep.package);
  }
  for (const auto& keep : active) {
    if (!is_newcomer(keep) || kept_now.contains(keep.package)) continue;
    if (is_wanted_no_more(keep, active, over, db)) over.insert(keep.package);
  }
  std::vector<std::string> lifted;
  for (const auto& keep : active) {
    // What is unfinished waits for yet another.
    const bool with_its_root =
        !keep.failed && over.contains(keep.root) && !is_half_done(state_in(db, keep.package));
    if (kept_now.contains(keep.package)) continue;
    if (over.contains(keep.package) || with_its_root) lifted.push_back(keep.package);
  }
  return lifted;
}

std::vector<std::string> gone_since(const std::vector<Keep>& active,
                                    const std::set<std::string>& kept_now,
                                    const std::vector<std::string>& over, const DbSnapshot& db) {
  std::vector<std::string> gone;
  for (const auto& keep : active) {
    const bool new_record = kept_now.contains(keep.package) ||
                            std::find(over.begin(), over.end(), keep.package) != over.end();
    const bool left = is_there(keep.db_state) && !is_there(state_in(db, keep.package));
    if (!new_record && left) gone.push_back(keep.package);
  }
  return gone;
}

}  // namespace aptkeep
