#include "engine/service_checks.h"

#include <algorithm>

namespace aptkeep {

constexpr int kSecond = 1000;

std::string RunningChecks::first_complaint(const std::vector<std::string>& commands) {
  if (!ports_.complaint_of) return {};
  for (const std::string& command : commands) {
    const auto [found, first] = complaints_.try_emplace(command);
    if (first) found->second = ports_.complaint_of(command);
    if (!found->second.empty()) return command + ": " + found->second;
  }
  return {};
}

std::string RunningChecks::refusal_of(const UnitRecord& record) {
  return first_complaint(record.checks);
}

bool RunningChecks::is_idle(const UnitRecord& record) {
  return ports_.ends_well && !record.idle.empty() &&
         std::ranges::all_of(record.idle, ports_.ends_well);
}

void RunningChecks::probe(std::vector<UnitRecord>& records,
                          const std::map<std::string, UnitFacts>& now,
                          const std::function<Standing(const std::string&)>& standing) {
  std::vector<UnitRecord*> unwell;
  const auto look = [&](UnitRecord* record) { return !first_complaint(record->probes).empty(); };
  for (UnitRecord& record : records) {
    const auto found = now.find(record.name);
    const bool runs = found != now.end() && found->second.is_up();
    if (!runs || !record.wanted || !record.trouble.empty() || record.probes.empty()) continue;
    if (standing(record.package) == Standing::Upgraded && look(&record)) unwell.push_back(&record);
  }
  if (unwell.empty()) return;
  ports_.units.pause(kSecond);
  complaints_.clear();
  std::erase_if(unwell, [&](UnitRecord* record) { return !look(record); });
  for (UnitRecord* record : unwell) {
    record->trouble = std::string(kUnwell) + first_complaint(record->probes);
    record->journal = ports_.units.journal(record->name);
  }
}

}  // namespace aptkeep
