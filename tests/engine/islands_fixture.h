// Runs of packages whose services go down, against a dpkg, a service manager and holds in memory.
#pragma once

#include <algorithm>

#include "run_fixture.h"
#include "services_fixture.h"

namespace aptkeep {

class MemoryHolds final : public Holds {
 public:
  std::vector<HeldUnit> held;
  std::vector<std::string> forgotten;
  std::vector<std::string> answered;

  Status put(const std::vector<HeldUnit>& units) override {
    for (const HeldUnit& one : units) {
      const auto same = [&](const HeldUnit& other) { return other.unit == one.unit; };
      if (std::none_of(held.begin(), held.end(), same)) held.push_back(one);
    }
    return success();
  }
  std::vector<HeldUnit> all() override { return held; }
  void let_go(const std::vector<std::string>& units) override {
    std::erase_if(held, [&](const HeldUnit& one) {
      return std::find(units.begin(), units.end(), one.unit) != units.end();
    });
  }
  Status park(const HeldUnit& service, const std::vector<std::string>& sockets) override {
    if (!parks) return Error{"unable to park " + service.unit + ": a test says so"};
    log.push_back("park " + service.unit);
    std::vector<HeldUnit> all{service};
    for (const std::string& socket : sockets)
      all.push_back({socket, service.package, true, service.waits, true});
    return put(all);
  }
  void unpark(const std::string& service, bool close) override {
    log.push_back((close ? "close " : "unpark ") + service);
    if (on_unpark) on_unpark(service, close);
  }
  Status enforce(const std::vector<std::string>& units) override {
    for (const std::string& unit : units) log.push_back("enforce " + unit);
    return success();
  }
  bool parks = true;
  std::vector<std::string> log;
  std::function<void(const std::string& service, bool close)> on_unpark;
  void answer_on_bus(const std::vector<std::string>& units) override {
    for (const std::string& unit : units) answered.push_back(unit);
  }
  void forget_restarts(const std::vector<std::string>& units) override { forgotten = units; }
};

// Writes what it does among dpkg's calls.
class LoggedUnits final : public Units {
 public:
  LoggedUnits(FakeUnits& units, World& world) : units_(units), world_(world) {}
  std::set<std::string> stubborn;  // they do not stop

  Result<std::vector<UnitFacts>> loaded() override { return units_.loaded(); }
  Result<std::map<std::string, UnitFacts>> ask(const std::vector<std::string>& names) override {
    return units_.ask(names);
  }
  Status act(const std::string& verb, const std::vector<std::string>& names) override {
    std::vector<std::string> call{"systemctl", verb};
    call.insert(call.end(), names.begin(), names.end());
    world_.calls.push_back(call);
    std::vector<std::string> obedient = names;
    std::erase_if(obedient, [&](const std::string& name) {
      return verb == "stop" && stubborn.contains(name);
    });
    return units_.act(verb, obedient);
  }
  bool may(const std::string& verb, const std::string& name) override {
    return units_.may(verb, name);
  }
  bool shuts_down() override { return false; }
  void pause(int) override {}
  std::string journal(const std::string&) override { return {}; }

 private:
  FakeUnits& units_;
  World& world_;
};

class IslandsTest : public RunTest {
 protected:
  std::uint32_t daemon(const std::string& name, Archive archive = {}) {
    archive.package = name;
    archive.version = "2.0";
    const std::uint32_t step = upgrade(archive);
    plan_.steps[step].island = Island{};
    plan_.steps[step].island->units = {name + ".service"};
    plan_.steps[step].island->why = "a test says so";
    units_.add(name + ".service");
    return step;
  }
  void with_socket(const std::string& name) {
    UnitFacts& socket = units_.add(name + ".socket");
    socket.triggers = {name + ".service"};
    units_.all[name + ".service"].triggered_by = {name + ".socket"};
  }
  void adapt(CallPorts& ports) override {
    ports.units = &logged_;
    ports.holds = &holds_;
    ports.failure_of = [this](const std::string& command) {
      world_.calls.push_back({"command", command});
      if (interrupts_.contains(command)) interrupted_ = true;
      if (interrupted_) return std::string("it was interrupted");
      return fails_.contains(command) ? "exit status 1\nwrong: /etc/x\nwrong: /etc/y"
                                      : std::string();
    };
    ports.interrupted = [this] { return interrupted_; };
    ports.back_up =
        [this](const std::string& package,
               const std::vector<std::string>& commands) -> Result<std::vector<std::string>> {
      for (const std::string& command : commands) {
        world_.calls.push_back({"command", command});
        if (interrupts_.contains(command)) interrupted_ = true;
        if (interrupted_ || fails_.contains(command)) return Error{command + ": exit status 1"};
      }
      return std::vector<std::string>{"/backups/" + package + "/1"};
    };
  }
  // "unpack a.deb", "configure foo", "stop foo.service" ..., without options.
  std::vector<std::string> log() const {
    std::vector<std::string> lines;
    for (const auto& call : world_.calls) {
      std::string line;
      for (const std::string& word : call) {
        const bool skipped = word == "systemctl" || word == "9" || word == "--status-fd" ||
                             word == "--abort-after=1" || word == "--no-triggers";
        if (skipped || (call.front() == "systemctl" && call[1] == "reset-failed")) continue;
        std::string plain = word.starts_with("--") ? word.substr(2) : word;
        if (plain.starts_with("/archives/")) plain = plain.substr(10);
        line += (line.empty() ? "" : " ") + plain;
      }
      if (!line.empty()) lines.push_back(line);
    }
    return lines;
  }
  bool is_active(const std::string& unit) { return units_.all.at(unit).is_up(); }

  FakeUnits units_;
  LoggedUnits logged_{units_, world_};
  MemoryHolds holds_;
  std::set<std::string> fails_;
  std::set<std::string> interrupts_;  // a person's Ctrl-C comes amid these
  bool interrupted_ = false;
};

}  // namespace aptkeep
