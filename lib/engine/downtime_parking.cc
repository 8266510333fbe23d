// Of what goes down, what keeps its sockets open; and holds where somebody has taken their
// condition away.
#include <algorithm>

#include "core/denied_units.h"
#include "core/parking.h"
#include "engine/downtime.h"

namespace aptkeep {

// Takes their sockets out of `triggers`. What was parked in the plan may be otherwise by now.
void Downtime::choose_parked(Part& part, std::set<std::string>& triggers) {
  const auto& wanted = session_.plan().steps[part.step].island->parked;
  if (!part.own || wanted.empty()) return;
  // By whoever was cut off.
  for (const HeldUnit& one : session_.ports().holds->all()) {
    if (one.parked && !is_trigger(one.unit)) parked_.insert(one.unit);
  }
  for (const std::string& name : part.services) {
    const auto sockets = sockets_of(before_.at(name), before_);
    const bool is_meant = std::ranges::any_of(sockets, [&](const std::string& socket) {
      return std::ranges::count(wanted, socket) > 0 && triggers.contains(socket);
    });
    if (!is_meant) continue;
    const std::string why = parked_.contains(name) ? "" : why_not_parked(before_.at(name), before_);
    if (!why.empty()) {
      session_.ports().say(name + " is stopped with its sockets, and not parked: " + why);
      continue;
    }
    part.parked.push_back(name);
    for (const std::string& socket : sockets) {
      triggers.erase(socket);
      part.sockets.push_back(socket);
    }
  }
}

// Somebody has taken the condition away that a hold is.
void Downtime::enforce(const Part& part) {
  std::vector<std::string> loose;
  for (const std::string& name : names_of(part)) {
    if (!before_.at(name).unheld_by.empty()) loose.push_back(name);
  }
  if (loose.empty()) return;
  const Status done = session_.ports().holds->enforce(loose);
  if (!done) return session_.ports().say(done.error().message);
  (void)session_.ports().units->act("daemon-reload", {""});
}

// What cannot be parked is stopped as all else is.
void Downtime::park(Part& part) {
  std::vector<std::string> parked;
  for (const std::string& name : part.parked) {
    if (parked_.contains(name)) {
      parked.push_back(name);
      continue;
    }
    const bool waits = !part.own || this->waits(part.step);
    const HeldUnit held{name, session_.plan().steps[part.step].package, is_up(name), waits, true};
    const auto sockets = sockets_of(before_.at(name), before_);
    const Status done = session_.ports().holds->park(held, sockets);
    if (done) {
      parked.push_back(name);
      continue;
    }
    session_.ports().say(done.error().message + ": it is stopped with its sockets");
    for (const std::string& socket : sockets) {
      std::erase(part.sockets, socket);
      part.triggers.push_back(socket);
    }
  }
  part.parked = std::move(parked);
}

// Its scripts would not be let either. Who may not be started again is not stopped, nor what would
// go down with it.
void Downtime::leave_out_denied(const Part& part, std::set<std::string>& names) {
  Units& units = *session_.ports().units;
  const auto may = [&](const std::string& verb, const std::string& name) {
    return units.may(verb, name);
  };
  const std::string package = session_.shown(session_.plan().steps[part.step].package);
  for (const std::string& name : take_out_denied(names, before_, may))
    session_.ports().say(goes_on_text(name, package));
}

}  // namespace aptkeep
