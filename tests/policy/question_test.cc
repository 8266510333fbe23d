#include "policy/question.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <string>
#include <vector>

#include "policy/caller.h"

namespace aptkeep::policy {
namespace {

using Strings = std::vector<std::string>;

Question ask(std::vector<const char*> words) {
  words.insert(words.begin(), "policy-rc.d");
  return read_question(static_cast<int>(words.size()), words.data());
}

TEST(PolicyQuestion, AsInvokeRcDAsks) {
  const Question plain = ask({"foo", "restart", "5"});
  EXPECT_TRUE(plain.understood);
  EXPECT_STREQ(plain.unit, "foo.service");
  EXPECT_STREQ(plain.action, "restart");
  EXPECT_FALSE(plain.bracketed);
  const Question quiet = ask({"--quiet", "foo", "(start)", ""});
  EXPECT_TRUE(quiet.understood);
  EXPECT_STREQ(quiet.action, "start");
  EXPECT_TRUE(quiet.bracketed);
  EXPECT_STREQ(ask({"x.y", "stop"}).unit, "x.y.service") << "a script's name may have a dot";
}

TEST(PolicyQuestion, AsDebSystemdInvokeAsks) {
  EXPECT_STREQ(ask({"foo.socket", "stop"}).unit, "foo.socket");
  EXPECT_STREQ(ask({"postgresql@15-*", "stop"}).unit, "postgresql@15-*.service");
  EXPECT_STREQ(ask({"a@x\\x2dy.service", "start"}).unit, "a@x\\x2dy.service");
}

TEST(PolicyQuestion, WhatIsNoQuestion) {
  const std::string longest(252, 'a');
  const std::string too_long(300, 'a');
  EXPECT_FALSE(ask({}).understood);
  EXPECT_FALSE(ask({"foo"}).understood);
  EXPECT_FALSE(ask({"--quiet"}).understood);
  EXPECT_FALSE(ask({"--list", "foo"}).understood);
  EXPECT_FALSE(ask({"", "start"}).understood);
  EXPECT_FALSE(ask({"../foo", "start"}).understood);
  EXPECT_FALSE(ask({".", "start"}).understood);
  EXPECT_FALSE(ask({"foo bar", "start"}).understood);
  EXPECT_FALSE(ask({"foo;true", "start"}).understood);
  EXPECT_FALSE(ask({longest.c_str(), "start"}).understood);
  EXPECT_FALSE(ask({too_long.c_str(), "start"}).understood);
  EXPECT_FALSE(ask({"foo", too_long.c_str()}).understood);
  EXPECT_TRUE(ask({"foo", ""}).understood);
  EXPECT_FALSE(ask({"foo", "()"}).bracketed);
}

Surroundings below_a_script() {
  return {.init = true, .systemd = true, .script = true};
}

TEST(PolicyAnswer, WhatAPersonHasStoppedIsNotStarted) {
  Surroundings around = below_a_script();
  around.rested = true;
  for (const char* action : {"start", "restart", "try-restart"}) {
    const Answer said = answer(ask({"foo", action, "5"}), around);
    EXPECT_EQ(said.code, kDoNot) << action;
    EXPECT_EQ(said.wait, Wait::No);
  }
  EXPECT_EQ(answer(ask({"foo", "stop", "5"}), around).code, kDoIt);
  around.script = false;
  EXPECT_EQ(answer(ask({"foo", "start", "5"}), around).code, kDoIt);
}

TEST(PolicyAnswer, WhatIsHeldIsStartedByItsOwnPostinstOnly) {
  Surroundings around = below_a_script();
  around.held = true;
  Answer said = answer(ask({"foo", "start", "5"}), around);
  EXPECT_EQ(said.code, kDoNot);
  EXPECT_TRUE(said.later);
  EXPECT_FALSE(said.let_go);
  around.let_go = true;
  said = answer(ask({"foo", "restart", "5"}), around);
  EXPECT_EQ(said.code, kDoIt);
  EXPECT_TRUE(said.let_go);
  EXPECT_FALSE(said.later);
  around.held = false;
  around.fresh = true;
  EXPECT_EQ(answer(ask({"foo", "restart", "5"}), around).code, kDoNot);
}

TEST(PolicyAnswer, WhatIsParkedIsStoppedAlready) {
  Surroundings around = below_a_script();
  around.held = around.parked = true;
  for (const bool replaces : {false, true}) {
    around.replaces = replaces;
    const Answer said = answer(ask({"foo.socket", "stop"}), around);
    EXPECT_EQ(said.code, kDoNot);
    EXPECT_FALSE(said.hold);
    EXPECT_EQ(said.triggers, Triggers::Leave);
  }
  EXPECT_EQ(answer(ask({"foo", "restart", "5"}), around).code, kDoNot);
  around.let_go = true;
  EXPECT_TRUE(answer(ask({"foo", "restart", "5"}), around).let_go);
  EXPECT_EQ(answer(ask({"foo", "stop", "5"}), around).code, kDoNot) << "its start lets it go";
}

TEST(PolicyAnswer, WhatIsDownAndComesUpNeedsNoReload) {
  Surroundings around = below_a_script();
  EXPECT_EQ(answer(ask({"foo", "reload"}), around).code, kDoIt) << "that it is down is told";
  around.comes_up = true;
  EXPECT_EQ(answer(ask({"foo", "reload"}), around).code, kDoNot);
  EXPECT_EQ(answer(ask({"foo", "start"}), around).code, kDoIt);
  around.script = false;
  EXPECT_EQ(answer(ask({"foo", "reload"}), around).code, kDoIt);
}

TEST(PolicyAnswer, APreinstsStopIsHeld) {
  Surroundings around = below_a_script();
  EXPECT_FALSE(answer(ask({"foo", "stop", "5"}), around).hold);
  around.replaces = true;
  EXPECT_TRUE(answer(ask({"foo", "stop", "5"}), around).hold);
  around.sockets_stay = true;
  EXPECT_FALSE(answer(ask({"foo", "stop", "5"}), around).hold);
}

TEST(PolicyAnswer, IsWhatStockDoesWithoutAProgram) {
  for (const char* action : {"start", "stop", "restart", "try-restart", "reload", "force-reload",
                             "status", "daemon-reload", "anything"}) {
    const std::string bracketed = std::string("(") + action + ")";
    for (const bool systemd : {false, true}) {
      for (const bool script : {false, true}) {
        for (const bool off : {false, true}) {
          const Surroundings around{.init = true, .systemd = systemd, .off = off, .script = script};
          EXPECT_EQ(answer(ask({"foo", action}), around).code, kDoIt) << action;
          EXPECT_EQ(answer(ask({"foo", bracketed.c_str()}), around).code, kDoNot) << action;
          EXPECT_EQ(answer(ask({"foo", action}), {.script = script}).code, kDoNot) << action;
        }
      }
    }
  }
  EXPECT_EQ(answer(ask({"foo"}), below_a_script()).code, kDoIt) << "whatever it may mean";
}

// Whatever is known of it: but what is parked, which does not run any more.
TEST(PolicyAnswer, AStopIsNeverDenied) {
  bool Surroundings::*const flags[] = {&Surroundings::systemd,
                                       &Surroundings::off,
                                       &Surroundings::script,
                                       &Surroundings::ran,
                                       &Surroundings::rested,
                                       &Surroundings::foreign,
                                       &Surroundings::held,
                                       &Surroundings::let_go,
                                       &Surroundings::fresh,
                                       &Surroundings::early,
                                       &Surroundings::release_upgrade,
                                       &Surroundings::comes_up,
                                       &Surroundings::replaces,
                                       &Surroundings::sockets_stay};
  for (unsigned bits = 0; bits < 1U << std::size(flags); ++bits) {
    for (const Wait wait : {Wait::No, Wait::End, Wait::Reboot, Wait::IfRefused}) {
      Surroundings around{.init = true, .wait = wait};
      for (std::size_t i = 0; i < std::size(flags); ++i) around.*flags[i] = (bits >> i & 1U) != 0;
      for (const char* unit : {"foo", "foo.socket", "foo@1-*"}) {
        const Answer said = answer(ask({unit, "stop"}), around);
        ASSERT_EQ(said.code, kDoIt) << bits;
        ASSERT_EQ(said.wait, Wait::No) << bits;
        ASSERT_FALSE(said.later || said.let_go) << bits;
      }
    }
  }
}

TEST(PolicyAnswer, ADisabledUnitThatRanIsStarted) {
  Surroundings around = below_a_script();
  around.ran = true;
  EXPECT_EQ(answer(ask({"foo", "(start)"}), around).code, kDoIt);
  around.off = true;
  EXPECT_EQ(answer(ask({"foo", "(start)"}), around).code, kDoNot);
}

TEST(PolicyAnswer, TriggersStopBeforeAndStartBefore) {
  const Surroundings around = below_a_script();
  EXPECT_EQ(answer(ask({"foo", "stop"}), around).triggers, Triggers::Stop);
  for (const char* action : {"start", "restart", "try-restart", "force-reload"}) {
    EXPECT_EQ(answer(ask({"foo", action}), around).triggers, Triggers::Start) << action;
  }
  for (const char* action : {"reload", "status", "daemon-reload", "(start)"}) {
    EXPECT_EQ(answer(ask({"foo", action}), around).triggers, Triggers::Leave) << action;
  }
}

TEST(PolicyAnswer, OnlyARestartOfWhatRanMayWait) {
  Surroundings around = below_a_script();
  around.ran = true;
  around.wait = Wait::End;
  EXPECT_EQ(answer(ask({"foo", "restart"}), around).wait, Wait::End);
  EXPECT_EQ(answer(ask({"foo", "try-restart"}), around).wait, Wait::End);
  for (const char* action : {"start", "stop", "reload", "force-reload", "(start)", "status"}) {
    EXPECT_EQ(answer(ask({"foo", action}), around).wait, Wait::No) << action;
  }
  EXPECT_EQ(answer(ask({"foo", "restart"}), around).code, kDoIt) << "where it cannot be noted";
  Surroundings without = around;
  without.script = false;
  EXPECT_EQ(answer(ask({"foo", "restart"}), without).wait, Wait::No);
  Surroundings scripts = around;  // those of an init of System V
  scripts.systemd = false;
  EXPECT_EQ(answer(ask({"foo", "restart"}), scripts).wait, Wait::End);
  EXPECT_EQ(answer(ask({"foo", "restart"}), scripts).triggers, Triggers::Leave);
  around.wait = Wait::Reboot;
  EXPECT_EQ(answer(ask({"foo", "restart"}), around).wait, Wait::Reboot);
  EXPECT_EQ(answer(ask({"foo", "start"}), around).wait, Wait::No) << "it is down";
  around.off = true;
  EXPECT_EQ(answer(ask({"foo", "restart"}), around).wait, Wait::No);
}

TEST(PolicyAnswer, FailingStartsAreForgivenInAReleaseUpgradeAndWhereOthersNeedThem) {
  Surroundings around = below_a_script();
  EXPECT_FALSE(answer(ask({"foo", "start"}), around).forgive);
  for (bool Surroundings::*flag : {&Surroundings::release_upgrade, &Surroundings::early}) {
    Surroundings with = around;
    with.*flag = true;
    EXPECT_TRUE(answer(ask({"foo", "start"}), with).forgive);
    EXPECT_TRUE(answer(ask({"foo", "restart"}), with).forgive);
    EXPECT_FALSE(answer(ask({"foo", "stop"}), with).forgive);
    EXPECT_FALSE(answer(ask({"foo", "reload"}), with).forgive);
    with.off = true;
    EXPECT_FALSE(answer(ask({"foo", "start"}), with).forgive);
  }
}

Strings called(std::string words, bool& of_users) {
  std::replace(words.begin(), words.end(), ' ', '\0');
  words.push_back('\0');
  static Caller caller;
  read_caller(words.data(), words.size(), caller);
  of_users = caller.of_users;
  Strings units;
  for (std::size_t i = 0; i < caller.units.count; ++i) units.emplace_back(caller.units.name[i]);
  return units;
}

TEST(PolicyCaller, AllUnitsOfACallAreKnown) {
  bool of_users = true;
  EXPECT_EQ(
      called("/usr/bin/perl -w /usr/bin/deb-systemd-invoke restart a.service b.socket", of_users),
      (Strings{"a.service", "b.socket"}));
  EXPECT_FALSE(of_users);
  EXPECT_EQ(called("perl deb-systemd-invoke --user restart a.service", of_users),
            Strings{"a.service"});
  EXPECT_TRUE(of_users);
  EXPECT_TRUE(called("/bin/sh /usr/sbin/invoke-rc.d foo restart", of_users).empty());
  EXPECT_TRUE(called("deb-systemd-invoke", of_users).empty());
  EXPECT_TRUE(called("", of_users).empty());
}

TEST(PolicyUnits, AreSplitAndUnquoted) {
  static Units units;
  std::strcpy(units.text, "a.service\n \"b@x\\\\x2dy.socket\" ;rm --help c.timer");
  units.split();
  ASSERT_EQ(units.count, 3U);
  EXPECT_STREQ(units.name[0], "a.service");
  EXPECT_STREQ(units.name[1], "b@x\\x2dy.socket");
  EXPECT_STREQ(units.name[2], "c.timer");
}

TEST(PolicyAnswer, TriggersAreLeftWhereNobodyAskedAptkeep) {
  for (bool Surroundings::*flag : {&Surroundings::systemd, &Surroundings::script}) {
    Surroundings around = below_a_script();
    around.*flag = false;
    EXPECT_EQ(answer(ask({"foo", "stop"}), around).triggers, Triggers::Leave);
  }
  for (bool Surroundings::*flag : {&Surroundings::off, &Surroundings::sockets_stay}) {
    Surroundings around = below_a_script();
    around.*flag = true;
    EXPECT_EQ(answer(ask({"foo", "stop"}), around).triggers, Triggers::Leave);
  }
}

}  // namespace
}  // namespace aptkeep::policy
