// Units in memory, and runs of a package that has some.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "engine/services.h"

namespace aptkeep {

// A service manager in memory. Units in `broken` do not start; those in `late` only the second
// time.
class FakeUnits final : public Units {
 public:
  std::map<std::string, UnitFacts> all;
  bool stopping = false;
  std::set<std::string> denied;  // "stop foo.service": by a policy-rc.d
  std::set<std::string> broken, late;
  std::set<std::string> unreloadable;  // whose reload fails
  std::set<std::string> refusing;      // systemd does not restart these
  std::vector<std::string> log;

  UnitFacts& add(const std::string& name, const std::string& active = "active") {
    UnitFacts& unit = all[name];
    unit.name = name;
    unit.load_state = "loaded";
    unit.active_state = active;
    unit.sub_state = active == "active" ? "running" : "dead";
    unit.file_state = "enabled";
    unit.type = "simple";
    return unit;
  }
  void stop(const std::string& name) { all.at(name).active_state = "inactive"; }

  bool may(const std::string& verb, const std::string& name) override {
    return !denied.contains(verb + " " + name);
  }
  Result<std::vector<UnitFacts>> loaded() override {
    std::vector<UnitFacts> units;
    for (const auto& [name, unit] : all) {
      if (unit.active_state != "inactive") units.push_back(unit);
    }
    return units;
  }
  Result<std::map<std::string, UnitFacts>> ask(const std::vector<std::string>& names) override {
    std::map<std::string, UnitFacts> found;
    for (const std::string& name : names) {
      UnitFacts none;
      none.load_state = "not-found";
      none.active_state = "inactive";
      found[name] = all.contains(name) ? all.at(name) : none;
    }
    return found;
  }
  Status act(const std::string& verb, const std::vector<std::string>& names) override {
    std::string line = verb;
    bool failed = false;
    for (const std::string& name : names) {
      line += " " + name;
      if (!all.contains(name)) continue;
      if (verb == "reload" && unreloadable.contains(name)) failed = true;
      if (verb == "stop") stop(name);
      if (verb == "restart" && refusing.contains(name)) continue;
      if (verb == "start" || verb == "restart") start(name);
      if (verb == "restart" && all[name].start_mark != 0) ++all[name].start_mark;
    }
    log.push_back(line);
    return failed ? Status(Error{"a reload failed"}) : success();
  }
  bool shuts_down() override { return stopping; }
  // What becomes of units meanwhile.
  std::function<void(FakeUnits&, int now)> meanwhile;  // milliseconds since the first pause
  int now = 0;
  void pause(int milliseconds) override {
    now += milliseconds;
    if (meanwhile) meanwhile(*this, now);
  }
  std::string journal(const std::string& unit) override { return "last words of " + unit; }

 private:
  void start(const std::string& name) {
    UnitFacts& unit = all.at(name);
    const bool refused =
        std::any_of(unit.triggers.begin(), unit.triggers.end(), [&](const std::string& service) {
          return name.ends_with(".socket") && all.at(service).is_up();
        });
    if (broken.contains(name) || refused || late.erase(name) != 0) {
      unit.active_state = unit.sub_state = "failed";
    } else {
      unit.active_state = "active";
    }
  }
};

class ServicesTest : public ::testing::Test {
 protected:
  ServicesTest()
      : path_(::testing::TempDir() + "/services-" + std::to_string(::getpid()) + ".db"),
        store_(open(path_)) {}
  ~ServicesTest() override {
    for (const char* end : {"", "-wal", "-shm"}) std::filesystem::remove(path_ + end);
  }
  static Store open(const std::string& path) {
    std::filesystem::remove(path);
    auto store = Store::open(path, Store::Mode::ReadWrite);
    EXPECT_TRUE(store) << store.error().message;
    return std::move(*store);
  }

  void begin(const std::vector<std::string>& packages) {
    std::vector<Step> steps;
    for (const std::string& package : packages) {
      Step step;
      step.package = package;
      step.old_version = "1.0";
      step.new_version = "2.0";
      steps.push_back(step);
    }
    const auto noted = note_units(7, steps, ports_, checks_);
    ASSERT_TRUE(noted) << noted.error().message;
  }
  std::vector<UnitRecord> end() {
    auto records = store_.units(7);
    EXPECT_TRUE(records);
    auto trouble = restore_units(
        7, std::move(*records), [this](const std::string& package) { return standing_[package]; },
        ports_);
    EXPECT_TRUE(trouble);
    return trouble ? *trouble : std::vector<UnitRecord>{};
  }
  std::vector<std::string> recorded() {
    std::vector<std::string> names;
    const auto units = store_.units(7);
    EXPECT_TRUE(units);
    for (const UnitRecord& unit : *units) {
      names.push_back(unit.name + (unit.wanted ? "" : " (not wanted)"));
    }
    return names;
  }

  std::string path_;
  Store store_;
  FakeUnits units_;
  UnitsOfPackages files_{{"foo:amd64", {"foo.service", "foo.socket", "foo@.service"}}};
  std::map<std::string, Standing> standing_;
  ChecksOfPackages checks_;
  ServicePorts ports_{units_, store_, [](const std::string&) {},
                      [this](const std::vector<std::string>& packages) -> Result<UnitsOfPackages> {
                        UnitsOfPackages found;
                        for (const std::string& package : packages) {
                          if (files_.contains(package)) found[package] = files_[package];
                        }
                        return found;
                      }};
};

class PutOffTest : public ServicesTest {
 protected:
  PutOffTest() {
    ports_.put_off = [this] { return put_off_; };
    ports_.forget_put_off = [this] { put_off_.clear(); };
    units_.add("foo.service");
    standing_["foo:amd64"] = Standing::Upgraded;
    begin({"foo:amd64"});
    put_off_ = {{PutOff::Kind::Restart, "foo.service", "foo:amd64"}};
  }
  std::vector<PutOff> put_off_;
};

}  // namespace aptkeep
