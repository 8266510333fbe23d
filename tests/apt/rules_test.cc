// Rule files in folders of the test's own, and those that the package ships.
#include "adapters/apt_rules.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "apt_root.h"
#include "core/step_rules.h"

namespace aptkeep {
namespace {

using test::write_text;

std::string text_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

const std::string kGood =
    "Package: slapd\n"
    "Rollback: never\n"
    "Reason: its data may have been converted\n"
    "Source: slapd postinst: loads a dump\n";

std::string never_back_reason(const std::vector<Rule>& rules, const std::string& package) {
  std::vector<Step> steps(1);
  steps[0].package = package;
  steps[0].old_version = "1";
  steps[0].new_version = "2";
  const RuleFacts facts{compare_versions, [](auto) { return ""; }};
  mark_steps(decide_steps(RuleIndex(rules), facts, steps), steps);
  return steps[0].never_back;
}

class RulesTest : public testing::Test {
 protected:
  // Only what is root's counts.
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  }
  RulesTest() {
    std::string pattern = "/tmp/aptkeep-rules.XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    std::filesystem::create_directories(ours());
    std::filesystem::create_directories(admins());
  }
  ~RulesTest() override { std::filesystem::remove_all(folder_); }

  std::string ours() const { return folder_ + "/usr"; }
  std::string admins() const { return folder_ + "/etc"; }

  void write(const std::string& path, const std::string& text, mode_t mode = 0644) const {
    write_text(path, text);
    ASSERT_EQ(::chmod(path.c_str(), mode), 0);
  }

  Rules read() const {
    const auto rules = read_rules({ours(), admins()});
    EXPECT_TRUE(rules.ok()) << (rules ? "" : rules.error().message);
    return rules ? *rules : Rules();
  }
  std::string reason(const std::string& package) const {
    return never_back_reason(read().rules, package);
  }
  // What is said about a file with this text, without its folder.
  std::string complaint_on(const std::string& text) const {
    write(admins() + "/x.rules", text);
    const auto rules = read();
    EXPECT_TRUE(rules.rules.empty());
    EXPECT_EQ(rules.complaints.size(), 1U);
    if (rules.complaints.empty()) return "";
    const std::string start = "unable to use " + admins() + "/";
    EXPECT_TRUE(rules.complaints[0].starts_with(start)) << rules.complaints[0];
    return rules.complaints[0].substr(std::min(start.size(), rules.complaints[0].size()));
  }

  std::string folder_;
};

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

TEST_F(RulesTest, OnlyItsOwnerMayWriteToARuleFile) {
  for (const mode_t mode : {0664U, 0646U}) {
    write(admins() + "/x.rules", kGood, mode);
    ASSERT_EQ(read().complaints.size(), 1U);
    EXPECT_TRUE(read().complaints[0].ends_with("others than its owner may write to it"));
    EXPECT_EQ(reason("slapd:amd64"), "");
  }
}

TEST_F(RulesTest, AFileOfAnotherUserIsRefused) {
  write(admins() + "/x.rules", kGood);
  ASSERT_EQ(::chown((admins() + "/x.rules").c_str(), 12345, 0), 0);
  ASSERT_EQ(read().complaints.size(), 1U);
  EXPECT_TRUE(read().complaints[0].ends_with("it is owned by user 12345, not by root"));
  EXPECT_EQ(reason("slapd:amd64"), "");
}

TEST_F(RulesTest, AFolderForOthersIsRefusedAsAWhole) {
  write(ours() + "/10-a.rules", kGood);
  write(admins() + "/10-a.rules", "");
  write(admins() + "/20-b.rules", kGood);
  ASSERT_EQ(::chmod(admins().c_str(), 0777), 0);
  EXPECT_EQ(read().complaints, std::vector<std::string>{"unable to use the rules in " + admins() +
                                                        ": others than its owner may write to it"});
  EXPECT_NE(reason("slapd:amd64"), "") << "nothing in it masks or overrides";
  EXPECT_EQ(read().left_out, std::vector<std::string>{"20-b.rules"});
  ASSERT_EQ(::chmod(admins().c_str(), 0755), 0);
  ASSERT_EQ(::chown(admins().c_str(), 12345, 0), 0);
  EXPECT_EQ(read().complaints,
            std::vector<std::string>{"unable to use the rules in " + admins() +
                                     ": it is owned by user 12345, not by root"});
}

TEST_F(RulesTest, AFolderBelowOneForOthersIsRefused) {
  const auto open = folder_ + "/open";
  std::filesystem::create_directories(open + "/rules.d");
  write(open + "/rules.d/x.rules", kGood);
  ASSERT_EQ(::chmod(open.c_str(), 0777), 0);
  const auto rules = read_rules({open + "/rules.d"});
  ASSERT_TRUE(rules.ok());
  EXPECT_TRUE(rules->rules.empty());
  EXPECT_EQ(rules->complaints, std::vector<std::string>{"unable to use the rules in " + open +
                                                        "/rules.d: it is reached over " + open +
                                                        ": others than its owner may write to it"});
}

TEST_F(RulesTest, ALinkToWhereOthersMayWriteIsRefused) {
  const auto open = folder_ + "/open";
  std::filesystem::create_directories(open);
  write(open + "/x.rules", kGood);
  std::filesystem::create_symlink(open + "/x.rules", admins() + "/x.rules");
  EXPECT_NE(reason("slapd:amd64"), "");
  ASSERT_EQ(::chmod(open.c_str(), 0777), 0);
  EXPECT_EQ(reason("slapd:amd64"), "");
  EXPECT_EQ(read().left_out, std::vector<std::string>{"x.rules"});
}

// Whoever has the folder may turn the link, at any time and at anything of root's.
class LinksOfOthers : public RulesTest {
 protected:
  static constexpr uid_t kSomebody = 12345;

