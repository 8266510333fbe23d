#include "engine/services.h"

#include <algorithm>
#include <set>

#include "engine/service_checks.h"
#include "engine/services_due.h"
#include "engine/stay_down.h"
#include "engine/together.h"
#include "engine/watching.h"

namespace aptkeep {
namespace {

using FactsByName = std::map<std::string, UnitFacts>;

class Restoring {
 public:
  Restoring(std::int64_t run, std::vector<UnitRecord> records, ServicePorts& ports,
            std::int64_t run_began)
      : records_(std::move(records)),
        ports_(ports),
        checks_(ports, run_began),
        staying_(run, records_, ports),
        together_(run, ports),
        watching_(ports) {}

  Status run(const std::function<Standing(const std::string&)>& standing);
  const std::vector<UnitRecord>& records() const { return records_; }

 private:
  Result<FactsByName> facts() const;
  Result<UnitsOfPackages> new_units() const;
  void start(const std::vector<std::string>& services, const FactsByName& now);
  std::vector<std::string> start(const std::vector<UnitDecision>& decisions,
                                 const FactsByName& now);
  void judge(const std::vector<UnitDecision>& decisions, const FactsByName& now);
  void tell_what_waits_for_a_boot(const FactsByName& now,
                                  const std::function<Standing(const std::string&)>& standing);
  Status restart_put_off(const std::function<Standing(const std::string&)>& standing);
  std::vector<std::string> due(const std::function<Standing(const std::string&)>& standing);
  void try_failed_again();
  Status restart(std::vector<std::string> units);
  void leave_out_refused(std::vector<std::string>& units, const FactsByName& now);
  void leave_out_denied(std::vector<UnitDecision>& decisions);
  void reload_instead(std::vector<std::string>& units);
  UnitRecord* record_of(const std::string& unit);
  void act(const char* verb, const std::vector<std::string>& units);

