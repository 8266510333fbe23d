// Test: stanzas, and what they say when they don't hold.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "adapters/apt_rules.h"
#include "apt_root.h"

namespace aptkeep {
namespace {

const std::string kRules =
    "Package: postfix\n"
    "Upgrade-From: << 3.6\n"
    "Upgrade-To: >= 3.6\n"
    "When-Installed: vmm (<< 0.7)\n"
    "Architecture: amd64\n"
    "Services: postfix.service\n"
    "Class: stop\n"
    "Guard: queue-empty /var/spool/postfix/deferred\n"
    " same-ids postfix\n"
    "If-Unmet: ask\n"
    "Before: timeout=9 /usr/sbin/postfix flush\n"
    "Reason: r\n"
    "Source: https://example.org\n"
    "\n";

const std::string kStep =
    "Test: over 3.6\n"
    "Package: postfix\n"
    "From: 3.5.6-1\n"
    "To: 3.7.2-1\n"
    "Installed: dovecot-core 1:2.3, vmm 0.6\n";

Result<RuleFile> file_with(const std::string& text) {
  std::string path = "/tmp/aptkeep-rule.XXXXXX";
  const int fd = ::mkstemp(path.data());
  if (fd >= 0) ::close(fd);
  test::write_text(path, text);
  auto file = read_rule_file(path);
  ::unlink(path.c_str());
  return file;
}

std::vector<std::string> differences(const std::string& test) {
  const auto file = file_with(kRules + test);
  EXPECT_TRUE(file.ok()) << (file.ok() ? "" : file.error().message);
  if (!file || file->tests.size() != 1) return {"it cannot be read"};
  return run_rule_test(file->rules, file->tests[0], test::no_units);
}

using Texts = std::vector<std::string>;

TEST(RuleTests, WhatTheyAreAbout) {
  const auto file = file_with(kRules + kStep + "Architecture: i386\nClass: none\n");
  ASSERT_TRUE(file.ok()) << file.error().message;
  ASSERT_EQ(file->rules.size(), 1U);
  ASSERT_EQ(file->tests.size(), 1U);
  const auto& test = file->tests[0];
  EXPECT_EQ(test.name, "over 3.6");
  EXPECT_TRUE(test.where.ends_with(":15"));
  EXPECT_EQ(test.step.package, "postfix:i386");
  EXPECT_EQ(test.step.action, Action::Upgrade);
  EXPECT_EQ(test.step.old_version, "3.5.6-1");
  EXPECT_EQ(test.step.new_version, "3.7.2-1");
  ASSERT_EQ(test.installed.size(), 2U);
  EXPECT_EQ(test.installed[0].second, "1:2.3");
  EXPECT_EQ(run_rule_test(file->rules, test, test::no_units), Texts());
}

TEST(RuleTests, HoldWhenTheRulesSaySo) {
  EXPECT_EQ(differences(kStep +
                        "Class: Stop\nServices:   postfix.service\n"
                        "Guard: queue-empty  '/var/spool/postfix/deferred'\n same-ids postfix\n"
                        "Before: timeout=9 '/usr/sbin/postfix' flush\nSockets: none\nSave: none\n"),
            Texts());
}

TEST(RuleTests, EachExpectationCanFail) {
  EXPECT_EQ(differences(kStep + "Class: end\n"), Texts{"Class: expected end, found stop"});
  EXPECT_EQ(differences(kStep + "Sockets: park\n"), Texts{"Sockets: expected park, found none"});
  EXPECT_EQ(differences(kStep + "Services: none\n"),
            Texts{"Services: expected none, found postfix.service"});
  EXPECT_EQ(differences(kStep + "Guard: same-ids postfix\n"),
            Texts{"Guard: expected same-ids postfix, found queue-empty "
                  "/var/spool/postfix/deferred | same-ids postfix"});
  EXPECT_EQ(
      differences(kStep + "Before: /usr/sbin/postfix flush\n"),
      Texts{"Before: expected /usr/sbin/postfix flush, found timeout=9 /usr/sbin/postfix flush"});
}

TEST(RuleTests, TheStepCounts) {
  const std::string rest = "Package: postfix\nInstalled: vmm 0.6\nClass: none\n";
  EXPECT_EQ(differences("Test: a\nFrom: 3.6\nTo: 3.7\n" + rest), Texts());
  EXPECT_EQ(differences("Test: a\nTo: 3.7\n" + rest), Texts());
  EXPECT_EQ(differences("Test: a\nFrom: 3.5\n" + rest), Texts());
  EXPECT_NE(differences("Test: a\nFrom: 3.5\nTo: 3.7\n" + rest), Texts());
  EXPECT_EQ(differences("Test: a\nFrom: 3.5\nTo: 3.7\nArchitecture: i386\n" + rest), Texts());
  EXPECT_EQ(differences("Test: a\nFrom: 3.5\nTo: 3.7\nPackage: postfix\nInstalled: vmm 0.7\n"
                        "Class: none\n"),
            Texts());
  const std::string again =
      "Test: a\nPackage: postfix\nInstalled: vmm 0.6\nFrom: 3.7.1\nTo: 3.7.2\n";
  EXPECT_EQ(differences(again + "Class: none\n"), Texts());
  EXPECT_EQ(differences(again + "Config-Version: 3.5\nClass: stop\nGuard: none\nBefore: none\n"),
            Texts());
}

TEST(RuleTests, WhatGuardsFindDecidesTheOutcome) {
  EXPECT_EQ(differences(kStep + "Outcome: go\n"), Texts());
  EXPECT_EQ(differences(kStep + "Guards: queue-empty = met\nOutcome: go\n"), Texts());
  EXPECT_EQ(differences(kStep + "Guards: queue-empty = unmet\nOutcome: ask\n"), Texts());
  EXPECT_EQ(differences(kStep + "Guards: same-ids postfix = unknown\nOutcome: ask\n"), Texts());
  EXPECT_EQ(differences(kStep + "Guards: same-ids = unmet\nOutcome: go\n"),
            Texts{"Outcome: expected go, found ask"});
  EXPECT_EQ(differences(kStep + "Guards: free-space = unmet\nOutcome: go\n"),
            Texts{"Guards: no rule that applies asks for free-space"});
}

TEST(RuleTests, IfUnmetIsThatOfTheGuardsThatDoNotHold) {
  const auto rule = [](const std::string& fields) {
    return "Package: foo\n" + fields + "Reason: r\nSource: https://example.org\n\n";
  };
  const std::string one = rule("Guard: queue-empty /q1\nIf-Unmet: warn\n");
  const std::string other = rule("Guard: queue-empty /q2\n");
  const auto told = [](const std::string& rules, const std::string& fields) {
    const auto file = file_with(rules + "Test: a\nPackage: foo\nFrom: 1\nTo: 2\n" + fields);
    EXPECT_TRUE(file.ok()) << (file.ok() ? "" : file.error().message);
    return file ? run_rule_test(file->rules, file->tests[0], test::no_units) : Texts{"unread"};
  };
  const std::string warned = "Guards: queue-empty /q1 = unmet\n";
  const std::string kept = "Guards: queue-empty /q2 = unknown\n";
  EXPECT_EQ(told(one + other, warned + "If-Unmet: warn\nOutcome: warn\n"), Texts());
  EXPECT_EQ(told(one + other, kept + "If-Unmet: keep\nOutcome: keep\n"), Texts());
  EXPECT_EQ(told(one + other, kept + "If-Unmet: none\nOutcome: keep\n"), Texts());
  EXPECT_EQ(told(one + other, kept + "If-Unmet: warn\n"),
            Texts{"If-Unmet: expected warn, found keep"});
  EXPECT_EQ(told(one + other, "Guards: queue-empty = unmet\nIf-Unmet: warn\n"),
            Texts{"If-Unmet: expected warn, found keep"});
  // All hold: the strictest that could be.
  EXPECT_EQ(told(one + other, "If-Unmet: keep\nOutcome: go\n"), Texts());
  EXPECT_EQ(told(one + other, "If-Unmet: none\n"), Texts{"If-Unmet: expected none, found keep"});
  EXPECT_EQ(told(one, "If-Unmet: Warn\n"), Texts());
  EXPECT_EQ(told(other, "If-Unmet: none\n"), Texts());
  EXPECT_EQ(told(other, "If-Unmet: keep\n"), Texts());
  const std::string saves = rule("Backup: /bin/true\nIf-Unmet: stop\n");
  EXPECT_EQ(told(one + saves, "If-Unmet: stop\n"), Texts());
  EXPECT_EQ(told(one + saves, warned + "If-Unmet: warn\n"), Texts());
  // Without any there is only what is about all.
  EXPECT_EQ(told(rule("If-Unmet: ask\n"), "If-Unmet: ask\n"), Texts());
  EXPECT_EQ(told(rule("Class: stop\n"), "If-Unmet: none\n"), Texts());
  EXPECT_EQ(told(rule("Class: stop\n"), "If-Unmet: keep\n"),
            Texts{"If-Unmet: expected keep, found none"});
}

TEST(RuleTests, AGuardIsNamedInAnyStyleOfQuotesAndBlanks) {
  const std::string test = kStep + "Guards: queue-empty   \"/var/spool/postfix/deferred\" =unmet\n";
  EXPECT_EQ(differences(test + "Outcome: ask\n"), Texts());
  EXPECT_EQ(differences(kStep + "Guards: same-ids 'postfix' = unmet\n 'same-ids' = met\n"
                                "Outcome: ask\n"),
            Texts())
      << "the one with arguments counts";
  EXPECT_EQ(differences(kStep + "Guards: same-ids 'postfix a' = unmet\nOutcome: go\n"),
            Texts{"Guards: no rule that applies asks for same-ids 'postfix a'"});
}

TEST(RuleTests, UnitsAreWhatAGuardAsksFor) {
  const std::string rule = kRules.substr(0, kRules.find("Guard:")) +
                           "Guard: service-active a.service\n service-active b.service\n"
                           "Reason: r\nSource: https://example.org\n\n";
  const auto told = [&rule](const std::string& units) {
    const auto file = file_with(rule + kStep + units);
    EXPECT_TRUE(file.ok()) << (file.ok() ? "" : file.error().message);
    return file ? run_rule_test(file->rules, file->tests[0], test::no_units) : Texts{"unread"};
  };
  EXPECT_EQ(told("Units: a.service = active\n b.service=Active\nOutcome: go\n"), Texts());
  EXPECT_EQ(told("Units: a.service = active\n b.service = inactive\nOutcome: keep\n"), Texts());
  EXPECT_EQ(told("Units: c.service = active\nOutcome: keep\n"), Texts()) << "they are not there";
  EXPECT_EQ(told("Units: a.service = inactive\nGuards: service-active = met\nOutcome: go\n"),
            Texts());
}

TEST(RuleTests, AGuardWithQuotesInItCanBeNamedAsTheRuleHasIt) {
  const std::string guards =
      "file-contains  /etc/x 'y = \"z\"'\n command \"/bin/true\" expects \"ok\"\n";
  const std::string step = "Package: foo\nTo: 2\n";
  for (const char* guard :
       {"file-contains  /etc/x 'y = \"z\"'", "command \"/bin/true\" expects \"ok\""}) {
    const auto file = file_with("Package: foo\nGuard: " + guards +
                                "If-Unmet: stop\nReason: r\nSource: https://example.org\n\n"
                                "Test: a\n" +
                                step + "Outcome: stop\nGuards: " + guard + " = unmet\n");
    ASSERT_TRUE(file.ok()) << file.error().message;
    EXPECT_EQ(run_rule_test(file->rules, file->tests[0], test::no_units), Texts());
  }
}

std::string mistake(const std::string& test) {
  const auto file = file_with(test);
  if (file) return "";
  const auto comma = file.error().message.find(", line ");
  return file.error().message.substr(comma + 2);
}

TEST(RuleTests, Mistakes) {
  const std::string good = "Test: a\nPackage: b\nTo: 1\n";
  EXPECT_EQ(mistake(good + "Class: stop\n"), "");
  EXPECT_EQ(mistake("Test:\nPackage: b\nTo: 1\nClass: stop\n"), "line 1: Test is empty");
  EXPECT_EQ(mistake("Test: a\nTo: 1\nClass: stop\n"), "line 1: no field Package");
  EXPECT_EQ(mistake("Test: a\nPackage: b\nClass: stop\n"), "line 1: neither From nor To");
  EXPECT_EQ(mistake(good), "line 1: no field says what is expected");
  EXPECT_EQ(mistake(good + "Class: halt\n"),
            "line 4: Class: \"halt\" is not stop, early, end, never or stock");
  EXPECT_EQ(mistake(good + "Clas: stop\n"), "line 4: unknown field \"Clas\"");
  EXPECT_EQ(mistake(good + "Class: stop\nclass: end\n"), "line 5: field \"class\" is there twice");
  EXPECT_EQ(mistake(good + "From: x\nClass: stop\n"), "line 4: From: \"x\" is no version");
  EXPECT_EQ(mistake(good + "From: 0\nConfig-Version: x\nClass: stop\n"),
            "line 5: Config-Version: \"x\" is no version");
  EXPECT_EQ(mistake(good + "Config-Version: 0\nClass: stop\n"),
            "line 1: Config-Version without From");
  EXPECT_EQ(mistake(good + "From: 0\nConfig-Version: 0\nClass: stop\n"),
            "line 1: Config-Version is From, which is configured then");
  EXPECT_EQ(mistake(good + "Installed: a\nClass: stop\n"),
            "line 4: Installed: \"a\" is no NAME VERSION");
  EXPECT_EQ(mistake(good + "Guards: a = good\nClass: stop\n"),
            "line 4: Guards: \"a = good\" is no GUARD = met, unmet or unknown");
  EXPECT_EQ(mistake(good + "Guards: 'a = met\nClass: stop\n"),
            "line 4: Guards: \"'a = met\" is no GUARD = met, unmet or unknown");
  const std::string units = good + "Outcome: go\nUnits: ";
  EXPECT_EQ(mistake(units + "a.service = inactive\n"), "");
  EXPECT_EQ(mistake(units + "a.service\n"),
            "line 5: Units: \"a.service\" is no UNIT = active or inactive");
  EXPECT_EQ(mistake(units + "a.service = failed\n"),
            "line 5: Units: \"a.service = failed\" is no UNIT = active or inactive");
  EXPECT_EQ(mistake(units + "a = active\n"), "line 5: Units: \"a\" is no unit, such as x.service");
  EXPECT_EQ(mistake(units + "a@*.service = active\n"),
            "line 5: Units: \"a@*.service\" is a pattern, and no unit");
  EXPECT_EQ(mistake(units + "none\n"), "line 5: Units: \"none\" is no UNIT = active or inactive");
  EXPECT_EQ(mistake(good + "Stops: a.service\n"), "line 1: Stops without Units");
  EXPECT_EQ(mistake(good + "Units: a.service = active\nClass: stop\n"),
            "line 1: Units decide Stops and Outcome, and neither is there");
  EXPECT_EQ(mistake(good + "Outcome: wait\n"), "line 4: Outcome: \"wait\" is no outcome");
  EXPECT_EQ(mistake("Test: a\nPackage: b*\nTo: 1\nClass: stop\n"),
            "line 2: Package: \"b*\" is no package name");
}

}  // namespace
}  // namespace aptkeep