  LinksOfOthers() {
    std::filesystem::create_directories(theirs());
    EXPECT_EQ(::chown(theirs().c_str(), kSomebody, 0), 0);
    write(ours() + "/10-a.rules", kGood);
  }
  std::string theirs() const { return folder_ + "/theirs"; }
  std::string kept(const std::string& name) const { return folder_ + "/kept/" + name; }

  static void link(const std::string& target, const std::string& path, uid_t owner = 0) {
    std::filesystem::create_symlink(target, path);
    EXPECT_EQ(::lchown(path.c_str(), owner, 0), 0);
  }
  void is_refused(const std::string& name, const std::string& over) const {
    const auto rules = read();
    EXPECT_EQ(rules.complaints,
              std::vector<std::string>{"unable to use " + admins() + "/" + name +
                                       ": it is reached over " + over +
                                       ": it is owned by user 12345, not by root"});
    EXPECT_NE(reason("slapd:amd64"), "");
  }
};

TEST_F(LinksOfOthers, MaskNothing) {
  link("/dev/null", theirs() + "/mask", kSomebody);
  link(theirs() + "/mask", admins() + "/10-a.rules");
  is_refused("10-a.rules", theirs());
}

TEST_F(LinksOfOthers, BringNoFileOfRoots) {
  std::filesystem::create_directories(folder_ + "/kept");
  write(kept("x"), "Package: slapd\nRollback: allowed\nReason: r\nSource: http://example.org\n");
  link("../kept/x", theirs() + "/x");
  link("../theirs/x", admins() + "/20-x.rules");
  is_refused("20-x.rules", theirs());
}

TEST_F(LinksOfOthers, CountNowhere) {
  std::filesystem::create_directories(folder_ + "/kept");
  link("/dev/null", kept("mask"), kSomebody);
  link(kept("mask"), admins() + "/10-a.rules");
  is_refused("10-a.rules", kept("mask"));
}

TEST_F(LinksOfOthers, LeadToNoFolder) {
  write(admins() + "/10-a.rules", "");
  link(admins(), theirs() + "/rules.d");
  link("theirs/rules.d", folder_ + "/rules.d");
  const auto rules = read_rules({ours(), folder_ + "/rules.d"});
  ASSERT_TRUE(rules.ok());
  EXPECT_EQ(rules->complaints,
            std::vector<std::string>{"unable to use the rules in " + folder_ +
                                     "/rules.d: it is reached over " + theirs() +
                                     ": it is owned by user 12345, not by root"});
  EXPECT_EQ(rules->rules.size(), 1U);
}

TEST_F(LinksOfOthers, AreNotMeantWithRootsOwn) {
  std::filesystem::create_directories(folder_ + "/kept");
  link("/dev/../dev/null", kept("mask"));
  link(".//mask", kept("once-more"));
  link("../kept/./once-more", admins() + "/10-a.rules");
  EXPECT_EQ(read().complaints, std::vector<std::string>());
  EXPECT_EQ(reason("slapd:amd64"), "");
  link("30-b.rules", admins() + "/20-b.rules");
  link("20-b.rules", admins() + "/30-b.rules");
  EXPECT_EQ(read().complaints.size(), 2U) << "a loop";
}

// As one user, in the same process.
class RulesOfAUser : public LinksOfOthers {
 protected:
  RulesOfAUser() {
    EXPECT_EQ(::chmod(folder_.c_str(), 0755), 0);
    write(theirs() + "/10-a.rules",
          "Package: dpkg\nRollback: never\nReason: mine\n"
          "Source: http://example.org\n");
    EXPECT_EQ(::chown((theirs() + "/10-a.rules").c_str(), kSomebody, 0), 0);
  }
  Rules read_as(uid_t user, RuleOwners owners) const {
    EXPECT_EQ(::seteuid(user), 0);
    const auto rules = read_rules({ours(), theirs()}, owners);
    EXPECT_EQ(::seteuid(0), 0);
    EXPECT_TRUE(rules.ok());
    return rules ? *rules : Rules();
  }
};

TEST_F(RulesOfAUser, CountForThatUserAlone) {
  const auto own = read_as(kSomebody, RuleOwners::RootOrUser);
  EXPECT_EQ(own.complaints, std::vector<std::string>());
  EXPECT_EQ(never_back_reason(own.rules, "dpkg"), "mine");
  EXPECT_EQ(never_back_reason(own.rules, "slapd"), "") << "by name, as always";
  EXPECT_EQ(read_as(kSomebody, RuleOwners::Root).complaints.size(), 1U);
  EXPECT_EQ(read_as(0, RuleOwners::RootOrUser).complaints.size(), 1U);
  EXPECT_EQ(read_as(23456, RuleOwners::RootOrUser).complaints,
            std::vector<std::string>{"unable to use the rules in " + theirs() +
                                     ": it is owned by user 12345, not by root or you"});
}

TEST_F(RulesOfAUser, AreNotThoseThatOthersMayWriteTo) {
  EXPECT_EQ(::chmod((theirs() + "/10-a.rules").c_str(), 0664), 0);
  const auto rules = read_as(kSomebody, RuleOwners::RootOrUser);
  EXPECT_EQ(rules.complaints,
            std::vector<std::string>{"unable to use " + theirs() +
                                     "/10-a.rules: others than its owner may write to it"});
  EXPECT_EQ(never_back_reason(rules.rules, "dpkg"), "");
  EXPECT_NE(never_back_reason(rules.rules, "slapd"), "");
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
      EXPECT_EQ(run_rule_test(rules, test), std::vector<std::string>()) << test.where << test.name;
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
