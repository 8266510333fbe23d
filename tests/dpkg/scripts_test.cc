// The scripts of real archives and of installed packages, and what is derived from them together
// with systemd's word.
#include <gtest/gtest.h>

#include <cstdlib>

#include "adapters/derived_services.h"
#include "adapters/dpkg_archive.h"
#include "adapters/maintainer_scripts.h"
#include "core/shell_syntax.h"
#include "dpkg_root.h"

namespace aptkeep::test {
namespace {

class ScriptsTest : public DpkgRoot {
 protected:
  void SetUp() override {
    DpkgRoot::SetUp();
    ASSERT_EQ(::setenv("DPKG_ADMINDIR", admin("").c_str(), 1), 0);
  }
  void TearDown() override { ::unsetenv("DPKG_ADMINDIR"); }
};

constexpr const char* kStop =
    "#!/bin/sh\n[ \"$1\" != upgrade ] || deb-systemd-invoke stop "
    "'foo.service' 'foo.socket' || true\n";
constexpr const char* kRestart =
    "#!/bin/sh\n[ -z \"$2\" ] || deb-systemd-invoke restart "
    "'foo.service' || true\n";
constexpr const char* kNothing = "#!/bin/sh\n:\n";

TEST_F(ScriptsTest, OfAnArchiveAndOfWhatIsInstalled) {
  ASSERT_EQ(install({.name = "foo",
                     .control = {{"preinst", "#!/bin/sh\n# 1\n"},
                                 {"postinst", "#!/bin/sh\n# 2\n"},
                                 {"prerm", "#!/bin/sh\n# 3\n"}}}),
            0)
      << output();
  const auto now = scripts_of("", slot("foo"));
  ASSERT_TRUE(now) << now.error().message;
  EXPECT_EQ(now->preinst, read(info("foo.preinst")));
  EXPECT_EQ(now->postinst, read(info("foo.postinst")));
  EXPECT_EQ(now->prerm, read(info("foo.prerm")));
  EXPECT_NE(now->prerm.find("# 3\n"), std::string::npos);

  const std::string big(shell::kLongest + 1, '#');
  const std::string archive = build({.name = "foo",
                                     .version = "2.0",
                                     .control = {{"preinst", "#!/bin/sh\n# new\n"},
                                                 {"postinst", "#!/bin/sh\n" + big},
                                                 {"prerm", "#!/bin/sh\n# new\n"}}});
  const auto then = scripts_of(archive, slot("foo"));
  ASSERT_TRUE(then) << then.error().message;
  EXPECT_NE(then->preinst.find("# new\n"), std::string::npos);
  EXPECT_EQ(then->postinst, "") << "longer than is read";
  EXPECT_EQ(then->prerm, now->prerm);
}

TEST_F(ScriptsTest, OfWhatMayBeThereForSeveralArchitectures) {
  ASSERT_EQ(install({.name = "foo",
                     .fields = "Multi-Arch: same\n",
                     .control = {{"prerm", "#!/bin/sh\n# 3\n"}}}),
            0)
      << output();
  const auto scripts = scripts_of("", slot("foo"));
  ASSERT_TRUE(scripts);
  EXPECT_EQ(scripts->prerm, read(info(slot("foo") + ".prerm")));
  EXPECT_NE(scripts->prerm, "");
  EXPECT_EQ(scripts->preinst, "");
}

TEST_F(ScriptsTest, OfWhatIsNotThere) {
  const auto none = scripts_of("", slot("foo"));
  ASSERT_TRUE(none);
  EXPECT_EQ(none->preinst + none->postinst + none->prerm, "");
  EXPECT_FALSE(scripts_of(root() + "/nowhere.deb", slot("foo")));
  const std::string archive = build({.name = "foo", .control = {{"preinst", kStop}}});
  const std::string content = read(archive);
  write(archive, content.substr(0, content.size() / 4));
  EXPECT_FALSE(scripts_of(archive, slot("foo")));
  write(archive, "no archive");
  EXPECT_FALSE(scripts_of(archive, slot("foo")));
}

TEST_F(ScriptsTest, ControlFilesThatAreAskedFor) {
  const std::string archive = build({.name = "foo",
                                     .files = {{"/etc/foo", "1"}},
                                     .conffiles = {"/etc/foo"},
                                     .control = {{"preinst", kStop}, {"postinst", kRestart}}});
  const auto some = read_control_files(archive, {"conffiles", "preinst", "nosuch"}, 1000);
  ASSERT_TRUE(some) << some.error().message;
  ASSERT_EQ(some->size(), 2U);
  EXPECT_EQ(some->at("conffiles"), "/etc/foo\n");
  EXPECT_NE(some->at("preinst").find("deb-systemd-invoke stop"), std::string::npos);
  const auto short_ones = read_control_files(archive, {"conffiles", "preinst"}, 10);
  ASSERT_TRUE(short_ones);
  EXPECT_EQ(short_ones->size(), 1U);
}

// Answers as systemd does, and counts how often it is asked.
class FewUnits final : public Units {
 public:
  Result<std::vector<UnitFacts>> loaded() override { return Error{"not asked for"}; }
  Result<std::map<std::string, UnitFacts>> ask(const std::vector<std::string>& names) override {
    ++asked;
    if (fails) return Error{"unable to ask systemd"};
    std::map<std::string, UnitFacts> found;
    for (const std::string& name : names) {
      if (units.contains(name)) {
        found[name] = units[name];
      } else {
        found[name].load_state = "not-found";
      }
    }
    return found;
  }
  Status act(const std::string&, const std::vector<std::string>&) override { return Error{"no"}; }
  bool shuts_down() override { return false; }
  void pause(int) override {}
  std::string journal(const std::string&) override { return ""; }

