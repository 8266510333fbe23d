#include "policy/call.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace aptkeep::policy {
namespace {

using Strings = std::vector<std::string>;

struct Read {
  explicit Read(std::vector<const char*> words) : argv(std::move(words)) {
    read_call(static_cast<int>(argv.size()), argv.data(), call);
  }
  Strings units() const { return {call.units.name, call.units.name + call.units.count}; }
  Strings words(const Strings& names) const {
    Units some{};
    for (const auto& name : names) some.name[some.count++] = name.c_str();
    const char* out[32];
    if (!words_of(static_cast<int>(argv.size()), argv.data(), call, some, out, 32)) return {};
    Strings all;
    for (const char** word = out; *word != nullptr; ++word) all.emplace_back(*word);
    return all;
  }
  std::vector<const char*> argv;
  Call call;
};

TEST(ShimCall, NamesOfUnitsAreMadeWhole) {
  const Read invoke({"invoke-rc.d", "--quiet", "foo", "restart"});
  EXPECT_TRUE(invoke.call.decides);
  EXPECT_STREQ(invoke.call.verb, "restart");
  EXPECT_EQ(invoke.units(), Strings{"foo.service"});
  const Read direct({"/usr/lib/x/systemctl", "-q", "start", "a", "b.socket", "--no-block"});
  EXPECT_TRUE(direct.call.decides);
  EXPECT_EQ(direct.call.tool, Tool::Systemctl);
  EXPECT_EQ(direct.units(), (Strings{"a.service", "b.socket"}));
  EXPECT_STREQ(Read({"invoke-rc.d", "foo", "reload"}).call.verb, "reload");
  const Read many({"deb-systemd-invoke", "--no-dbus", "stop", "b.service", "b.socket"});
  EXPECT_TRUE(many.call.decides);
  EXPECT_EQ(many.units(), (Strings{"b.service", "b.socket"}));
  EXPECT_EQ(Read({"service", "x.y", "stop"}).units(), Strings{"x.y.service"});
}

TEST(ShimCall, AllElseIsTheRealTools) {
  const std::vector<std::vector<const char*>> calls{
      {"invoke-rc.d"},
      {"invoke-rc.d", "foo"},
      {"invoke-rc.d", "--query", "foo", "start"},
      {"invoke-rc.d", "--force", "foo", "start"},
      {"invoke-rc.d", "foo", "status"},
      {"invoke-rc.d", "foo", "start", "more"},
      {"deb-systemd-invoke", "--user", "start", "foo.service"},
      {"deb-systemd-invoke", "start"},
      {"deb-systemd-invoke", "daemon-reload"},
      {"deb-systemd-invoke", "stop", "postgresql@15-*"},
      {"service", "--status-all"},
      {"service", "foo", "stop", "now"},
      {"systemctl"},
      {"systemctl", "daemon-reload"},
      {"systemctl", "--root=/x", "start", "foo"},
      {"systemctl", "-M", "machine", "start", "foo"},
      {"systemctl", "--now", "enable", "foo"},
      {"systemctl", "--job-mode=isolate", "start", "foo"},
      {"systemctl", "start", "a b"},
      {"systemctl", "start", "../a"},
  };
  for (const auto& words : calls) EXPECT_FALSE(Read(words).call.decides) << words.back();
  const std::vector<const char*> most(kMostWords + 3, "a");
  EXPECT_FALSE(Read(most).call.decides);
  EXPECT_EQ(Read({"/bin/sh", "start", "foo"}).call.tool, Tool::None);
  EXPECT_FALSE(Read({}).call.decides);
}

TEST(ShimCall, MoreUnitsThanThereIsRoomForAreTheRealTools) {
  std::vector<const char*> words{"systemctl", "start"};
  words.resize(kMostWords + 2, "a");
  EXPECT_TRUE(Read(words).call.decides);
  words.push_back("a");
  EXPECT_FALSE(Read(words).call.decides);
  const std::string name(240, 'a');
  std::vector<const char*> long_words{"systemctl", "start"};
  long_words.resize(50, name.c_str());
  EXPECT_FALSE(Read(long_words).call.decides);
}

TEST(ShimCall, TheRealToolsWords) {
  const Read many(
      {"deb-systemd-invoke", "--no-dbus", "restart", "a", "b.socket", "restart.service"});
  EXPECT_EQ(many.words({"b.socket"}),
            (Strings{"deb-systemd-invoke", "--no-dbus", "restart", "b.socket"}));
  EXPECT_EQ(many.words({"a.service", "restart.service"}),
            (Strings{"deb-systemd-invoke", "--no-dbus", "restart", "a", "restart.service"}));
  const Read soft({"invoke-rc.d", "--allow-activation", "foo", "stop"});
  EXPECT_TRUE(soft.call.allow_activation);
  EXPECT_TRUE(soft.call.decides);
  EXPECT_EQ(soft.words({"foo.service"}), (Strings{"invoke-rc.d", "foo", "stop"}));
  const Read odd({"invoke-rc.d", "--allow-activation", "foo", "status"});
  EXPECT_EQ(odd.words({}), (Strings{"invoke-rc.d", "foo", "status"}))
      << "it never knows the option";
  const Read passed({"systemctl", "--now", "enable", "foo"});
  EXPECT_EQ(passed.words({}), (Strings{"systemctl", "--now", "enable", "foo"}));
  const std::vector<const char*> most(40, "a");
  EXPECT_TRUE(Read(most).words({}).empty()) << "no room";
}

TEST(ShimCall, TriggersComeFirst) {
  Read read({"systemctl", "restart", "a", "b.socket", "c.service", "d.timer"});
  triggers_first(read.call.units);
  EXPECT_EQ(read.units(), (Strings{"b.socket", "d.timer", "a.service", "c.service"}));
}

TEST(ShimCall, UsersServicesAreNamedButNotDecidedAbout) {
  const Read invoke({"deb-systemd-invoke", "--user", "restart", "a.service", "b"});
  EXPECT_FALSE(invoke.call.decides);
  EXPECT_TRUE(invoke.call.of_users);
  EXPECT_EQ(invoke.units(), (Strings{"a.service", "b.service"}));
  EXPECT_EQ(invoke.words({"a.service"}),
            (Strings{"deb-systemd-invoke", "--user", "restart", "a.service", "b"}))
      << "the real tool has it as it is";
  EXPECT_FALSE(Read({"systemctl", "--user", "daemon-reload"}).call.of_users);
  EXPECT_FALSE(Read({"invoke-rc.d", "--user", "a", "restart"}).call.of_users);
  EXPECT_FALSE(Read({"systemctl", "restart", "a"}).call.of_users);
}

}  // namespace
}  // namespace aptkeep::policy
