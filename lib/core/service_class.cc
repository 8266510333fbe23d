#include "core/service_class.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "core/package_pattern.h"

namespace aptkeep {
namespace {

using Scripts = std::map<std::string, ScriptActions>;

// What others hang on, or who upgrades: taken down for the time of an unpack, it would cut them
// off.
constexpr std::array<std::string_view, 25> kCarriers = {"dbus",
                                                        "dbus-broker",
                                                        "polkit",
                                                        "ssh",
                                                        "sshd",
                                                        "NetworkManager",
                                                        "networking",
                                                        "networkd-dispatcher",
                                                        "wpa_supplicant",
                                                        "connman",
                                                        "iwd",
                                                        "dhcpcd",
                                                        "ifplugd",
                                                        "gdm",
                                                        "gdm3",
                                                        "lightdm",
                                                        "sddm",
                                                        "lxdm",
                                                        "xdm",
                                                        "slim",
                                                        "wdm",
                                                        "greetd",
                                                        "nodm",
                                                        "display-manager",
                                                        "packagekit"};
// What the root file system may be on: only its package knows when it may be touched.
constexpr std::array<std::string_view, 8> kStorage = {"iscsid",    "open-iscsi",   "multipathd",
                                                      "dm-event",  "lvm2-monitor", "lvm2-lvmpolld",
                                                      "mdmonitor", "zfs-zed"};

template <std::size_t N>
bool is_among(const std::array<std::string_view, N>& names, std::string_view unit) {
  const std::string_view name = unit.substr(0, unit.find_first_of("@."));
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool is_systemds(std::string_view unit) {
  return unit.starts_with("systemd-") || unit.starts_with("initrd-") ||
         unit.starts_with("getty@") || unit.starts_with("user@") || unit.starts_with("udev.");
}

void add(ScriptActions& all, const ScriptActions& more) {
  const bool decides = more.stops      ? !all.stops
                       : more.restarts ? !all.stops && !all.restarts
                                       : all.where.empty();
  if (decides) all.where = more.where;
  all.stops = all.stops || more.stops;
  all.restarts = all.restarts || more.restarts;
  all.starts = all.starts || more.starts;
}

// By its name, its aliases' and patterns.
ScriptActions actions_on(const std::string& unit, const UnitFacts& facts, const Scripts& scripts) {
  ScriptActions all;
  const bool generated = facts.file_state == "generated";
  for (const auto& [name, actions] : scripts) {
    if (name.starts_with('/')) {
      const bool its = name.substr(name.rfind('/') + 1) + ".service" == unit;
      if (its && generated) add(all, actions);
    } else if (name == unit || name == facts.name || glob_matches(name, unit) ||
               glob_matches(name + ".service", unit)) {
      add(all, actions);
    }
  }
  return all;
}

const UnitFacts* find(const std::map<std::string, UnitFacts>& now, const std::string& unit) {
  const auto found = now.find(unit);
  return found == now.end() ? nullptr : &found->second;
}

// A client that finds it down is not to be kept waiting, or is the system's own log.
bool is_delicate(const UnitFacts& socket) {
  bool stream = false;
  for (const std::string& listener : socket.listens) {
    const auto blank = listener.find(' ');
    const std::string_view address =
        std::string_view(listener).substr(std::min(blank + 1, listener.size()));
    if (address == "/dev/log" || address.starts_with("/run/systemd/journal/")) return true;
    stream = stream || listener.starts_with("Stream ");
  }
  return !stream;
}

// What a client of its would start it through; "": nothing, or nothing that may be closed.
std::string starter_of(const UnitFacts& facts, const std::map<std::string, UnitFacts>& now) {
  std::string starter;
  for (const std::string& trigger : facts.triggered_by) {
    const UnitFacts* its = find(now, trigger);
    if (its == nullptr || !its->is_up()) continue;
    if (trigger.ends_with(".socket") && is_delicate(*its)) return "";
    if (starter.empty()) starter = trigger;
  }
  const bool on_bus = facts.type == "dbus" && facts.file_state == "static";
  return starter.empty() && on_bus ? "its name on the bus" : starter;
}

std::string stopper_of(const ScriptActions& actions) {
  return actions.where.starts_with("prerm") ? "the prerm of the version before stops it"
                                            : "the new preinst stops it";
}

std::string restarter_of(const ScriptActions& actions) {
  return actions.where.starts_with("postinst for a trigger")
             ? "its package restarts it for a trigger"
             : "its postinst restarts it";
}

DerivedClass by_scripts(const ScriptActions& actions) {
  if (actions.stops) return {ServiceClass::Stop, stopper_of(actions)};
  if (actions.restarts) return {ServiceClass::End, restarter_of(actions)};
  if (actions.starts)
    return {ServiceClass::Stock, "its scripts only start it, so that it runs on meanwhile"};
  return {ServiceClass::Stock, "its scripts do nothing about it"};
}

bool ends_by_itself(const UnitFacts& facts) {
  return facts.type == "oneshot" && !facts.remains;
}

DerivedClass derive_service(const std::string& unit, const UnitFacts& facts,
                            const std::map<std::string, UnitFacts>& now, const Scripts& scripts) {
  const ScriptActions own = actions_on(unit, facts, scripts);
  if (own.stops) return by_scripts(own);
  if (ends_by_itself(facts)) return {ServiceClass::Stock, "it ends by itself"};
  if (!own.restarts && !own.starts) {
    for (const std::string& above : facts.goes_with) {
      if (!above.ends_with(".service") && !above.ends_with(".target")) continue;
      const UnitFacts* its = find(now, above);
      const ScriptActions with = actions_on(above, its == nullptr ? UnitFacts{} : *its, scripts);
      DerivedClass derived = by_scripts(with);
      if (derived.value == ServiceClass::Stock) continue;
      derived.why = "it goes with " + above + ": " + derived.why;
      return derived;
    }
  }
  const std::string starter = starter_of(facts, now);
  const bool anew = own.restarts || actions_on(starter, {}, scripts).restarts;
  if (anew && !starter.empty()) {
    return {ServiceClass::Stop,
            starter + " starts it on demand, so that a client could start it half replaced"};
  }
  return by_scripts(own);
}

// What starts a service goes with it: before it, and after.
DerivedClass derive_trigger(const std::string& unit, const UnitFacts& facts,
                            const std::map<std::string, UnitFacts>& now, const Scripts& scripts) {
  const ScriptActions own = actions_on(unit, facts, scripts);
  for (const std::string& service : facts.triggers) {
    const UnitFacts* its = find(now, service);
    if (its == nullptr) continue;
    const auto derived = derive_class(service, *its, now, scripts);
    if (!derived) continue;
    return {derived->value, "it starts " + service + ": " + derived->why};
  }
  if (own.stops) return by_scripts(own);
  return {ServiceClass::Stock, "nothing that it starts is known to run on"};
}

}  // namespace

std::optional<DerivedClass> derive_class(const std::string& unit, const UnitFacts& facts,
                                         const std::map<std::string, UnitFacts>& now,
                                         const Scripts& scripts) {
  if (!facts.load_state.empty() && facts.load_state != "loaded") return std::nullopt;
  if (facts.refuses_stop)
    return DerivedClass{ServiceClass::Never, "systemd lets nobody stop it (RefuseManualStop)"};
  if (is_systemds(unit))
    return DerivedClass{ServiceClass::Stock, "it is systemd's own, and its package sees to it"};
  if (is_among(kStorage, unit))
    return DerivedClass{ServiceClass::Stock, "file systems may hang on it, and its package knows"};
  if (is_among(kCarriers, unit)) {
    DerivedClass derived = by_scripts(actions_on(unit, facts, scripts));
    if (derived.value == ServiceClass::Stop) derived.value = ServiceClass::Stock;
    return derived;
  }
  if (is_trigger(unit) && !facts.load_state.empty())
    return derive_trigger(unit, facts, now, scripts);
  return derive_service(unit, facts, now, scripts);
}

}  // namespace aptkeep
