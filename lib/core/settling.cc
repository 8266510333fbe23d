#include "core/settling.h"

namespace aptkeep {
namespace {

constexpr int kTold = 1000;    // it said that it is ready, and ends soon if it does not stay
constexpr int kUntold = 2000;  // systemd knows no more than that it was started
constexpr int kRestarted = 3000;
constexpr unsigned kAgainAndAgain = 2;  // starts

bool same(const UnitFacts& one, const UnitFacts& other) {
  return one.active_state == other.active_state && one.restarts == other.restarts &&
         one.start_mark == other.start_mark;
}

bool says_when_ready(const UnitFacts& facts) {
  return facts.type != "simple" && facts.type != "exec" && facts.type != "idle";
}

}  // namespace

// A start by hand has systemd count anew.
unsigned Settling::Seen::restarts() const {
  return facts.restarts < first_restarts ? facts.restarts : facts.restarts - first_restarts;
}

int Settling::Seen::quiet_needed() const {
  const std::string& state = facts.active_state;
  if (state == "activating" || state == "deactivating" || state == "reloading") return -1;
  if (!facts.is_up()) return 0;
  if (restarts() > 0) return kRestarted;
  return says_when_ready(facts) ? kTold : kUntold;
}

bool Settling::is_quiet(const Seen& seen) const {
  const int needed = seen.quiet_needed();
  return needed >= 0 && at_ - seen.changed >= needed;
}

void Settling::see(int at, const std::map<std::string, UnitFacts>& now) {
  at_ = at;
  for (const auto& [name, facts] : now) {
    const auto [found, first] = units_.try_emplace(name);
    Seen& seen = found->second;
    if (first) seen.first_restarts = facts.restarts;
    if (first || !same(seen.facts, facts)) seen.changed = at;
    seen.facts = facts;
  }
}

bool Settling::is_over() const {
  if (at_ >= limit_) return true;
  for (const auto& [name, seen] : units_) {
    if (!is_quiet(seen)) return false;
  }
  return true;
}

std::map<std::string, std::string> Settling::restless() const {
  std::map<std::string, std::string> found;
  for (const auto& [name, seen] : units_) {
    const unsigned times = seen.restarts();
    const bool ends_now = seen.facts.sub_state.starts_with("auto-restart");
    if (seen.quiet_needed() == 0 || (times == 0 && !ends_now)) continue;
    if (times < kAgainAndAgain && is_quiet(seen)) continue;
    found[name] = "it ended by itself" + how_often(times);
  }
  return found;
}

// The last look may have met the moment between its end and its next start.
std::string Settling::how_often(unsigned times) const {
  if (times == 0) return " just now";
  if (times == 1) return " and was started again just now";
  return " and was started again " + std::to_string(times) + " times within " +
         std::to_string((at_ + 999) / 1000) + " s";
}

}  // namespace aptkeep
