#include "engine/watching.h"

#include <algorithm>
#include <chrono>

#include "core/settling.h"

namespace aptkeep {
namespace {

constexpr int kLook = 250;  // milliseconds between two looks at what was started

}  // namespace

void Watching::settle(const std::vector<std::string>& units) {
  using namespace std::chrono;
  Settling settling(ports_.settle);
  const auto begun = steady_clock::now();
  // On a busy machine a look takes its time, too.
  const auto since = [&](int pauses) {
    const auto elapsed = duration_cast<milliseconds>(steady_clock::now() - begun).count();
    return std::max(pauses, static_cast<int>(elapsed));
  };
  for (int pauses = 0;; pauses += kLook) {
    const auto now = ports_.units.ask(units);
    if (!now) return;
    settling.see(since(pauses), *now);
    if (settling.is_over()) break;
    ports_.units.pause(kLook);
  }
  watched_.insert(units.begin(), units.end());
  for (const std::string& unit : units) restless_.erase(unit);
  restless_.merge(settling.restless());
}

void Watching::watch_who_was_restarted(const std::vector<UnitRecord>& records,
                                       const std::map<std::string, UnitFacts>& now) {
  std::vector<std::string> units;
  for (const UnitRecord& record : records) {
    const auto found = now.find(record.name);
    if (!record.wanted || found == now.end() || watched_.contains(record.name)) continue;
    if (found->second.is_up() && found->second.restarts > 0) units.push_back(record.name);
  }
  if (!units.empty()) settle(units);
}

std::vector<std::string> go_on_as_before(Units& manager, const std::vector<std::string>& services,
                                         const std::map<std::string, UnitFacts>& before) {
  std::vector<std::string> same;
  const auto now = manager.ask(services);
  if (!now) return same;
  for (const auto& [name, facts] : *now) {
    const auto then = before.find(name);
    const bool known = then != before.end() && facts.start_mark != 0 && facts.is_up();
    if (known && facts.start_mark == then->second.start_mark) same.push_back(name);
  }
  return same;
}

}  // namespace aptkeep
