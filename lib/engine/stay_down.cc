#include "engine/stay_down.h"

#include <algorithm>

#include "core/guard_arguments.h"
#include "core/island.h"
#include "state/left_down.h"

namespace aptkeep {
namespace {

constexpr std::size_t kMostOfCommand = 60;  // a shell's text may be long, and is in the rule
constexpr const char* kCheckFailed = " refuses its configuration: ";
constexpr const char* kAfterFailed = " is not done with what comes after: ";

bool is_left_down(const UnitRecord& record) {
  const std::string& trouble = record.trouble;
  return record.wanted && trouble.starts_with(kStaysDown) && !trouble.starts_with(kGoesWith) &&
         !trouble.starts_with(kHangsOn);
}

std::vector<std::string> fitting(const std::map<std::string, Staying>& staying,
                                 const std::vector<std::string>& patterns) {
  std::vector<std::string> units;
  for (const auto& [unit, why] : staying) {
    const bool fits = std::ranges::any_of(
        patterns, [&](const std::string& pattern) { return is_unit_of(unit, pattern); });
    if (fits) units.push_back(unit);
  }
  return units;
}

// What triggers a service of them is among them, too.
void add_triggers(const std::map<std::string, Staying>& staying, Units& manager,
                  std::vector<std::string>& units) {
  const auto facts = manager.ask(units);
  if (!facts) return;
  for (const auto& [name, unit] : *facts) {
    for (const std::string& trigger : unit.triggered_by) {
      if (staying.contains(trigger) && std::ranges::count(units, trigger) == 0)
        units.insert(units.begin(), trigger);
    }
  }
}

}  // namespace

Staying staying_for(const Step& step, const std::string& name,
                    const std::function<std::string(const std::string&)>& failure_of,
                    const std::vector<std::string>& commands, bool checks) {
  Staying staying;
  const auto add_line = [&](const std::string& text) {
    if (!text.empty()) staying.said += (staying.said.empty() ? "" : "\n") + text;
  };
  for (const std::string& command : commands) {
    const std::string why = failure_of(command);
    if (why.empty()) continue;
    const auto line = std::min(why.find('\n'), why.size());
    staying.trouble += staying.trouble.empty()
                           ? std::string(kStaysDown) + name + (checks ? kCheckFailed : kAfterFailed)
                           : "; ";
    // A line of what it printed, whoever it ran as.
    staying.trouble +=
        shown(command, kMostOfCommand) + ": " + shown(why.substr(0, line), std::string::npos);
    add_line(why.substr(std::min(line + 1, why.size())));
    if (!checks) break;  // what comes after it may need it
  }
  if (!staying.trouble.empty() && !step.repair.empty()) add_line("to do: " + step.repair);
  return staying;
}

Staying not_ended(const std::string& name, const std::string& why) {
  return {std::string(kStaysDown) + name + kAfterFailed + why, {}};
}

Staying cut_off_by_boot(const std::string& name) {
  return not_ended(name, "the machine was started anew before it");
}

std::string afterwards_of(const Staying& why) {
  return why.trouble.empty() ? kIslandDone : why.trouble.substr(kStaysDown.size());
}

Status record_staying(Store& store, std::int64_t run, const std::string& package,
                      const std::vector<UnitFacts>& facts, const Staying& why) {
  const auto known = store.units(run);
  if (!known) return known.error();
  std::vector<UnitRecord> records;
  for (const UnitFacts& unit : facts) {
    const auto found = std::ranges::find(*known, unit.name, &UnitRecord::name);
    records.push_back(found != known->end()
                          ? *found
                          : UnitRecord{unit.name, package, state_text(unit), true, "", ""});
    if (found == known->end()) records.back().file_state = unit.file_state;
    records.back().wanted = true;
    records.back().trouble = why.trouble;
    records.back().journal = why.said;
  }
  if (const Status noted = store.note_units(run, records); !noted) return noted;
  return store.set_units(run, records);
}

StayingDown::StayingDown(std::int64_t run, const std::vector<UnitRecord>& records,
                         ServicePorts& ports) {
  for (const UnitRecord& record : records) {
    if (is_left_down(record)) staying_[record.name] = {record.trouble, record.journal};
  }
  known_ = staying_;
  if (ports.failure_of) try_all_again(run, records, ports);
}

void StayingDown::try_all_again(std::int64_t run, const std::vector<UnitRecord>& records,
                                ServicePorts& ports) {
  const auto plans = ports.store.plans(run);
  if (!plans) return ports.say(plans.error().message);
  for (const std::int64_t id : *plans) {
    const auto plan = ports.store.plan(id);
    if (!plan) return ports.say(plan.error().message);
    if (!*plan) continue;
    const auto& steps = (*plan)->plan.steps;
    for (std::uint32_t i = 0; i < steps.size(); ++i) {
      const bool is_there = !ports.is_there || ports.is_there(steps[i]);
      if (steps[i].island && ports.is_over && ports.is_over(steps[i]))
        set(because_of(steps[i].package), {});
      if (!steps[i].island || !is_there) continue;
      const auto ended = try_again(steps[i], records, ports);
      if (!ended) continue;
      const Status noted = ports.store.set_afterwards(id, i, *ended);
      if (!noted) ports.say(noted.error().message);
    }
  }
}

void StayingDown::set(const std::vector<std::string>& units, const Staying& why) {
  for (const std::string& unit : units) {
    if (!why.trouble.empty()) {
      staying_[unit] = why;
      refused_.insert(unit);
    } else if (!refused_.contains(unit)) {
      staying_.erase(unit);
    }
  }
}

std::vector<std::string> StayingDown::because_of(const std::string& package) const {
  std::vector<std::string> units;
  for (const auto& [name, why] : known_) {
    UnitRecord unit;
    unit.trouble = why.trouble;
    if (is_down_because_of(unit, package)) units.push_back(name);
  }
  return units;
}

// What Step::afterwards is then; nullopt: there was nothing to try again.
std::optional<std::string> StayingDown::try_again(const Step& step,
                                                  const std::vector<UnitRecord>& records,
                                                  ServicePorts& ports) {
  const Island& island = *step.island;
  if (island.checks.empty() && island.after.empty()) return std::nullopt;
  // What has gone well once is not done again because another package keeps down the same unit.
  if (because_of(step.package).empty() && trouble_after(step).empty()) return std::nullopt;
  auto own = fitting(known_, island.units);
  auto others = fitting(known_, island.together);
  add_triggers(known_, ports.units, own);
  add_triggers(known_, ports.units, others);
  const std::string name = step.package.substr(0, step.package.find(':'));
  Staying why = staying_for(step, name, ports.failure_of, island.checks, true);
  set(own, why);
  if (why.trouble.empty()) {
    std::vector<std::string> ran;
    for (const UnitRecord& record : records) {
      if (std::ranges::count(own, record.name) > 0) ran.push_back(record.name);
    }
    if (!ran.empty() && !island.after.empty()) {
      (void)ports.units.act("reset-failed", ran);
      (void)ports.units.act("start", ran);
    }
    why = staying_for(step, name, ports.failure_of, island.after, false);
  }
  set(others, why);
  return afterwards_of(why);
}

void StayingDown::leave_out(std::vector<UnitDecision>& decisions) const {
  for (UnitDecision& decision : decisions) {
    const auto found = staying_.find(decision.unit);
    if (found == staying_.end() || decision.wish != UnitWish::Start) continue;
    decision.wish = UnitWish::Tell;
    decision.reason = found->second.trouble;
  }
}

void StayingDown::tell(std::vector<UnitRecord>& records) const {
  for (UnitRecord& record : records) {
    const auto found = staying_.find(record.name);
    if (found != staying_.end() && record.trouble == found->second.trouble)
      record.journal = found->second.said;
  }
}

}  // namespace aptkeep
