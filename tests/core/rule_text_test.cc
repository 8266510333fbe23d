#include "core/rule_text.h"

#include <gtest/gtest.h>

#include <string>

namespace aptkeep {
namespace {

TEST(RuleText, WordsThereAndBack) {
  for (const auto* word : RuleWords<ServiceClass>::kWords) {
    const auto value = rule_value<ServiceClass>(word);
    ASSERT_TRUE(value) << word;
    EXPECT_STREQ(rule_word(*value), word);
  }
  EXPECT_EQ(rule_value<OnFailure>("LEAVE-Unconfigured"), OnFailure::LeaveUnconfigured);
  EXPECT_EQ(rule_value<RelationOp>("<<"), RelationOp::Less);
  EXPECT_EQ(rule_value<RelationOp>("<"), std::nullopt) << "in control files it means <=";
  EXPECT_EQ(rule_value<IfUnmet>(""), std::nullopt);
  EXPECT_EQ(rule_value<SocketMode>("parked"), std::nullopt);
}

TEST(RuleText, Commands) {
  RuleCommand command;
  command.argv = {"/usr/bin/pg_dumpall", "-f", "/var/backups/all of it"};
  EXPECT_EQ(to_string(command), "/usr/bin/pg_dumpall -f '/var/backups/all of it'");
  command.timeout = 5;
  command.user = "postgres";
  command.argv = {"/bin/true"};
  EXPECT_EQ(to_string(command), "timeout=5 user=postgres /bin/true");
  command.shell = true;
  command.argv = {"echo \"$HOME\" | cat"};
  EXPECT_EQ(to_string(command), "timeout=5 user=postgres sh: echo \"$HOME\" | cat");
  EXPECT_EQ(to_string(RuleCommand()), "");
}

TEST(RuleText, Relations) {
  EXPECT_EQ(to_string(Relation{RelationOp::GreaterEqual, "3.6~"}), ">= 3.6~");
}

TEST(RuleText, NoSuchField) {
  EXPECT_EQ(decided_text({}, "Package"), std::nullopt);
  EXPECT_EQ(decided_text({}, "class"), "none");
}

}  // namespace
}  // namespace aptkeep
