#include "core/service_class.h"

#include <gtest/gtest.h>

namespace aptkeep {
namespace {

UnitFacts unit(const std::string& name, const std::string& type = "simple") {
  UnitFacts facts;
  facts.name = name;
  facts.load_state = "loaded";
  facts.active_state = "active";
  facts.sub_state = "running";
  facts.file_state = "enabled";
  facts.type = name.ends_with(".service") ? type : "";
  return facts;
}

ScriptActions stops() {
  return {.stops = true, .where = "preinst: deb-systemd-invoke stop x.service"};
}
ScriptActions restarts() {
  return {.restarts = true, .where = "postinst: deb-systemd-invoke restart x.service"};
}
ScriptActions starts() {
  return {.starts = true, .where = "postinst: deb-systemd-invoke start x.service"};
}

class DeriveClass : public ::testing::Test {
 protected:
  UnitFacts& add(const UnitFacts& facts) { return now_[facts.name] = facts; }
  // x.service, and a trigger of it that is up.
  void triggered_by(const std::string& trigger, std::vector<std::string> listens = {}) {
    UnitFacts& facts = add(unit(trigger));
    facts.listens = std::move(listens);
    facts.triggers = {"x.service"};
    x_.triggered_by.push_back(trigger);
  }
  std::string derived(const std::string& name = "x.service") {
    add(x_);
    static const char* const kWords[] = {"stop", "early", "end", "never", "stock"};
    const auto found = derive_class(name, now_.at(name), now_, scripts_);
    return found ? std::string(kWords[static_cast<int>(found->value)]) + ": " + found->why : "none";
  }

