#include "core/guard.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "core/guard_arguments.h"

namespace aptkeep {
namespace {

using Words = std::vector<std::string>;

Words split(std::string_view text) {
  Words words;
  EXPECT_TRUE(split_words(text, words)) << text;
  return words;
}

std::string fault(std::string_view text) {
  Words words = split(text);
  if (words.empty()) return "no words";
  const std::string name = words.front();
  words.erase(words.begin());
  return guard_fault({name, words});
}

TEST(SplitWords, SplitsAtBlanksAndKeepsWhatIsQuoted) {
  EXPECT_EQ(split(""), Words{});
  EXPECT_EQ(split(" \t\n "), Words{});
  EXPECT_EQ(split("a b\tc\nd"), (Words{"a", "b", "c", "d"}));
  EXPECT_EQ(split("'a b' \"c 'd'\" e"), (Words{"a b", "c 'd'", "e"}));
  EXPECT_EQ(split("a'b c'd \"\""), (Words{"ab cd", ""}));
}

TEST(SplitWords, ExpandsNothing) {
  EXPECT_EQ(split("$HOME `id` \\n * ~ ${x} a\\'b'"),
            (Words{"$HOME", "`id`", "\\n", "*", "~", "${x}", "a\\b"}));
}

TEST(SplitWords, RefusesAQuoteThatIsNotClosed) {
  Words words;
  EXPECT_FALSE(split_words("a 'b c", words));
  EXPECT_FALSE(split_words("\"", words));
  EXPECT_FALSE(split_words("don't", words));
}

// Whatever bytes the words are made of: what is written in a record or a message is the same call.
TEST(GuardToString, IsReadAsTheSameWordsAgain) {
  std::mt19937 random(4);
  const std::string bytes("ab/'\"\\ \t\n$`\xff\x01\0", 14);
  for (int round = 0; round < 20000; ++round) {
    GuardCall call;
    call.name = "x";
    for (auto words = random() % 4; words > 0; --words) {
      std::string& word = call.arguments.emplace_back();
      for (auto length = random() % 6; length > 0; --length) word += bytes[random() % bytes.size()];
    }
    Words expected = call.arguments;
    expected.insert(expected.begin(), call.name);
    ASSERT_EQ(split(to_string(call)), expected) << to_string(call);
  }
}

TEST(GuardToString, IsPlainWhereItCanBe) {
  EXPECT_EQ(to_string({"queue-empty", {"/var/spool/x", "a b", "it's"}}),
            "queue-empty /var/spool/x 'a b' \"it's\"");
}

TEST(GuardKinds, AreSortedAndFound) {
  std::set<std::string> names;
  for (const auto& kind : guard_kinds()) {
    EXPECT_TRUE(names.empty() || *names.rbegin() < kind.name) << kind.name;
    names.insert(kind.name);
    EXPECT_STREQ(find_guard_kind(kind.name)->arguments, kind.arguments);
  }
  EXPECT_EQ(names.size(), 11u);
  EXPECT_EQ(find_guard_kind("queue"), nullptr);
}

TEST(GuardFault, FindsNothingWrongWithGoodCalls) {
  for (const char* text : {
           "queue-empty /var/spool/postfix/deferred /var/spool/postfix/hold",
           "file-contains /etc/dovecot/dovecot.conf dovecot_config_version",
           "file-lacks /etc/x 'two words'",
           "same-file-value /etc/postfix/main.cf compatibility_level",
           "same-ids postfix :postdrop _apt systemd-network",
           "same-filesystem /var/lib/mysql /var/lib/mysql.new",
           "free-space /var/lib/mysql 20G",
           "free-space /var 0",
           "service-active mariadb.service",
           "service-active postgresql@15-main",
           "service-active dev-disk-by\\x2duuid.device",
           "not-running /usr/sbin/mysqld",
           "command 'user=postfix timeout=5 /usr/sbin/postconf -h mail_version' expects 3.7.11",
           "command 'sh: mailq | grep -q empty' expects 0",
           "command /bin/true expects ''",
           "fresh-backup /var/backups/all.sql.gz 12h",
       }) {
    EXPECT_EQ(fault(text), "") << text;
  }
}

struct Wrong {
  const char* call;
  const char* fault;
};

TEST(GuardFault, SaysWhatIsWrongInOneWay) {
  const Wrong all[] = {
      {"queue /x", "there is no guard queue"},
      {"queue-empty", "queue-empty: its arguments are DIR..."},
      {"queue-empty spool", "queue-empty: spool is no absolute path"},
      {"queue-empty /x ''", "queue-empty: an argument is empty"},
      {"queue-empty /x -n", "queue-empty: -n is no absolute path"},
      {"file-contains /etc/x", "file-contains: its arguments are FILE TEXT"},
      {"file-contains /etc/x a b", "file-contains: its arguments are FILE TEXT"},
      {"file-lacks x a", "file-lacks: x is no absolute path"},
      {"file-lacks /x ''", "file-lacks: an argument is empty"},
      {"same-file-value /x a=b", "same-file-value: a=b is no key: it has a blank or ="},
      {"same-ids", "same-ids: its arguments are USER|:GROUP..."},
      {"same-ids 0", "same-ids: 0 is no user, nor a group behind a colon"},
      {"same-ids :", "same-ids: : is no user, nor a group behind a colon"},
      {"same-ids a:b", "same-ids: a:b is no user, nor a group behind a colon"},
      {"same-filesystem /a", "same-filesystem: its arguments are A B"},
      {"same-filesystem /a ../b", "same-filesystem: ../b is no absolute path"},
      {"free-space /x 5X", "free-space: 5X is no amount (a number, or one with K, M or G)"},
      {"service-active -H", "service-active: -H is no unit"},
      {"service-active *", "service-active: * is no unit"},
      {"service-active a b", "service-active: its arguments are UNIT"},
      {"not-running mysqld", "not-running: mysqld is no absolute path"},
      {"fresh-backup /x 1w",
       "fresh-backup: 1w is no age (a number of seconds, or one with m, h or d)"},
      {"command /bin/true is 0", "command: it is to be \"PROGRAM ARG...\" expects 0|TEXT [again]"},
      {"command /bin/true expects 0 x",
       "command: it is to be \"PROGRAM ARG...\" expects 0|TEXT [again]"},
      {"command true expects 0", "command: 'true' has a program whose name is no absolute path"},
      {"command /bin/../x expects 0",
       "command: '/bin/../x' has a program whose name goes over . or .."},
      {"command /bin//x expects 0",
       "command: '/bin//x' has a program whose name has an empty part"},
      {"command '' expects 0", "command: '' names no program"},
      {"command 'user=x' expects 0", "command: 'user=x' names no program"},
      {"command 'sh: ' expects 0", "command: 'sh: ' has no text for the shell"},
      {"command \"/bin/echo it's\" expects 0",
       "command: '/bin/echo it's' has a quote that is not closed"},
      {"command 'user=0 /bin/true' expects 0", "command: 'user=0 /bin/true' names no user"},
      {"command 'timeout=0 /bin/true' expects 0",
       "command: 'timeout=0 /bin/true' has no number of seconds from 1 to 86400"},
      {"command 'timeout=5s /bin/true' expects 0",
       "command: 'timeout=5s /bin/true' has no number of seconds from 1 to 86400"},
  };
  for (const auto& wrong : all) EXPECT_EQ(fault(wrong.call), wrong.fault) << wrong.call;
}

TEST(GuardFault, LetsNoControlCharacterThrough) {
  for (const char c : {'\0', '\n', '\x1b', '\x7f'}) {
    const std::string text = std::string("/x") + c + "y";
    EXPECT_NE(guard_fault({"queue-empty", {text}}), "");
    EXPECT_NE(guard_fault({"file-lacks", {"/x", text}}), "");
    EXPECT_NE(guard_fault({"command", {text, "expects", "0"}}), "");
    EXPECT_NE(guard_fault({"command", {"/bin/true", "expects", text}}), "");
  }
  EXPECT_EQ(guard_fault({"queue-empty", {"/x\x1b[31m"}}),
            "queue-empty: a control character in /x\\x1b[31m");
  EXPECT_EQ(guard_fault({"\x1b[2J", {}}), "there is no guard \\x1b[2J");
  EXPECT_NE(guard_fault({"queue-empty", {"/" + std::string(5000, 'x')}}), "");
  EXPECT_NE(guard_fault({"queue-empty", Words(65, "/x")}), "");
}

// Nothing but what a rule may say is let through, and nothing crashes it.
TEST(GuardFault, StandsAnyCall) {
  std::mt19937 random(7);
  const std::string bytes("/a0:@-. =KMGhd\\'\"\n\xff", 19);
  const Words words{"expects",   "0",     "user=x /x", "timeout=5 /x",
                    "/bin/true", "sh: x", "root",      ":x"};
  std::size_t good = 0;
  for (int round = 0; round < 50000; ++round) {
    const auto& kinds = guard_kinds();
    GuardCall call{kinds[random() % kinds.size()].name, {}};
    for (auto count = random() % 8; count > 0; --count) {
      std::string word;
      for (auto length = random() % 8; length > 0; --length) word += bytes[random() % bytes.size()];
      call.arguments.push_back(random() % 3 == 0 ? words[random() % words.size()] : word);
    }
    const std::string text = guard_fault(call);
    EXPECT_EQ(text, shown(text, 500));
    if (!text.empty()) continue;
    ++good;
    for (const auto& argument : call.arguments) EXPECT_EQ(argument.find('\n'), std::string::npos);
  }
  EXPECT_GT(good, 100u);
}

}  // namespace
}  // namespace aptkeep
