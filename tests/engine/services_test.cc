// What is recorded of units when a run begins, and started again at its end.
#include "engine/services.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <set>

namespace aptkeep {
namespace {

// A service manager in memory. Units in `broken` do not start; those in `late` only the second
// time.
class FakeUnits final : public Units {
 public:
  std::map<std::string, UnitFacts> all;
  bool stopping = false;
  std::set<std::string> broken, late;
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
    for (const std::string& name : names) {
      line += " " + name;
      if (!all.contains(name)) continue;
      if (verb == "stop") stop(name);
      if (verb == "start" || verb == "restart") start(name);
    }
    log.push_back(line);
    return success();
  }
  bool shuts_down() override { return stopping; }
  void settle() override {}
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
    const auto noted = note_units(7, steps, ports_);
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
  ServicePorts ports_{units_, store_, [](const std::string&) {},
                      [this](const std::vector<std::string>& packages) -> Result<UnitsOfPackages> {
                        UnitsOfPackages found;
                        for (const std::string& package : packages) {
                          if (files_.contains(package)) found[package] = files_[package];
                        }
                        return found;
                      }};
};

using Strings = std::vector<std::string>;

TEST_F(ServicesTest, WhatIsRecorded) {
  UnitFacts& foo = units_.add("foo.service");
  foo.triggered_by = {"foo.socket", "other.timer", "stopped.path"};
  foo.related = {"user.service", "system.slice", "multi-user.target"};
  units_.add("foo.socket");
  units_.add("foo@one.service");
  units_.add("other.timer");
  units_.add("user.service");
  units_.add("stopped.path", "inactive");
  units_.add("stranger.service");
  begin({"foo:amd64", "bar:amd64"});
  EXPECT_EQ(recorded(), (Strings{"foo.service", "foo.socket", "foo@one.service", "other.timer",
                                 "user.service"}));
  // A later plan of the run finds it stopped, and changes nothing of what was.
  units_.stop("foo.service");
  begin({"foo:amd64"});
  EXPECT_EQ(recorded().front(), "foo.service");
}

TEST_F(ServicesTest, NothingIsAskedWhereNoPackageHasUnits) {
  begin({"bar:amd64"});
  EXPECT_TRUE(recorded().empty());
  EXPECT_TRUE(end().empty());
  EXPECT_TRUE(units_.log.empty());
}

TEST_F(ServicesTest, NothingIsDoneWhereAllRuns) {
  units_.add("foo.service");
  begin({"foo:amd64"});
  EXPECT_TRUE(end().empty());
  EXPECT_TRUE(units_.log.empty());
}

TEST_F(ServicesTest, SocketsComeBeforeServices) {
  units_.add("foo.service").triggered_by = {"foo.socket"};
  units_.add("foo.socket").triggers = {"foo.service"};
  begin({"foo:amd64"});
  units_.stop("foo.service");
  units_.stop("foo.socket");
  EXPECT_TRUE(end().empty());
  EXPECT_EQ(units_.log, (Strings{"daemon-reload ", "reset-failed foo.socket", "start foo.socket",
                                 "reset-failed foo.service", "start foo.service"}));
}

TEST_F(ServicesTest, ASocketWhoseServiceRunsGetsItsServiceStopped) {
  units_.add("foo.service").triggered_by = {"foo.socket"};
  units_.add("foo.socket").triggers = {"foo.service"};
  begin({"foo:amd64"});
  units_.stop("foo.socket");
  EXPECT_TRUE(end().empty());
  EXPECT_TRUE(units_.all.at("foo.socket").is_up());
  EXPECT_TRUE(units_.all.at("foo.service").is_up());
}

TEST_F(ServicesTest, ASecondTryHelpsWhoWasTooEarly) {
  units_.add("foo.service");
  units_.add("foo@one.service");
  begin({"foo:amd64"});
  units_.stop("foo.service");
  units_.stop("foo@one.service");
  units_.late = {"foo.service"};
  EXPECT_TRUE(end().empty());
  // The one that was up after the first is not started again.
  EXPECT_EQ(units_.log.back(), "start foo.service");
}

TEST_F(ServicesTest, WhoDoesNotStartIsToldAndRecorded) {
  units_.add("foo.service");
  begin({"foo:amd64"});
  units_.stop("foo.service");
  units_.broken = {"foo.service"};
  const auto trouble = end();
  ASSERT_EQ(trouble.size(), 1U);
  EXPECT_EQ(trouble[0].trouble, "does not start again: it is failed (failed)");
  EXPECT_EQ(trouble[0].journal, "last words of foo.service");
  EXPECT_EQ(store_.units(7)->front().trouble, trouble[0].trouble);
  // Mended: nothing is left of it.
  units_.broken.clear();
  EXPECT_TRUE(end().empty());
  EXPECT_EQ(store_.units(7)->front().trouble, "");
  EXPECT_EQ(store_.units(7)->front().journal, "");
}

TEST_F(ServicesTest, AnHeirIsStarted) {
  files_ = {{"foo:amd64", {"old.service"}}};
  units_.add("old.service");
  begin({"foo:amd64"});
  units_.all.erase("old.service");
  files_ = {{"foo:amd64", {"new.service", "new@.service"}}};
  units_.add("new.service", "inactive");
  EXPECT_TRUE(end().empty());
  EXPECT_TRUE(units_.all.at("new.service").is_up());
  units_.stop("new.service");
  units_.broken = {"new.service"};
  const auto trouble = end();
  ASSERT_EQ(trouble.size(), 1U);
  EXPECT_EQ(trouble[0].name, "old.service");
  EXPECT_EQ(trouble[0].trouble,
            "new.service, which takes its place, does not start again: it is failed (failed)");
}

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

TEST_F(PutOffTest, ARestartIsMadeAtTheEnd) {
  EXPECT_TRUE(end().empty());
  EXPECT_EQ(units_.log, (Strings{"daemon-reload ", "restart foo.service"}));
  EXPECT_TRUE(put_off_.empty());
}

TEST_F(PutOffTest, ASocketIsRestartedWhileItsServiceIsStopped) {
  units_.add("foo.socket").triggers = {"foo.service"};
  put_off_.push_back({PutOff::Kind::Restart, "foo.socket", "foo:amd64"});
  EXPECT_TRUE(end().empty());
  EXPECT_EQ(units_.log, (Strings{"daemon-reload ", "stop foo.service foo.socket",
                                 "start foo.socket", "start foo.service"}));
}

// Only the socket is up; nobody has asked for the service yet.
TEST_F(PutOffTest, ASocketAloneIsRestartedAlone) {
  units_.add("foo.socket").triggers = {"foo.service"};
  units_.stop("foo.service");
  units_.all.at("foo.service").file_state = "static";
  units_.all.at("foo.service").triggered_by = {"foo.socket"};
  put_off_ = {{PutOff::Kind::Restart, "foo.socket", "foo:amd64"}};
  end();
  EXPECT_EQ(units_.log, (Strings{"daemon-reload ", "stop foo.socket", "start foo.socket"}));
}

TEST_F(PutOffTest, WhatIsDownByThenIsStartedAsAllElse) {
  units_.stop("foo.service");
  EXPECT_TRUE(end().empty());
  EXPECT_EQ(units_.log.back(), "start foo.service");
}

TEST_F(PutOffTest, WhatDoesNotComeBackIsTriedAgainAndTold) {
  units_.broken = {"foo.service"};
  ASSERT_EQ(end().size(), 1U);
  EXPECT_TRUE(put_off_.empty());
}

TEST_F(PutOffTest, ItsPackageHasToBeWhole) {
  standing_["foo:amd64"] = Standing::Unfinished;
  const auto trouble = end();
  ASSERT_EQ(trouble.size(), 1U);
  EXPECT_EQ(trouble[0].trouble, "it was not restarted, because its package is not configured");
  EXPECT_TRUE(units_.log.empty());
}

TEST_F(PutOffTest, TheServiceThatTheRunIsMadeInIsNotRestarted) {
  ports_.own_unit = "foo.service";
  const auto trouble = end();
  ASSERT_EQ(trouble.size(), 1U);
  EXPECT_EQ(trouble[0].trouble, "it was not restarted, because this run was made in it");
  EXPECT_TRUE(units_.log.empty());
}

TEST_F(PutOffTest, WhatWaitsForTheNextBootIsOnlyTold) {
  put_off_[0].kind = PutOff::Kind::Reboot;
  const auto trouble = end();
  ASSERT_EQ(trouble.size(), 1U);
  EXPECT_EQ(trouble[0].trouble, "the version from before runs until the next boot");
  EXPECT_TRUE(units_.log.empty());
  standing_["foo:amd64"] = Standing::Unchanged;
  put_off_ = {{PutOff::Kind::Reboot, "foo.service", "foo:amd64"}};
  EXPECT_TRUE(end().empty()) << "it was put back";
}

TEST_F(PutOffTest, WhatAScriptCouldNotStartIsTriedAgain) {
  units_.add("new.service");
  units_.stop("new.service");
  put_off_ = {{PutOff::Kind::Failed, "new.service", "foo:amd64"}};
  EXPECT_TRUE(end().empty());
  EXPECT_EQ(units_.log,
            (Strings{"daemon-reload ", "reset-failed new.service", "start new.service"}));
}

TEST_F(PutOffTest, WhatAScriptCouldNotStartIsTold) {
  units_.add("new.service");
  units_.stop("new.service");
  units_.broken = {"new.service"};
  put_off_ = {{PutOff::Kind::Failed, "new.service", "foo:amd64"}};
  const auto trouble = end();
  ASSERT_EQ(trouble.size(), 1U);
  EXPECT_EQ(trouble[0].name, "new.service");
  EXPECT_EQ(trouble[0].package, "foo:amd64");
  EXPECT_TRUE(trouble[0].trouble.starts_with("its package could not start it: it is "));
  EXPECT_FALSE(trouble[0].wanted);
  const auto kept = store_.units(7);
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->size(), 2u);
}

TEST_F(PutOffTest, NothingIsStartedWhileTheSystemShutsDown) {
  units_.stopping = true;
  units_.stop("foo.service");
  EXPECT_TRUE(end().empty());
  EXPECT_TRUE(units_.log.empty());
  EXPECT_TRUE(put_off_.empty());
}

TEST_F(PutOffTest, ARemovedPackagesServiceIsNot) {
  standing_["foo:amd64"] = Standing::Gone;
  EXPECT_TRUE(end().empty());
  EXPECT_TRUE(units_.log.empty());
}

TEST_F(ServicesTest, WhatDpkgHasNotConfiguredStaysDown) {
  units_.add("foo.service");
  begin({"foo:amd64"});
  units_.stop("foo.service");
  standing_["foo:amd64"] = Standing::Unfinished;
  const auto trouble = end();
  ASSERT_EQ(trouble.size(), 1U);
  EXPECT_EQ(trouble[0].trouble, "its package is not configured");
  EXPECT_TRUE(units_.log.empty());
}

}  // namespace
}  // namespace aptkeep
