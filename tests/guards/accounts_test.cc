// same-ids, and whom a command runs as.
#include <unistd.h>

#include "adapters/guard_command.h"
#include "fixture.h"

namespace aptkeep::test {
namespace {

constexpr const char* kPasswd =
    "root:x:0:0:root:/root:/bin/sh\n"
    "mail_er:x:109:117::/var/spool/postfix:/usr/sbin/nologin\n"
    "+nis::::::\n";
constexpr const char* kGroup =
    "root:x:0:\n"
    "postdrop:x:118:\n"
    "postfix:x:117:mail_er\n"
    "sasl:x:45:other,mail_er\n"
    "opendkim:x:119:mail_er\n";

std::string with_accounts(const std::function<std::string()>& work) {
  return with_file("/etc/passwd", kPasswd,
                   [&work] { return with_file("/etc/group", kGroup, work); });
}

TEST(SameIds, RemembersAndCompares) {
  const auto first = probe("same-ids root :root");
  EXPECT_EQ(told(first),
            "met: user root: nothing remembered yet to compare with, group root: nothing "
            "remembered yet to compare with");
  EXPECT_EQ(first.now, (Remembered{{"same-ids root", "0"}, {"same-ids :root", "0"}}));
  EXPECT_EQ(told(probe("same-ids root :root", first.now)),
            "met: user root is 0 as it was, group root is 0 as it was");
}

TEST(SameIds, UserAndGroupOfOneNameAreTwoThings) {
  const auto answer = with_accounts([] {
    return told(probe("same-ids mail_er :postdrop",
                      {{"same-ids mail_er", "109"}, {"same-ids :postdrop", "109"}}));
  });
  EXPECT_EQ(answer, "unmet: group postdrop is 118, it was 109");
}

TEST(SameIds, AllAreRememberedAlsoBehindOneThatDiffers) {
  const auto answer = with_accounts([] {
    const auto report = probe("same-ids mail_er :postdrop root", {{"same-ids mail_er", "1"}});
    std::string text = told(report);
    for (const auto& [key, value] : report.now) text += "\n" + key + "=" + value;
    return text;
  });
  EXPECT_EQ(answer,
            "unmet: user mail_er is 109, it was 1\nsame-ids :postdrop=118\nsame-ids "
            "mail_er=109\nsame-ids root=0");
}

TEST(SameIds, OneThatIsGoneIsUnmetOneThatNeverWasIsUnknown) {
  EXPECT_EQ(told(probe("same-ids no-such-user")), "unknown: there is no user no-such-user");
  EXPECT_EQ(told(probe("same-ids :no-such-group")), "unknown: there is no group no-such-group");
  EXPECT_EQ(told(probe("same-ids no-such-user", {{"same-ids no-such-user", "109"}})),
            "unmet: there is no user no-such-user any more, it was 109");
  EXPECT_EQ(with_accounts([] { return told(probe("same-ids nis")); }),
            "unknown: there is no user nis");
}

// Nor does getent know it; service_test.py has one that only getent knows.
TEST(SameIds, GarbageInTheFilesIsSkipped) {
  const auto answer = with_file("/etc/nsswitch.conf", "passwd: files\n", [] {
    return with_file("/etc/passwd", "garbage\n::::\n\xff:x:1\nx:x:12:13::/:\n\nroot:x:", [] {
      return told(probe("same-ids x", {{"same-ids x", "12"}})) + "; " +
             told(probe("same-ids root"));
    });
  });
  EXPECT_EQ(answer, "met: user x is 12 as it was; unknown: there is no user root");
}

TEST(FindAccount, HasTheGroupsOfTheFiles) {
  const auto answer = with_accounts([]() -> std::string {
    const auto account = find_account("mail_er");
    if (!account || !*account) return "none";
    std::string text = (*account)->home + " " + std::to_string((*account)->uid);
    for (const auto group : (*account)->groups) text += " " + std::to_string(group);
    return text;
  });
  EXPECT_EQ(answer, "/var/spool/postfix 109 117 45 119");
}

TEST(CommandGuard, RunsAsItsUserWithItsGroupsAlone) {
  const auto run = [](const std::string& guard) {
    return with_accounts([&guard] { return told(probe(guard)); });
  };
  EXPECT_EQ(run("command 'user=mail_er /usr/bin/id -u' expects 109"),
            "met: /usr/bin/id prints 109");
  EXPECT_EQ(run("command 'user=mail_er /usr/bin/id -G' expects '117 45 119'"),
            "met: /usr/bin/id prints 117 45 119");
  EXPECT_EQ(run("command 'user=mail_er /usr/bin/id -ru' expects 109"),
            "met: /usr/bin/id prints 109");
  EXPECT_EQ(run("command '/usr/bin/id -G' expects 0"), "met: /usr/bin/id: exit status 0");
  EXPECT_EQ(run("command 'user=mail_er sh: echo $HOME $USER $LOGNAME' expects "
                "'/var/spool/postfix mail_er mail_er'"),
            "met: echo $HOME $USER $LOGNAME prints /var/spool/postfix mail_er mail_er");
  EXPECT_EQ(run("command 'user=mail_er sh: cat /etc/shadow' expects 0"),
            "unmet: cat /etc/shadow: exit status 1: cat: /etc/shadow: Permission denied");
  EXPECT_EQ(run("command 'user=nobody-knows /usr/bin/id -u' expects 0"),
            "unknown: unable to run /usr/bin/id: there is no user nobody-knows");
}

TEST(CommandGuard, NobodyBecomesAnotherWithoutTheRight) {
  EXPECT_EQ(as_nobody([] { return told(probe("command '/usr/bin/id -u' expects 0")); }),
            "unknown: unable to set groups for /usr/bin/id: Operation not permitted");
  EXPECT_EQ(
      as_nobody([] { return told(probe("command 'user=nobody /usr/bin/id -u' expects 65534")); }),
      "met: /usr/bin/id prints 65534");
}

}  // namespace
}  // namespace aptkeep::test
