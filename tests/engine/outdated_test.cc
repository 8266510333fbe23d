// What needrestart finds, and what becomes of it at the run's end.
#include "engine/outdated.h"

#include "services_fixture.h"

namespace aptkeep {
namespace {

using Strings = std::vector<std::string>;

TEST(ParseOutdated, AllLines) {
  const auto found = parse_outdated(
      "mode a\nrestart a.service\nleft b.service\nspecial systemd-manager /etc/x/systemd-manager\n"
      "other session of root @ session #1\nend\n");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->mode, Outdated::Mode::Restart);
  EXPECT_EQ(found->units, Strings{"a.service"});
  EXPECT_EQ(found->left, Strings{"b.service"});
  ASSERT_EQ(found->special.size(), 1U);
  EXPECT_EQ(found->special[0].program, "/etc/x/systemd-manager");
  EXPECT_EQ(found->other, Strings{"session of root @ session #1"});
}

TEST(ParseOutdated, WhatIsNotWholeIsNothing) {
  for (const char* text : {"", "mode a\nrestart a.service\n", "mode a\nunknown x\nend\n",
                           "restart \nend\n", "special x relative\nend\n"}) {
    EXPECT_FALSE(parse_outdated(text)) << text;
  }
  EXPECT_EQ(parse_outdated("mode l\nend\n")->mode, Outdated::Mode::List);
  EXPECT_EQ(parse_outdated("mode i\nend\n")->mode, Outdated::Mode::Ask);
}

class OutdatedTest : public PutOffTest {
 protected:
  OutdatedTest() {
    put_off_.clear();
    found_.mode = Outdated::Mode::Restart;
    for (const char* unit : {"a.service", "b.service", "c.service"}) units_.add(unit);
  }

  // As the hook does it, and then the end.
  std::vector<UnitRecord> take(bool release_upgrade = false) {
    const auto now = units_.ask({"a.service", "b.service", "c.service", "foo.service"});
    plan_ = plan_outdated(found_, *now, rules_, release_upgrade);
    EXPECT_TRUE(store_.note_units(7, plan_.records));
    put_off_.insert(put_off_.end(), plan_.put_off.begin(), plan_.put_off.end());
    return end();
  }
  std::map<std::string, std::string> told(const std::vector<UnitRecord>& trouble) {
    std::map<std::string, std::string> told;
    for (const UnitRecord& record : trouble) told[record.name] = record.trouble;
    return told;
  }

