#include "engine/downtime.h"

#include <algorithm>
#include <set>

#include "core/denied_units.h"
#include "core/guard_policy.h"
#include "core/island.h"
#include "core/rule.h"
#include "engine/services.h"

namespace aptkeep {
namespace {

std::string list_of(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

}  // namespace

Downtime::Downtime(Session& session, std::vector<std::uint32_t> group)
    : session_(session), group_(std::move(group)) {}

bool Downtime::is_up(const std::string& unit) const {
  const auto found = before_.find(unit);
  return found != before_.end() && found->second.is_up();
}

std::vector<std::string> Downtime::up_of(const std::vector<std::string>& units) const {
  std::vector<std::string> up;
  for (const std::string& unit : units) {
    if (is_up(unit)) up.push_back(unit);
  }
  return up;
}

std::vector<std::string> Downtime::names_of(const Part& part) const {
  std::vector<std::string> names = part.triggers;
  names.insert(names.end(), part.sockets.begin(), part.sockets.end());
  names.insert(names.end(), part.services.begin(), part.services.end());
  return names;
}

Status Downtime::ask_for(const std::vector<std::string>& names) {
  std::vector<std::string> unknown;
  for (const std::string& name : names) {
    if (!before_.contains(name)) unknown.push_back(name);
  }
  auto found = session_.ports().units->ask(unknown);
  if (!found) return found.error();
  for (const HeldUnit& one : left_) {
    const auto its = found->find(one.unit);
    if (its == found->end()) continue;
    its->second.active_state = one.ran ? "active" : "inactive";
    its->second.sub_state = one.ran ? "running" : "dead";
  }
  before_.merge(*found);
  return success();
}

void Downtime::add_part(std::uint32_t step, bool own, const std::vector<std::string>& patterns) {
  if (!patterns.empty()) parts_.push_back({step, own, patterns, {}, {}});
}

Status Downtime::look() {
  for (const std::uint32_t step : group_) {
    const auto& island = session_.plan().steps[step].island;
    if (!island) continue;
    for (const std::string& pattern : island->together) add_part(step, false, {pattern});
  }
  for (const std::uint32_t step : group_) {
    const auto& island = session_.plan().steps[step].island;
    if (island) add_part(step, true, island->units);
  }
  add_left_down();
  const auto loaded = session_.ports().units->loaded();
  if (!loaded) return loaded.error();
  // systemd forgets instances that do not run.
  std::set<std::string> candidates;
  for (const UnitFacts& unit : *loaded) candidates.insert(unit.name);
  for (const HeldUnit& one : left_) candidates.insert(one.unit);
  std::set<std::string> known;  // of an earlier part
  for (Part& part : parts_) {
    std::set<std::string> names = units_meant(part.patterns, candidates);
    names.erase(session_.ports().own_unit);
    std::erase_if(names, [&](const std::string& name) { return known.contains(name); });
    if (const Status asked = ask_for({names.begin(), names.end()}); !asked) return asked;
    std::set<std::string> triggers = triggers_of(names, before_);
    if (const Status asked = ask_for({triggers.begin(), triggers.end()}); !asked) return asked;
    leave_out_denied(part, names);
    triggers = triggers_of(names, before_);
    std::erase_if(triggers, [&](const std::string& name) { return known.contains(name); });
    for (const std::string& name : names) {
      if (!is_trigger(name)) part.services.push_back(name);
    }
    known.insert(names.begin(), names.end());
    known.insert(triggers.begin(), triggers.end());
    choose_parked(part, triggers);
    part.triggers.assign(triggers.begin(), triggers.end());
  }
  std::set<std::string> related;
  for (const auto& [name, facts] : before_) {
    for (const std::string& other : facts.related) {
      if (!known.contains(other) && is_service_or_trigger(other)) related.insert(other);
    }
  }
  if (const Status asked = ask_for({related.begin(), related.end()}); !asked) return asked;
  others_ = up_of({related.begin(), related.end()});
  return success();
}

// One line, before anything is stopped.
void Downtime::say_what_goes_down() const {
  std::vector<std::string> names;
  std::vector<std::string> open;
  for (const Part& part : parts_) {
    for (const std::string& name : up_of(names_of(part))) {
      const bool parked = std::ranges::count(part.sockets, name) > 0;
      (parked ? open : names).push_back(name);
    }
  }
  if (names.empty() && open.empty()) return;
  std::vector<std::string> packages;
  std::string why;
  for (const std::uint32_t step : group_) {
    const auto& island = session_.plan().steps[step].island;
    if (!island) continue;
    packages.push_back(session_.shown(session_.plan().steps[step].package));
    if (why.empty()) why = island->why;
  }
  std::string text = names.empty() ? "parking " + list_of(open) : "stopping " + list_of(names);
  text += " while " + list_of(packages) + (packages.size() > 1 ? " are" : " is") + " replaced";
  if (!open.empty()) text += ", with clients of " + list_of(open) + " waiting (parked)";
  session_.ports().say(text + ": " + why);
}

// Its own script does not let it go where somebody else decides when it may run again.
bool Downtime::waits(std::uint32_t step) const {
  const Step& its = session_.plan().steps[step];
  if (!its.island) return false;
  const auto is_its = [&](const HeldUnit& one) { return one.package == its.package && one.waits; };
  return group_.size() > 1 || !its.island->after.empty() || !its.island->checks.empty() ||
         !its.island->together.empty() || std::ranges::any_of(left_, is_its);
}

void Downtime::hold(const Part& part, const std::vector<std::string>& names) {
  const std::string& package = session_.plan().steps[part.step].package;
  std::vector<HeldUnit> held;
  for (const std::string& name : names)
    held.push_back({name, package, is_up(name), !part.own || waits(part.step), false});
  const Status put = session_.ports().holds->put(held);
  if (!put) session_.ports().say(put.error().message);
}

std::optional<Downtime::Refusal> Downtime::stop(Part& part) {
  Units& units = *session_.ports().units;
  enforce(part);
  park(part);
  const auto is_parked = [&](const std::string& name) {
    return std::ranges::count(part.parked, name) > 0;
  };
  // First what would try again and again to start what it cannot, until systemd gives it up.
  hold(part, part.triggers);
  const auto triggers = up_of(part.triggers);
  if (!triggers.empty()) (void)units.act("stop", triggers);
  std::vector<std::string> names = part.services;
  std::erase_if(names, is_parked);
  const auto alone = names;
  std::ranges::copy_if(part.patterns, std::back_inserter(names), [](const std::string& pattern) {
    return pattern.find("@.") != std::string::npos;
  });
  hold(part, names);
  session_.ports().holds->answer_on_bus(alone);
  // A failed unit may be about to be started again.
  std::vector<std::string> services;
  for (const std::string& name : part.services) {
    const UnitFacts& facts = before_.at(name);
    // Also what is masked, and runs: it must not, whether it may be started again or not.
    const bool loaded = facts.load_state == "loaded" || facts.is_up();
    const bool stops = facts.active_state != "inactive" && loaded;
    if (stops && !is_parked(name)) services.push_back(name);
  }
  if (services.empty()) return std::nullopt;
  const Status stopped = units.act("stop", services);
  const auto now = units.ask(services);
  if (!now) return Refusal{part.step, now.error().message};
  for (const auto& [name, facts] : *now) {
    if (facts.is_up() || facts.active_state == "deactivating") {
      return Refusal{part.step,
                     name + " does not stop" + (stopped ? "" : ": " + stopped.error().message)};
    }
  }
  return std::nullopt;
}

std::optional<Downtime::Refusal> Downtime::run_before(std::uint32_t step) {
  const auto& island = session_.plan().steps[step].island;
  if (!island) return std::nullopt;
  const CallPorts& ports = session_.ports();
  for (const std::string& command : island->before) {
    std::string why =
        ports.failure_or_stop_of ? ports.failure_or_stop_of(command) : ports.failure_of(command);
    why.resize(std::min(why.find('\n'), why.size()));
    if (why.empty()) continue;
    return Refusal{step, "what is to be done before it failed: " + command + ": " + why};
  }
  return std::nullopt;
}

std::optional<Downtime::Refusal> Downtime::back_up(std::uint32_t step) {
  const Step& its = session_.plan().steps[step];
  if (!its.island || its.island->backup.empty()) return std::nullopt;
  CallPorts& ports = session_.ports();
  if (!ports.back_up)
    return Refusal{step, "its backup failed: there is nobody to make it", false,
                   FailureClass::Backup};
  const std::string name = session_.shown(its.package);
  const auto files = ports.back_up(name, its.island->backup);
  if (!files) {
    std::string why = "its backup failed: " + files.error().message;
    const bool forced = its.if_unmet == IfUnmet::Force;
    const bool passes = (forced || its.if_unmet == IfUnmet::Warn) && !session_.interrupted();
    if (!passes) return Refusal{step, why, its.if_unmet == IfUnmet::Stop, FailureClass::Backup};
    ports.say(name + " goes on: " + (forced ? "forced past: " : "") + why);
    session_.note_passed(step, (forced ? "forced past: " : "warned of: ") + why);
    return std::nullopt;
  }
  ports.say("saved before " + name + " is replaced: " + list_of(*files));
  const Status noted = ports.store.note_backups(session_.open().id, step, *files);
  if (!noted) ports.say(noted.error().message);
  return std::nullopt;
}

// It may be kept by now for another one's sake.
bool Downtime::goes(std::uint32_t step) const {
  return session_.states()[step] == StepState::Waiting;
}

bool Downtime::down(const Refuse& refuse) {
  if (const Status looked = look(); !looked) {
    session_.ports().say(looked.error().message);
    // As without an island: its own scripts do what they do. But nothing is replaced unsaved.
    for (const std::uint32_t step : group_) {
      if (!is_saved_first(session_.plan().steps[step]) || !goes(step)) continue;
      const std::string why = "what is to be done before it could not be: ";
      if (!refuse({step, why + looked.error().message, false, FailureClass::Backup})) return false;
    }
    return true;
  }
  looked_ = true;
  say_what_goes_down();
  const auto stop_all = [&](const auto& is_meant) {
    for (Part& part : parts_) {
      if (!is_meant(part) || !goes(part.step)) continue;
      const auto refusal = stop(part);
      if (refusal && !refuse(*refusal)) return false;
    }
    return true;
  };
  if (!stop_all([](const Part& part) { return !part.own; })) return false;
  // Their own services are all up yet: a database is saved by its server, which may be of another
  // package of these.
  for (const std::uint32_t step : group_) {
    if (!goes(step)) continue;
    const auto refusal = back_up(step);
    if (refusal && !refuse(*refusal)) return false;
  }
  return stop_all([](const Part& part) { return part.own; });
}

bool Downtime::prepare(const Refuse& refuse) {
  if (!looked_) return true;
  for (const std::uint32_t step : group_) {
    if (!goes(step)) continue;
    const auto refusal = run_before(step);
    if (refusal && !refuse(*refusal)) return false;
  }
  return true;
}

bool Downtime::is_whole(std::uint32_t step, const DbSnapshot& db) const {
  return standing_in(db, session_.plan().steps[step].package) != Standing::Unfinished;
}

void Downtime::leave_down(const Part& part, const std::vector<std::string>& names,
                          const Staying& why) {
  const auto ran = up_of(names);
  std::vector<UnitFacts> facts;
  for (const std::string& name : ran) facts.push_back(before_.at(name));
  if (facts.empty()) return;
  CallPorts& ports = session_.ports();
  ports.say(list_of(ran) + ": " + why.trouble);
  const std::string package = part.own ? session_.plan().steps[part.step].package : "";
  const Status noted = record_staying(ports.store, session_.open().run, package, facts, why);
  if (!noted) ports.say(noted.error().message);
}

// `seen_to`: grows by what nobody is to start anew any more.
void Downtime::bring_up(const Part& part, const std::vector<HeldUnit>& all, const Staying& why,
                        std::vector<std::string>& seen_to) {
  const auto names = names_of(part);
  std::vector<HeldUnit> held;
  for (const HeldUnit& one : all) {
    if (std::ranges::count(names, one.unit) > 0 || std::ranges::count(part.patterns, one.unit) > 0)
      held.push_back(one);
  }
  // Its own script has let go what is not held any more; what ran of it is to run all the same.
  for (const std::string& name : up_of(names)) {
    const bool still = std::ranges::any_of(held, [&](const auto& one) { return one.unit == name; });
    if (!still)
      held.push_back({name, session_.plan().steps[part.step].package, true, false, false});
  }
  for (const HeldUnit& one : held) seen_to.push_back(one.unit);
  // Also what is another's of these, whose check fails.
  std::map<const Staying*, std::vector<std::string>> staying;
  for (HeldUnit& one : held) {
    const Staying* const other = refused_for(one.unit);
    const Staying* const its = why.trouble.empty() ? other : &why;
    if (its == nullptr) continue;
    one.ran = false;
    staying[its].push_back(one.unit);
  }
  let_go_and_start(held, *session_.ports().units, *session_.ports().holds);
  for (const auto& [reason, units] : staying) leave_down(part, units, *reason);
}

// Of a package that is whole. Why what is in its Together stays down; empty: it does not.
Staying Downtime::check_and_start(std::uint32_t step, const DbSnapshot& db,
                                  const std::vector<HeldUnit>& held,
                                  std::vector<std::string>& seen_to) {
  const Step& its = session_.plan().steps[step];
  const bool fresh = is_fresh(step, db);
  Staying why;
  if (const auto refused = refused_.find(step); refused != refused_.end()) why = refused->second;
  for (auto part = parts_.rbegin(); part != parts_.rend(); ++part) {
    if (part->own && part->step == step) bring_up(*part, held, why, seen_to);
  }
  if (!fresh) return why;
  if (why.trouble.empty()) {
    // After a boot its services are not up yet, and what was down came up with all others.
    const bool booted = session_.ports().rebooted && !its.island->after.empty();
    why = booted ? cut_off_by_boot(session_.shown(its.package))
                 : staying_for(its, session_.shown(its.package), session_.ports().failure_of,
                               its.island->after, false);
    if (!why.trouble.empty() && (booted || its.island->together.empty()))
      session_.ports().say(afterwards_of(why));
  }
  if (!its.island->checks.empty() || !its.island->after.empty())
    session_.note_afterwards(step, afterwards_of(why));
  return why;
}

std::optional<CallEnd> Downtime::up_later(const std::vector<std::string>& later) {
  left_ = session_.ports().holds->all();
  if (const Status looked = look(); !looked) {
    session_.ports().say(looked.error().message);
    return std::nullopt;
  }
  return up(later);
}

std::optional<CallEnd> Downtime::up(const std::vector<std::string>& later) {
  std::vector<std::uint32_t> own;
  std::ranges::copy_if(group_, std::back_inserter(own), [&](auto step) { return waits(step); });
  const auto end = session_.trigger_now(own, later);
  start_all();
  return end;
}

void Downtime::start_all() {
  const auto db = session_.ports().db.read();
  if (!db) return session_.ports().say(db.error().message);
  const auto held = session_.ports().holds->all();
  std::vector<std::string> seen_to;
  std::map<std::uint32_t, Staying> staying;
  check_all(*db);
  for (auto step = group_.rbegin(); step != group_.rend(); ++step) {
    if (is_whole(*step, *db)) staying[*step] = check_and_start(*step, *db, held, seen_to);
  }
  for (auto part = parts_.rbegin(); part != parts_.rend(); ++part) {
    const auto whole = staying.find(part->step);
    if (!part->own && whole != staying.end()) bring_up(*part, held, whole->second, seen_to);
  }
  const bool all_well = std::ranges::all_of(group_, [&](std::uint32_t step) {
    const auto found = staying.find(step);
    if (found == staying.end()) return !session_.plan().steps[step].island;
    return found->second.trouble.empty();
  });
  std::vector<HeldUnit> others;
  for (const std::string& name : others_) others.push_back({name, "", true, false, false});
  // They might take with them what is to stay down.
  if (all_well) let_go_and_start(others, *session_.ports().units, *session_.ports().holds);
  session_.ports().holds->forget_restarts(seen_to);
}

}  // namespace aptkeep