  UnitFacts x_ = unit("x.service");
  std::map<std::string, UnitFacts> now_;
  std::map<std::string, ScriptActions> scripts_;
};

constexpr const char* kPreinst = "stop: the new preinst stops it";
constexpr const char* kPostinst = "end: its postinst restarts it";

TEST_F(DeriveClass, ByItsScripts) {
  EXPECT_EQ(derived(), "stock: its scripts do nothing about it");
  scripts_["x.service"] = starts();
  EXPECT_EQ(derived(), "stock: its scripts only start it, so that it runs on meanwhile");
  scripts_["x.service"] = restarts();
  EXPECT_EQ(derived(), kPostinst);
  scripts_["x.service"].where = "postinst for a trigger: deb-systemd-invoke restart x.service";
  EXPECT_EQ(derived(), "end: its package restarts it for a trigger");
  scripts_["x.service"] = stops();
  EXPECT_EQ(derived(), kPreinst);
  scripts_["x.service"].where = "prerm: invoke-rc.d x stop";
  EXPECT_EQ(derived(), "stop: the prerm of the version before stops it");
}

TEST_F(DeriveClass, ByPatternsAliasesAndInstances) {
  scripts_["x@1-*"] = stops();
  add(unit("x@1-main.service"));
  add(unit("x@2-main.service"));
  EXPECT_EQ(derived("x@1-main.service"), kPreinst);
  EXPECT_EQ(derived("x@2-main.service"), "stock: its scripts do nothing about it");
  scripts_["alias.service"] = restarts();
  now_["y.service"] = unit("alias.service");
  EXPECT_EQ(derived("y.service"), kPostinst);
}

TEST_F(DeriveClass, WhatIsOnlyForInitScriptsCountsForThoseOnly) {
  scripts_["/etc/init.d/x"] = restarts();
  EXPECT_EQ(derived(), "stock: its scripts do nothing about it");
  x_.file_state = "generated";
  EXPECT_EQ(derived(), kPostinst);
}

TEST_F(DeriveClass, WhatSystemdRefusesToStop) {
  scripts_["x.service"] = stops();
  x_.refuses_stop = true;
  EXPECT_EQ(derived(), "never: systemd lets nobody stop it (RefuseManualStop)");
}

TEST_F(DeriveClass, ASocketCouldStartItHalfReplaced) {
  scripts_["x.service"] = restarts();
  triggered_by("x.socket", {"Stream /run/x", "Datagram [::]:1"});
  const std::string why =
      "x.socket starts it on demand, so that a client could start it half "
      "replaced";
  EXPECT_EQ(derived(), "stop: " + why);
  EXPECT_EQ(derived("x.socket"), "stop: it starts x.service: " + why);
  scripts_.clear();
  scripts_["x.socket"] = restarts();
  EXPECT_EQ(derived(), "stop: " + why);
  scripts_["x.socket"] = scripts_["x.service"] = starts();
  EXPECT_EQ(derived(), "stock: its scripts only start it, so that it runs on meanwhile");
  scripts_["x.service"] = restarts();
  now_["x.socket"].active_state = "inactive";
  EXPECT_EQ(derived(), kPostinst);
}

TEST_F(DeriveClass, SocketsThatMustNotBeClosed) {
  scripts_["x.service"] = restarts();
  const std::vector<std::vector<std::string>> delicate = {{"Datagram /run/x"},
                                                          {"Stream /run/x", "Datagram /dev/log"},
                                                          {"Stream /run/systemd/journal/stdout"},
                                                          {"FIFO /run/x"},
                                                          {}};
  for (const auto& listens : delicate) {
    triggered_by("x.socket", listens);
    EXPECT_EQ(derived(), kPostinst) << (listens.empty() ? "" : listens.front());
  }
  triggered_by("y.socket", {"Stream /run/y"});
  EXPECT_EQ(derived(), kPostinst) << "one of two";
}

TEST_F(DeriveClass, PathsAndNamesOnTheBusStartItToo) {
  scripts_["x.service"] = restarts();
  triggered_by("x.path");
  EXPECT_TRUE(derived().starts_with("stop: x.path starts it on demand")) << derived();
  x_ = unit("x.service", "dbus");
  EXPECT_EQ(derived(), kPostinst) << "enabled: it runs all the time";
  x_.file_state = "static";
  EXPECT_TRUE(derived().starts_with("stop: its name on the bus starts it")) << derived();
  scripts_.clear();
  EXPECT_EQ(derived(), "stock: its scripts do nothing about it");
}

TEST_F(DeriveClass, TimersAndWhatTheyStart) {
  scripts_["x.service"] = scripts_["x.timer"] = restarts();
  triggered_by("x.timer");
  const std::string on_demand =
      "stop: x.timer starts it on demand, so that a client could start it half replaced";
  EXPECT_EQ(derived(), on_demand);
  x_.type = "oneshot";
  EXPECT_EQ(derived(), "stock: it ends by itself");
  EXPECT_EQ(derived("x.timer"), "stock: it starts x.service: it ends by itself");
  x_.remains = true;
  EXPECT_EQ(derived(), on_demand);
  x_.remains = false;
  scripts_["x.service"] = stops();
  EXPECT_EQ(derived(), kPreinst);
}

TEST_F(DeriveClass, WhatGoesWithAnother) {
  scripts_["x.service"] = stops();
  UnitFacts instance = unit("x@-.service");
  instance.goes_with = {"system.slice", "x.service"};
  add(instance);
  EXPECT_EQ(derived("x@-.service"), "stop: it goes with x.service: the new preinst stops it");
  scripts_["x@-.service"] = starts();
  EXPECT_TRUE(derived("x@-.service").starts_with("stock: ")) << derived("x@-.service");
}

TEST_F(DeriveClass, WhatIsLeftToItsPackage) {
  for (const char* name : {"systemd-udevd.service", "systemd-journald.socket", "iscsid.service",
                           "multipathd.socket"}) {
    scripts_[name] = restarts();
    add(unit(name));
    EXPECT_TRUE(derived(name).starts_with("stock: ")) << name << " " << derived(name);
  }
  for (const char* name :
       {"dbus.service", "ssh.service", "NetworkManager.service", "gdm.service", "ssh@1.service"}) {
    UnitFacts facts = unit(name, "dbus");
    facts.file_state = "static";
    add(facts);
    scripts_[name] = restarts();
    EXPECT_EQ(derived(name), kPostinst) << name;
    scripts_[name] = stops();
    EXPECT_TRUE(derived(name).starts_with("stock: ")) << name << " " << derived(name);
  }
}

TEST_F(DeriveClass, UnitsThatAreNotThereOrNotKnown) {
  scripts_["x.service"] = restarts();
  for (const char* state : {"masked", "not-found", "bad-setting"}) {
    x_.load_state = state;
    EXPECT_EQ(derived(), "none") << state;
  }
  x_ = UnitFacts{};
  x_.name = "x.service";
  EXPECT_EQ(derived(), kPostinst);
  scripts_["x.socket"] = stops();
  now_["x.socket"] = UnitFacts{};
  EXPECT_EQ(derived("x.socket"), kPreinst);
}

TEST_F(DeriveClass, TriggersOfWhatIsNotKnown) {
  add(unit("x.socket"));
  scripts_["x.socket"] = restarts();
  EXPECT_TRUE(derived("x.socket").starts_with("stock: ")) << derived("x.socket");
  scripts_["x.socket"] = stops();
  EXPECT_EQ(derived("x.socket"), kPreinst);
}

}  // namespace
}  // namespace aptkeep