  std::map<std::string, UnitFacts> units;
  int asked = 0;
  bool fails = false;
};

class DerivedServices : public ScriptsTest {
 protected:
  DerivedServices() {
    UnitFacts& service = systemd_.units["foo.service"];
    service.load_state = "loaded";
    service.active_state = "active";
    service.file_state = "enabled";
    service.type = "simple";
    service.triggered_by = {"foo.socket"};
    UnitFacts& socket = systemd_.units["foo.socket"];
    socket.load_state = "loaded";
    socket.active_state = "active";
    socket.triggers = {"foo.service"};
    socket.listens = {"Stream /run/foo"};
  }
  Step step(const std::string& archive) {
    Step made;
    made.package = slot("foo");
    made.old_version = "1.0";
    made.new_version = "2.0";
    made.archive = archive;
    return made;
  }
  std::string archive(const std::string& preinst, const std::string& postinst) {
    return build({.name = "foo",
                  .version = "2.0",
                  .control = {{"preinst", preinst}, {"postinst", postinst}}});
  }

  FewUnits systemd_;
};

TEST_F(DerivedServices, FromTheArchiveAndSystemd) {
  ASSERT_EQ(install({.name = "foo", .control = {{"prerm", kNothing}}}), 0) << output();
  const auto stopped = derive_services(step(archive(kStop, kNothing)), {"foo.service"}, systemd_);
  ASSERT_TRUE(stopped) << stopped.error().message;
  EXPECT_EQ(*stopped,
            (DerivedClasses{{"foo.service", {ServiceClass::Stop, "the new preinst stops it"}}}));
  EXPECT_EQ(systemd_.asked, 2);

  const auto again = derive_services(step(archive(kNothing, kRestart)),
                                     {"foo.service", "foo.socket", "gone.service"}, systemd_);
  ASSERT_TRUE(again) << again.error().message;
  ASSERT_EQ(again->size(), 2U);
  EXPECT_EQ(again->at("foo.service").value, ServiceClass::Stop);
  EXPECT_TRUE(again->at("foo.service").why.starts_with("foo.socket starts it on demand"));
  EXPECT_EQ(again->at("foo.socket").value, ServiceClass::Stop);

  systemd_.units["foo.socket"].listens = {"Datagram /run/foo"};
  const auto delicate =
      derive_services(step(archive(kNothing, kRestart)), {"foo.service"}, systemd_);
  ASSERT_TRUE(delicate);
  EXPECT_EQ(delicate->at("foo.service").value, ServiceClass::End);
}

TEST_F(DerivedServices, ForManySteps) {
  const Step good = step(archive(kStop, kNothing));
  const Step damaged = step(root() + "/nowhere.deb");
  Step removal = step("");
  removal.new_version.clear();
  const std::vector<StepUnits> steps = {{&good, {"foo.service"}},
                                        {&damaged, {"foo.service"}},
                                        {&removal, {"foo.service"}},
                                        {&good, {}}};
  const auto now = facts_around(steps, systemd_);
  ASSERT_TRUE(now);
  EXPECT_EQ(systemd_.asked, 2);
  std::vector<std::string> complaints;
  const auto derived = derive_services(steps, *now, {}, complaints);
  ASSERT_EQ(derived.size(), 4U);
  EXPECT_EQ(derived[0].size(), 1U);
  EXPECT_TRUE(derived[1].empty() && derived[2].empty() && derived[3].empty());
  ASSERT_EQ(complaints.size(), 1U);
  EXPECT_NE(complaints[0].find("nowhere.deb"), std::string::npos);
}

TEST_F(DerivedServices, WhereSystemdDoesNotAnswer) {
  systemd_.fails = true;
  EXPECT_FALSE(derive_services(step(archive(kStop, kNothing)), {"foo.service"}, systemd_));
}

}  // namespace
}  // namespace aptkeep::test