  std::vector<UnitRecord> records_;
  ServicePorts& ports_;
  RunningChecks checks_;
  StayingDown staying_;
  Together together_;
  std::set<std::string> heirs_;
  std::map<std::string, std::string> not_restarted_;  // unit -> why
  std::set<std::string> failed_;                      // a script's start of them has
  Watching watching_;
};

Result<UnitsOfPackages> Restoring::new_units() const {
  std::set<std::string> packages;
  std::set<std::string> known;
  for (const UnitRecord& record : records_) {
    known.insert(record.name);
    if (!record.package.empty()) packages.insert(record.package);
  }
  auto units = ports_.units_of({packages.begin(), packages.end()});
  if (!units) return units;
  for (auto& [package, names] : *units) {
    std::erase_if(names, [&](const std::string& name) {
      return known.contains(name) || name.find("@.") != std::string::npos;
    });
  }
  return units;
}

Result<FactsByName> Restoring::facts() const {
  std::vector<std::string> names;
  for (const UnitRecord& record : records_) {
    if (!record.name.starts_with(kUsers)) names.push_back(record.name);
  }
  names.insert(names.end(), heirs_.begin(), heirs_.end());
  return ports_.units.ask(names);
}

void Restoring::act(const char* verb, const std::vector<std::string>& units) {
  // What becomes of each is asked for afterwards.
  if (!units.empty()) (void)ports_.units.act(verb, units);
}

// A start of what systemd is about to start again by itself would wait for that.
void Restoring::start(const std::vector<std::string>& services, const FactsByName& now) {
  std::vector<std::string> at_once;
  std::vector<std::string> waiting;
  for (const std::string& name : services) {
    const auto found = now.find(name);
    const bool waits = found != now.end() && found->second.sub_state.starts_with("auto-restart");
    (waits ? waiting : at_once).push_back(name);
  }
  act("reset-failed", services);
  act("start", at_once);
  act("restart", waiting);
}

// Returns them.
std::vector<std::string> Restoring::start(const std::vector<UnitDecision>& decisions,
                                          const FactsByName& now) {
  std::vector<std::string> triggers;
  std::vector<std::string> others;
  std::set<std::string> again;
  for (const UnitDecision& decision : decisions) {
    if (decision.wish != UnitWish::Start) continue;
    (is_trigger(decision.unit) ? triggers : others).push_back(decision.unit);
    if (!decision.unit.ends_with(".socket")) continue;
    // systemd opens no socket whose service runs already.
    for (const std::string& service : now.at(decision.unit).triggers) {
      const auto found = now.find(service);
      if (found != now.end() && found->second.is_up()) again.insert(service);
    }
  }
  act("stop", {again.begin(), again.end()});
  act("reset-failed", triggers);
  act("start", triggers);
  others.insert(others.end(), again.begin(), again.end());
  start(others, now);
  triggers.insert(triggers.end(), others.begin(), others.end());
  return triggers;
}

void Restoring::leave_out_denied(std::vector<UnitDecision>& decisions) {
  for (UnitDecision& decision : decisions) {
    if (decision.wish != UnitWish::Start || ports_.units.may("start", decision.unit)) continue;
    decision.wish = UnitWish::Tell;
    decision.reason = "/usr/sbin/policy-rc.d denies to start it";
  }
}

void Restoring::try_failed_again() {
  std::vector<std::string> units(failed_.begin(), failed_.end());
  const auto now = ports_.units.ask(units);
  std::erase_if(units, [&](const std::string& unit) {
    const auto found = now ? now->find(unit) : FactsByName::const_iterator();
    return now && found != now->end() &&
           (found->second.is_up() || found->second.load_state != "loaded");
  });
  if (units.empty()) return;
  act("daemon-reload", {""});
  start(units, now ? *now : FactsByName{});
  watching_.settle(units);
}

std::vector<std::string> Restoring::due(
    const std::function<Standing(const std::string&)>& standing) {
  std::vector<std::string> never;
  for (const UnitRecord& record : records_) {
    if (record.never_since != 0 && !record.idle.empty()) never.push_back(record.name);
  }
  const auto now = ports_.units.ask(never);
  const auto is_idle = [&](const UnitRecord& record) {
    const auto found = now ? now->find(record.name) : FactsByName::const_iterator();
    const bool as_before = now && found != now->end() && found->second.is_up() &&
                           found->second.start_mark == record.never_since;
    return as_before && !ports_.release_upgrade && checks_.is_idle(record);
  };
  Due due = sort_put_off(ports_.put_off(), records_, standing, ports_.own_unit, is_idle);
  not_restarted_ = std::move(due.not_restarted);
  failed_ = std::move(due.failed);
  records_.insert(records_.end(), due.more.begin(), due.more.end());
  return std::move(due.restart);
}

// What runs must not be restarted into a failure. A socket that starts it stays as well.
void Restoring::leave_out_refused(std::vector<std::string>& units, const FactsByName& now) {
  std::set<std::string> refused;
  for (const std::string& unit : units) {
    const UnitRecord* record = record_of(unit);
    const auto found = now.find(unit);
    if (record == nullptr || found == now.end() || !found->second.is_up()) continue;
    const std::string why = checks_.refusal_of(*record);
    if (why.empty()) continue;
    refused.insert(unit);
    refused.insert(found->second.triggered_by.begin(), found->second.triggered_by.end());
    not_restarted_[unit] =
        std::string(kNotRestarted) + "its new version refuses its configuration: " + why;
  }
  std::erase_if(units, [&](const std::string& unit) { return refused.contains(unit); });
}

// Takes out what is done with by a reload. Its unit may have one since the daemon-reload only.
void Restoring::reload_instead(std::vector<std::string>& units) {
  std::vector<std::string> wished = units;
  std::erase_if(wished, [&](const std::string& unit) {
    const UnitRecord* record = record_of(unit);
    return record == nullptr || !record->reload;
  });
  const auto now = ports_.units.ask(wished);
  if (!now) return;
  for (const std::string& unit : wished) {
    const auto found = now->find(unit);
    if (found == now->end() || !found->second.is_up() || !found->second.can_reload) continue;
    if (!ports_.units.act("reload", {unit})) {
      // Most do so because of their configuration: to restart what runs would end it.
      not_restarted_[unit] = std::string(kNotRestarted) + "its reload failed";
    }
    std::erase(units, unit);
  }
}

// Restarts what is up of them; what is down by now is started with all else that is. systemd opens
// no socket whose service runs, and a path or socket that comes back may bring its service with it:
// so these are stopped together, and started one kind after the other.
Status Restoring::restart(std::vector<std::string> units) {
  auto now = ports_.units.ask(units);
  if (!now) return now.error();
  leave_out_refused(units, *now);
  if (units.empty()) return success();
  std::erase_if(*now,
                [&](const auto& entry) { return std::ranges::count(units, entry.first) == 0; });
  std::set<std::string> triggers;
  std::set<std::string> triggered;
  for (const auto& [name, facts] : *now) {
    if (!facts.is_up() || !is_trigger(name)) continue;
    triggers.insert(name);
    triggered.insert(facts.triggers.begin(), facts.triggers.end());
  }
  const auto theirs = ports_.units.ask({triggered.begin(), triggered.end()});
  if (!theirs) return theirs.error();
  std::erase_if(triggered, [&](const std::string& name) {
    const auto found = theirs->find(name);
    return found == theirs->end() || !found->second.is_up();
  });
  std::vector<std::string> alone;
  for (const auto& [name, facts] : *now) {
    if (facts.is_up() && !is_trigger(name) && !triggered.contains(name)) alone.push_back(name);
  }
  std::string names;
  for (const std::string& name : units) names += (names.empty() ? "" : ", ") + name;
  ports_.say("restarting " + names);
  act("daemon-reload", {""});
  std::vector<std::string> together(triggered.begin(), triggered.end());
  together.insert(together.end(), triggers.begin(), triggers.end());
  auto all = together;
  all.insert(all.end(), alone.begin(), alone.end());
  act("reset-failed", all);  // scripts may have started it as often as systemd lets them
  act("stop", together);
  act("start", {triggers.begin(), triggers.end()});
  act("start", {triggered.begin(), triggered.end()});
  reload_instead(alone);
  act("restart", alone);
  watching_.settle(all);
  for (const std::string& name : go_on_as_before(ports_.units, alone, *now))
    not_restarted_[name] = std::string(kNotRestarted) + "systemd did not do it";
  return success();
}

Status Restoring::restart_put_off(const std::function<Standing(const std::string&)>& standing) {
  if (!ports_.put_off) return success();
  if (const Status done = restart(due(standing)); !done) return done;
  // Its script's start was met by the hold.
  std::erase_if(failed_, [&](const std::string& unit) { return staying_.stays(unit); });
  if (!failed_.empty()) try_failed_again();
  ports_.forget_put_off();
  return success();
}

UnitRecord* Restoring::record_of(const std::string& unit) {
  const auto found = std::find_if(records_.begin(), records_.end(),
                                  [&](const UnitRecord& record) { return record.name == unit; });
  return found == records_.end() ? nullptr : &*found;
}

void Restoring::judge(const std::vector<UnitDecision>& decisions, const FactsByName& now) {
  for (UnitRecord& record : records_) record.trouble = record.journal = "";
  for (const UnitDecision& decision : decisions) {
    if (decision.wish == UnitWish::Leave) continue;
    UnitRecord* record =
        record_of(decision.instead_of.empty() ? decision.unit : decision.instead_of);
    const auto found = now.find(decision.unit);
    if (record == nullptr || (found != now.end() && found->second.is_up())) continue;
    record->trouble = decision.reason;
    if (decision.wish == UnitWish::Start) {
      const std::string state = found == now.end() ? "gone" : state_text(found->second);
      const std::string who =
          decision.instead_of.empty() ? "" : decision.unit + ", which takes its place, ";
      record->trouble = who + "does not start again: it is " + state;
      record->journal = ports_.units.journal(decision.unit);
    }
  }
  for (const std::string& unit : failed_) {
    UnitRecord* record = record_of(unit);
    const auto found = now.find(unit);
    if (found == now.end() || found->second.is_up() || !record->trouble.empty()) continue;
    if (found->second.load_state == "masked") continue;
    record->trouble = "its package could not start it: it is " + state_text(found->second);
    record->journal = ports_.units.journal(unit);
  }
  for (const auto& [unit, how] : watching_.restless()) {
    UnitRecord* record = record_of(unit);
    if (record == nullptr || !record->trouble.empty()) continue;
    record->trouble = std::string(kUnwell) + how;
    record->journal = ports_.units.journal(unit);
  }
  for (const auto& [unit, why] : not_restarted_) {
    UnitRecord* record = record_of(unit);
    if (record != nullptr && record->trouble.empty()) record->trouble = why;
  }
}

// Its package may not even have asked for it.
void Restoring::tell_what_waits_for_a_boot(
    const FactsByName& now, const std::function<Standing(const std::string&)>& standing) {
  for (UnitRecord& record : records_) {
    const auto found = now.find(record.name);
    const bool as_before = record.never_since != 0 && found != now.end() && found->second.is_up() &&
                           found->second.start_mark == record.never_since;
    if (as_before && record.trouble.empty() && standing(record.package) == Standing::Upgraded)
      record.trouble = kUntilReboot;
  }
}

Status Restoring::run(const std::function<Standing(const std::string&)>& standing) {
  if (ports_.units.shuts_down()) {
    // What is to run comes with the next boot.
    ports_.say("services are left as they are, because the system shuts down");
    if (ports_.forget_put_off) ports_.forget_put_off();
    return success();
  }
  if (const Status done = restart_put_off(standing); !done) return done;
  const auto fresh = new_units();
  if (!fresh) return fresh.error();
  for (const auto& [package, names] : *fresh) heirs_.insert(names.begin(), names.end());
  auto now = facts();
  if (!now) return now.error();
  auto decisions = decide_units(records_, *now, standing, *fresh);
  leave_out_denied(decisions);
  staying_.leave_out(decisions);
  together_.leave_out(decisions, *now, standing);
  const auto starts = [](const UnitDecision& one) { return one.wish == UnitWish::Start; };
  // Once more where the first try was too early, or was met by systemd's limit on starts.
  for (int attempt = 0; attempt < 2; ++attempt) {
    if (std::none_of(decisions.begin(), decisions.end(), starts)) break;
    if (attempt == 0) act("daemon-reload", {""});
    watching_.settle(start(decisions, *now));
    now = facts();
    if (!now) return now.error();
    // Who has been started is up now; who was given up is as it was.
    std::vector<UnitDecision> left;
    for (const UnitDecision& decision : decisions) {
      const auto found = now->find(decision.unit);
      const bool up = found != now->end() && found->second.is_up();
      if (decision.wish != UnitWish::Start || !up) left.push_back(decision);
    }
    decisions = std::move(left);
  }
  watching_.watch_who_was_restarted(records_, *now);
  judge(decisions, *now);
  staying_.tell(records_);
  tell_what_waits_for_a_boot(*now, standing);
  checks_.probe(records_, *now, standing);
  return success();
}

}  // namespace

Standing standing_in(const DbSnapshot& db, const std::string& package) {
  const auto found = db.find(package);
  const std::string state = found == db.end() ? "" : found->second.state;
  if (state.size() < 2 || state[1] == 'n' || state[1] == 'c') return Standing::Gone;
  return found->second.configured() ? Standing::Upgraded : Standing::Unfinished;
}

Result<std::vector<UnitRecord>> restore_units(
    std::int64_t run, std::vector<UnitRecord> records,
    const std::function<Standing(const std::string&)>& standing, ServicePorts& ports) {
  const bool nothing_put_off = !ports.put_off || ports.put_off().empty();
  if (records.empty() && nothing_put_off && !ports.failure_of) return records;
  const auto known = std::ssize(records);
  const bool asks = std::ranges::any_of(records, [](const UnitRecord& record) {
    return !record.checks.empty() || !record.probes.empty();
  });
  std::int64_t began = 0;
  if (asks) {
    const auto report = ports.store.report(run);
    if (report && *report) began = (*report)->summary.begun;
  }
  Restoring restoring(run, std::move(records), ports, began);
  if (const Status done = restoring.run(standing); !done) return done.error();
  const std::vector<UnitRecord> added(restoring.records().begin() + known,
                                      restoring.records().end());
  if (const Status noted = ports.store.note_units(run, added); !noted) return noted.error();
  if (const Status saved = ports.store.set_units(run, restoring.records()); !saved) {
    return saved.error();
  }
  std::vector<UnitRecord> trouble = restoring.records();
  std::erase_if(trouble, [](const UnitRecord& record) { return record.trouble.empty(); });
  return trouble;
}

}  // namespace aptkeep
