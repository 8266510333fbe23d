// Rule files in folders of the test's own, and those that the package ships.
#include "adapters/apt_rules.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "rules_folder.h"

namespace aptkeep {
namespace {

using test::kGood;
using test::never_back_reason;
using RulesTest = test::RulesFolder;

std::string text_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

TEST_F(RulesTest, StanzasWithCommentsAndLongValues) {
  write(ours() + "/10-a.rules",
        "# About this file\n"
        "\n"
        "package: slapd\tpostgresql-[0-9]*\n"
        "# in the middle of a field\n"
        "  cyrus-common\n"
        "Rollback:\n"
        " never\n"
        "Reason: one\n"
        "  two  three\n"
        "Source: https://example.org/x\n"
        " \t \n"
        "#\n"
        "Package: dpkg\r\n"
        "Rollback: Never\r\n"
        "Reason: r\r\n"
        "Source: dpkg postinst: s");
  const auto rules = read();
  ASSERT_EQ(rules.complaints, std::vector<std::string>());
  ASSERT_EQ(rules.rules.size(), 2U);
  const auto& first = rules.rules[0];
  const std::vector<std::string> names = {"slapd", "postgresql-[0-9]*", "cyrus-common"};
  EXPECT_EQ(first.packages, names);
  EXPECT_EQ(first.never_back, true);
  EXPECT_EQ(first.reason, "one two three");
  EXPECT_EQ(first.source, "https://example.org/x");
  EXPECT_EQ(first.where, ours() + "/10-a.rules:3");
  EXPECT_EQ(rules.rules[1].packages, std::vector<std::string>{"dpkg"});
  EXPECT_EQ(rules.rules[1].source, "dpkg postinst: s");
  EXPECT_EQ(rules.rules[1].where, ours() + "/10-a.rules:13");
}

TEST_F(RulesTest, EachFaultHasItsLine) {
  EXPECT_EQ(complaint_on("\n" + kGood + "Rollbak: never\n"),
            "x.rules, line 6: unknown field \"Rollbak\"");
  EXPECT_EQ(complaint_on(kGood + "Reason: again\n"),
            "x.rules, line 5: field Reason is there twice");
  EXPECT_EQ(complaint_on(kGood + "\nPackage: a\nRollback: never\nReason: r\n"),
            "x.rules, line 6: no field Source");
  EXPECT_EQ(complaint_on("Package: a\nRollback: never\nSource: http://x\n"),
            "x.rules, line 1: no field Reason");
  EXPECT_EQ(complaint_on("Package: a\nReason: r\nSource: http://x\n"),
            "x.rules, line 1: no field says what to do: Class, Guard, Rollback or another");
  EXPECT_EQ(complaint_on("Rollback: never\nReason: r\nSource: http://x\n"),
            "x.rules, line 1: no field Package");
  EXPECT_EQ(complaint_on("Package: a\nReason: r\nSource: http://x\nRollback: maybe\n"),
            "x.rules, line 4: Rollback: \"maybe\" is not never or allowed");
  EXPECT_EQ(complaint_on("Reason: r\nPackage: a,b\nSource: http://x\nRollback: never\n"),
            "x.rules, line 2: Package: \"a,b\" is no package name");
  EXPECT_EQ(complaint_on("Reason: r\nPackage: \nSource: http://x\nRollback: never\n"),
            "x.rules, line 2: Package names none");
  EXPECT_EQ(complaint_on("Package: a\nReason:\nSource: http://x\nRollback: never\n"),
            "x.rules, line 2: Reason is empty");
  EXPECT_EQ(complaint_on("Package: a\nReason: r\nSource: hearsay\nRollback: never\n"),
            "x.rules, line 3: Source is neither a link nor \"PACKAGE SCRIPT: what it does\"");
  EXPECT_EQ(complaint_on(kGood + "nonsense\n"), "x.rules, line 5: \"nonsense\" is no field");
  EXPECT_EQ(complaint_on("\n goes on\n" + kGood), "x.rules, line 2: \" goes on\" is no field");
  EXPECT_EQ(complaint_on(kGood + "\x1b[2J: x\n"), "x.rules, line 5: a control character");
  EXPECT_EQ(complaint_on("Package: a\nRollback: never\nReason: \x1b[2J\nSource: https://x.org\n"),
            "x.rules, line 3: a control character");
  EXPECT_EQ(complaint_on("\xef\xbb\xbf" + kGood),
            "x.rules, line 1: what is no UTF-8, or turns the direction of writing");
  EXPECT_EQ(complaint_on("# \xff in a comment\n" + kGood + "Repair: \xff\n"),
            "x.rules, line 6: what is no UTF-8, or turns the direction of writing");
  EXPECT_EQ(complaint_on(kGood + "Repair: rm \xe2\x80\xae x\n"),
            "x.rules, line 5: what is no UTF-8, or turns the direction of writing");
  EXPECT_EQ(complaint_on("F\xc3\xbcr: x\n"), "x.rules, line 1: unknown field \"F??r\"");
  EXPECT_EQ(complaint_on(kGood + std::string(1, '\0')), "x.rules: it is no text");
  EXPECT_EQ(complaint_on(std::string(2000000, '#')), "x.rules: it is larger than 1 MB");
}

TEST_F(RulesTest, TheSameNameOverrides) {
  write(ours() + "/10-a.rules", kGood);
  EXPECT_NE(reason("slapd:amd64"), "");
  write(admins() + "/10-a.rules",
        "Package: dpkg\nRollback: never\nReason: mine\nSource: http://example.org\n");
  EXPECT_EQ(reason("slapd:amd64"), "");
  EXPECT_EQ(reason("dpkg:amd64"), "mine");
}

TEST_F(RulesTest, NullAndEmptyMask) {
  write(ours() + "/10-a.rules", kGood);
  write(ours() + "/20-b.rules", kGood);
  std::filesystem::create_symlink("/dev/null", admins() + "/10-a.rules");
  EXPECT_NE(reason("slapd:amd64"), "");
  write(admins() + "/20-b.rules", "");
  EXPECT_EQ(reason("slapd:amd64"), "");
  EXPECT_TRUE(read().complaints.empty());
}

TEST_F(RulesTest, FilesCountByName) {
  write(ours() + "/20-b.rules", kGood);
  write(admins() + "/10-a.rules",
        "Package: slapd\nRollback: allowed\nReason: early\nSource: http://example.org\n");
  EXPECT_NE(reason("slapd:amd64"), "") << "the later name decides, not the folder";
  std::filesystem::rename(admins() + "/10-a.rules", admins() + "/30-a.rules");
  EXPECT_EQ(reason("slapd:amd64"), "");
}

TEST_F(RulesTest, ABrokenFileIsLeftOutAndTheRestCounts) {
  write(ours() + "/10-a.rules", kGood);
  write(admins() + "/20-b.rules", "Package: x\n\n" + kGood);
  const auto rules = read();
  EXPECT_EQ(rules.left_out, std::vector<std::string>{"20-b.rules"});
  EXPECT_EQ(rules.rules.size(), 1U);
  EXPECT_EQ(rules.complaints.size(), 1U);
}

TEST_F(RulesTest, ABrokenFileTakesNoProtectionAway) {
  write(ours() + "/10-a.rules", kGood);
  write(admins() + "/10-a.rules", "Package: x\nRollbak: never\n");
  EXPECT_NE(reason("slapd:amd64"), "");
  EXPECT_EQ(read().complaints.size(), 1U);
  EXPECT_TRUE(read().left_out.empty());
}

TEST_F(RulesTest, WhatIsNoFileOfRulesAtAllIsAMistakeOfIt) {
  const auto path = admins() + "/x.rules";
  const auto mistakes_of = [&path] {
    const auto found = check_rules(path);
    return found ? *found : std::vector<std::string>{"fails: " + found.error().message};
  };
  write(path, kGood + std::string(1, '\0'));
  EXPECT_EQ(mistakes_of(), std::vector<std::string>{path + ": it is no text"});
  write(path, std::string(2000000, '#'));
  EXPECT_EQ(mistakes_of(), std::vector<std::string>{path + ": it is larger than 1 MB"});
  std::filesystem::remove(path);
  EXPECT_EQ(mistakes_of(), std::vector<std::string>{"fails: unable to use " + path +
                                                    ": No such file or directory"});
  std::filesystem::create_symlink("nowhere", path);
  EXPECT_EQ(mistakes_of(), std::vector<std::string>{path + ": No such file or directory"});
  std::filesystem::remove(path);
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_EQ(mistakes_of(), std::vector<std::string>{path + ": it is no regular file"});
}

TEST_F(RulesTest, TestsInARuleFileCountForNothing) {
  write(admins() + "/x.rules", kGood + "\nTest: broken\nNonsense: x\n");
  EXPECT_EQ(read().complaints, std::vector<std::string>());
  EXPECT_EQ(read().rules.size(), 1U);
  EXPECT_EQ(check_rules(admins() + "/x.rules")->size(), 3U);
}

TEST_F(RulesTest, WhatIsNoFileIsToldAndDoesNotHang) {
  ASSERT_EQ(::mkfifo((admins() + "/a.rules").c_str(), 0600), 0);
  std::filesystem::create_directory(admins() + "/b.rules");
  std::filesystem::create_symlink("nowhere", admins() + "/c.rules");
  EXPECT_EQ(read().complaints.size(), 3U);
}

TEST_F(RulesTest, AFileCannotReachTheTerminalByItsName) {
  write(admins() + "/\x1b[2J.rules", kGood);
  ASSERT_EQ(read().rules.size(), 1U);
  EXPECT_EQ(read().rules[0].where, admins() + "/\\x1b[2J.rules:1");
  write(admins() + "/\x1b[2J.rules", "nonsense");
  ASSERT_EQ(read().complaints.size(), 1U);
  EXPECT_EQ(read().complaints[0].find('\x1b'), std::string::npos);
}

TEST_F(RulesTest, LeftoversAreNoRuleFiles) {
  for (const char* name : {"a.rules~", "a.rules.dpkg-old", ".a.rules", "a", "README"}) {
    write(admins() + "/" + name, "nonsense\n");
  }
  EXPECT_TRUE(read().complaints.empty());
  EXPECT_TRUE(read_rules({folder_ + "/nowhere"}).ok());
}

// What comes with the package: copied, because a checkout may be writable for a group.
class ShippedRules : public RulesTest {
 protected:
  ShippedRules() {
    const auto folder = std::filesystem::path(__FILE__).parent_path() / "../../rules";
    for (const auto& file : std::filesystem::directory_iterator(folder)) {
      const auto copy = ours() + "/" + file.path().filename().string();
      std::filesystem::copy(file.path(), copy);
      ::chmod(copy.c_str(), 0644);
    }
  }
};

TEST_F(ShippedRules, AllCanBeUsed) {
  const auto rules = read();
  EXPECT_EQ(rules.complaints, std::vector<std::string>());
  EXPECT_GT(rules.rules.size(), 10U);
}

TEST_F(ShippedRules, NamesWhatWouldLoseData) {
  const auto rules = read().rules;
  for (const char* name :
       {"mariadb-server", "mariadb-server-10.5", "postgresql-15", "postgresql-17", "slapd",
        "cyrus-common", "libc6", "dpkg", "apt", "systemd", "base-files"}) {
    EXPECT_NE(never_back_reason(rules, std::string(name) + ":amd64"), "") << name;
  }
}

TEST_F(ShippedRules, LeavesOrdinaryPackagesAlone) {
  const auto rules = read().rules;
  for (const char* name : {"postgresql-client-15", "postgresql-common", "libmariadb3", "bash",
                           "openssh-server", "nginx", "mariadb-client", "libc6-dev", "vim"}) {
    EXPECT_EQ(never_back_reason(rules, std::string(name) + ":amd64"), "") << name;
  }
}

// "0~20171227" is before "0", so that a rule for whatever was installed has to begin below that.
TEST_F(ShippedRules, LeaveNoVersionOutThatIsBelowZero) {
  for (const Rule& rule : read().rules) {
    for (const Relation& relation : rule.upgrade_from) {
      const bool from_zero = compare_versions("0~~", relation.version) < 0 &&
                             compare_versions(relation.version, "0") <= 0;
      EXPECT_FALSE(from_zero && relation.op != RelationOp::Less) << rule.where;
    }
  }
}

TEST_F(ShippedRules, TheirTestsHold) {
  const auto rules = read().rules;
  std::size_t count = 0;
  for (const auto& file : std::filesystem::directory_iterator(ours())) {
    if (file.path().extension() != ".rules") continue;
    const auto mistakes = check_rules(file.path());
    ASSERT_TRUE(mistakes.ok());
    EXPECT_EQ(*mistakes, std::vector<std::string>());
    const auto tests = read_rule_tests(file.path());
    ASSERT_TRUE(tests.ok()) << tests.error().message;
    EXPECT_FALSE(tests->empty()) << file.path();
    count += tests->size();
    for (const auto& test : *tests) {
      EXPECT_EQ(run_rule_test(rules, test, test::no_units), std::vector<std::string>())
          << test.where << test.name;
    }
  }
  EXPECT_GE(count, 20U);
}

// Whatever stands in a file: it is told in one printable line, or it is a rule.
TEST_F(ShippedRules, DamagedTextIsToldOrUsed) {
  const auto path = admins() + "/x.rules";
  const auto text = text_of(ours() + "/10-never-roll-back.rules").substr(0, 1500);
  std::mt19937_64 random(std::random_device{}());
  const auto below = [&random](std::size_t end) {
    return std::uniform_int_distribution<std::size_t>(0, end - 1)(random);
  };
  const std::string bytes = "\n :#\tP*[\x80\x1b\r";
  for (int round = 0; round < 300; ++round) {
    auto damaged = text;
    for (int i = 0; i < 4; ++i) {
      const auto at = below(damaged.size());
      if (below(2) == 0) damaged[at] = bytes[below(bytes.size())];
      if (below(8) == 0) damaged.erase(at, 1 + below(40));
    }
    write(path, damaged);
    const auto rules = read_rules({admins()});
    ASSERT_TRUE(rules.ok());
    ASSERT_LE(rules->complaints.size(), 1U) << damaged;
    for (const auto& line : rules->complaints) {
      EXPECT_TRUE(std::all_of(line.begin(), line.end(), [](char c) {
        return c >= ' ' && c <= '~';
      })) << line;
    }
    for (const auto& rule : rules->rules) {
      EXPECT_FALSE(rule.packages.empty() || rule.reason.empty() || rule.source.empty()) << damaged;
    }
  }
}

}  // namespace
}  // namespace aptkeep
