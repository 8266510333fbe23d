#include "core/parking.h"

#include <algorithm>
#include <array>

namespace aptkeep {
namespace {

// Asked by scripts of their own and of other packages: for messages, names of users and hosts,
// devices, permissions, databases, printers. "systemd" stands for all that is systemd's.
constexpr std::array<std::string_view, 18> kAsked = {
    "dbus",   "dbus-broker", "systemd", "syslog",  "rsyslog", "syslog-ng",
    "udev",   "sssd",        "nscd",    "unscd",   "nslcd",   "winbind",
    "polkit", "snapd",       "mysql",   "mariadb", "cups",    "gpg-agent"};

// Of "mariadb@x.service" "mariadb", of "sssd-nss.socket" "sssd".
bool is_of(std::string_view unit, std::string_view name) {
  const std::string_view base = unit.substr(0, unit.find_first_of("@."));
  return base == name || (base.starts_with(name) && base[name.size()] == '-');
}

bool is_systems(std::string_view address) {
  return address == "/dev/log" || address.starts_with("/run/systemd/") ||
         address.starts_with("/run/dbus/") || address.starts_with("/run/udev/");
}

std::string why_not_socket(const UnitFacts& socket, const std::string& name) {
  if (socket.accepts) return name + " has a process started for each client (Accept=yes)";
  if (socket.listens.empty()) return "it is not known what " + name + " listens on";
  for (const std::string& listener : socket.listens) {
    const auto blank = std::min(listener.find(' '), listener.size());
    const std::string type = listener.substr(0, blank);
    const std::string address = listener.substr(std::min(blank + 1, listener.size()));
    // A datagram's sender is not told to wait: it is blocked when the queue is full, or not heard.
    if (type != "Stream")
      return name + " listens on more than streams (" + type + " " + address + ")";
    if (is_systems(address)) return name + " is what all of the system talks to (" + address + ")";
  }
  return {};
}

const UnitFacts* find(const std::map<std::string, UnitFacts>& now, const std::string& unit) {
  const auto found = now.find(unit);
  return found == now.end() ? nullptr : &found->second;
}

}  // namespace

std::vector<std::string> sockets_of(const UnitFacts& service,
                                    const std::map<std::string, UnitFacts>& now) {
  std::vector<std::string> sockets;
  for (const std::string& trigger : service.triggered_by) {
    const UnitFacts* its = trigger.ends_with(".socket") ? find(now, trigger) : nullptr;
    if (its != nullptr && its->is_up()) sockets.push_back(trigger);
  }
  return sockets;
}

std::string why_never_parked(std::string_view unit) {
  const bool asked =
      std::ranges::any_of(kAsked, [&](std::string_view name) { return is_of(unit, name); });
  return asked ? "maintainer scripts may ask it for something, and would wait for themselves" : "";
}

std::string why_not_parked(const UnitFacts& service, const std::map<std::string, UnitFacts>& now) {
  if (std::string why = why_never_parked(service.name); !why.empty()) return why;
  if (service.load_state != "loaded") return "systemd does not have it loaded";
  if (service.type == "dbus") return "it is called on the bus as well, where nobody waits for long";
  if (service.type == "oneshot") return "it is a oneshot, which nobody waits for";
  if (service.refuses_stop) return "systemd lets nobody stop it";
  for (const std::string& name : sockets_of(service, now)) {
    const UnitFacts& socket = now.at(name);
    if (std::string why = why_never_parked(name); !why.empty()) return why;
    if (std::string why = why_not_socket(socket, name); !why.empty()) return why;
    if (std::ranges::count(socket.goes_with, service.name) > 0)
      return name + " is stopped together with it (PartOf, Requires or BindsTo)";
    if (socket.triggers.size() > 1) return name + " starts other units as well";
  }
  return {};
}

std::vector<std::string> faults_of_parking(const Rule& rule) {
  std::vector<std::string> faults;
  if (rule.sockets != SocketMode::Park) return faults;
  if (rule.service_class && *rule.service_class != ServiceClass::Stop)
    faults.emplace_back("Sockets: park counts for nothing: it is about services of class stop");
  for (const std::string& unit : rule.services.entries) {
    const std::string why = why_never_parked(unit);
    if (!why.empty()) faults.push_back(unit + " is stopped, and not parked: " + why);
  }
  return faults;
}

}  // namespace aptkeep