  Outdated found_;
  std::vector<Rule> rules_;
  OutdatedPlan plan_;
};

TEST_F(OutdatedTest, ItJoinsWhatIsRestarted) {
  put_off_ = {{PutOff::Kind::Restart, "foo.service", "foo:amd64"}};
  found_.units = {"a.service", "foo.service"};
  found_.left = {"b.service"};
  EXPECT_EQ(told(take()),
            (std::map<std::string, std::string>{{"b.service", std::string(kLeftAlone)}}));
  EXPECT_EQ(units_.log, (Strings{"daemon-reload ", "reset-failed a.service foo.service",
                                 "restart a.service foo.service"}));
}

TEST_F(OutdatedTest, ItIsListedUnlessSomebodyElseAsksForIt) {
  put_off_ = {{PutOff::Kind::Restart, "foo.service", "foo:amd64"}};
  found_.mode = Outdated::Mode::List;
  found_.units = {"a.service", "foo.service"};
  EXPECT_EQ(told(take()),
            (std::map<std::string, std::string>{{"a.service", std::string(kOnlyListed)}}));
  EXPECT_EQ(units_.log,
            (Strings{"daemon-reload ", "reset-failed foo.service", "restart foo.service"}));
  // A person who tries again has it restarted.
  const auto records = store_.units(7);
  put_off_ = still_put_off(*records);
  EXPECT_TRUE(end().empty());
  EXPECT_EQ(units_.log.back(), "restart a.service");
}

TEST_F(OutdatedTest, WhatAPersonTriesAgainLeavesTheRestAlone) {
  found_.left = {"a.service"};
  take();
  put_off_ = still_put_off(*store_.units(7));
  EXPECT_EQ(told(end()).count("a.service"), 1U);
  EXPECT_TRUE(units_.log.empty());
}

TEST_F(OutdatedTest, AServiceWhosePackageIsNotConfiguredIsNotRestarted) {
  standing_["foo:amd64"] = Standing::Unfinished;
  found_.units = {"foo.service"};
  EXPECT_EQ(told(take()).at("foo.service"),
            std::string(kNotRestarted) + "its package is not configured");
  EXPECT_TRUE(units_.log.empty());
}

TEST_F(OutdatedTest, RulesKeepTheirWord) {
  Rule never;
  never.packages = {"a"};
  never.services.entries = {"a*.service"};
  never.service_class = ServiceClass::Never;
  Rule window = never;
  window.services.entries = {"b.service"};
  window.upgrade_to = {{RelationOp::Greater, "1.0"}};
  Rule checked;
  checked.services.entries = {"c.service"};
  checked.check_config.entries.push_back({{"/bin/check"}, false, 60, ""});
  rules_ = {never, window, checked};
  ports_.complaint_of = [](const std::string& command, std::int64_t) {
    return command == "/bin/check" ? "line 3" : "";
  };
  found_.units = {"a.service", "b.service", "c.service"};
  const auto trouble = told(take());
  EXPECT_EQ(trouble.at("a.service"), kUntilReboot);
  EXPECT_EQ(
      trouble.at("c.service"),
      std::string(kNotRestarted) + "its new version refuses its configuration: /bin/check: line 3");
  EXPECT_EQ(units_.log, (Strings{"daemon-reload ", "reset-failed b.service", "restart b.service"}));
}

// systemd's names have them: my\x2dapp.service.
TEST_F(OutdatedTest, ABackslashOfAPatternIsTheNamesOwn) {
  Rule never;
  never.services.entries = {"a\\x2db@*.service"};
  never.service_class = ServiceClass::Never;
  const std::string name = "a\\x2db@c.service";
  units_.add(name);
  found_.units = {name};
  const auto now = units_.ask({name});
  const OutdatedPlan plan = plan_outdated(found_, *now, {never}, false);
  ASSERT_EQ(plan.put_off.size(), 1U);
  EXPECT_EQ(plan.put_off[0].kind, PutOff::Kind::Reboot);
}

TEST_F(OutdatedTest, AReleaseUpgradeLeavesItToTheNextBoot) {
  found_.units = {"a.service"};
  found_.special = {{"systemd-manager", "/x/systemd-manager"}};
  EXPECT_EQ(told(take(true)).at("a.service"), kUntilReboot);
  EXPECT_TRUE(units_.log.empty());
  EXPECT_TRUE(plan_.programs.empty());
}

TEST_F(OutdatedTest, WhatHasAProgramOfItsOwn) {
  found_.special = {{"systemd-manager", "/x/systemd-manager"}, {"a.service", "/x/a.service"}};
  EXPECT_TRUE(take().empty());
  EXPECT_EQ(plan_.programs, (Strings{"/x/systemd-manager", "/x/a.service"}));
  found_.mode = Outdated::Mode::List;
  EXPECT_EQ(told(take()).at("a.service"), kLeftAlone);
  EXPECT_TRUE(plan_.programs.empty());
}

TEST_F(OutdatedTest, WhatDoesNotRunOrEndsByItselfIsNothing) {
  units_.all.at("a.service").active_state = "inactive";
  units_.all.at("b.service").type = "oneshot";
  found_.units = {"a.service", "b.service", "nobody.service"};
  EXPECT_TRUE(take().empty());
  EXPECT_TRUE(plan_.records.empty());
}

TEST_F(OutdatedTest, WhatDoesNotComeBackIsTold) {
  units_.broken = {"a.service"};
  found_.units = {"a.service"};
  EXPECT_EQ(told(take()).at("a.service"), "does not start again: it is failed (failed)");
}

TEST(PutOffLines, KindsThereAndBack) {
  const std::vector<PutOff> all = {{PutOff::Kind::Restart, "a.service", "a:amd64"},
                                   {PutOff::Kind::Reboot, "b.service", "-"},
                                   {PutOff::Kind::Failed, "c.service", "c:amd64"},
                                   {PutOff::Kind::Listed, "d.service", "-"},
                                   {PutOff::Kind::Left, "e.service", "-"}};
  std::string text;
  for (const PutOff& one : all) text += to_line(one);
  EXPECT_EQ(parse_put_off(text), all);
}

}  // namespace
}  // namespace aptkeep
