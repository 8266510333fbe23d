// Which rule files are used: those that nobody else could have written, changed or put there.
#include "rules_folder.h"

namespace aptkeep {
namespace {

using test::kGood;
using test::never_back_reason;
using RulesTrust = test::RulesFolder;

TEST_F(RulesTrust, OnlyItsOwnerMayWriteToARuleFile) {
  for (const mode_t mode : {0664U, 0646U}) {
    write(admins() + "/x.rules", kGood, mode);
    ASSERT_EQ(read().complaints.size(), 1U);
    EXPECT_TRUE(read().complaints[0].ends_with("others than its owner may write to it"));
    EXPECT_EQ(reason("slapd:amd64"), "");
  }
}

TEST_F(RulesTrust, AFileOfAnotherUserIsRefused) {
  write(admins() + "/x.rules", kGood);
  ASSERT_EQ(::chown((admins() + "/x.rules").c_str(), 12345, 0), 0);
  ASSERT_EQ(read().complaints.size(), 1U);
  EXPECT_TRUE(read().complaints[0].ends_with("it is owned by user 12345, not by root"));
  EXPECT_EQ(reason("slapd:amd64"), "");
}

TEST_F(RulesTrust, AFolderForOthersIsRefusedAsAWhole) {
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

TEST_F(RulesTrust, AFolderBelowOneForOthersIsRefused) {
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

TEST_F(RulesTrust, ALinkToWhereOthersMayWriteIsRefused) {
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
class LinksOfOthers : public RulesTrust {
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

}  // namespace
}  // namespace aptkeep
