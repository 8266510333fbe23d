// Owners, modes, folders and locks of a qmail queue.
#include <gtest/gtest.h>

#include <algorithm>

#include "core/qmail_queue.h"
#include "qmail_toy.h"

namespace aptkeep::qmail {
namespace {

TEST(QmailOwners, OwnersAndModes) {
  Toy toy = with({{"mess/1/10", 10}, {"info/1/10", 1100}, {"local/1/10", 1101}});
  toy.file("mess/1/10").owner = {71, 999, 0644};  // whose group that is depends on who sent it
  toy.file("info/1/10").owner = {0, 0, 0600};
  toy.file("local/1/10").owner.mode = 0644;
  const Plan plan = toy.plan();
  EXPECT_EQ(told(plan, What::Owner),
            (Told{"info/1/10 is of user 0, group 0, and should be of 72, 70"}));
  EXPECT_EQ(told(plan, What::Mode), (Told{"local/1/10 has mode 0644, and should have 0600"}));
  Toy end = toy;
  end.apply(plan);
  EXPECT_TRUE(end.plan().all_well());
  EXPECT_FALSE(std::any_of(plan.actions.begin(), plan.actions.end(),
                           [](const Action& action) { return action.what == Action::Do::Rename; }));
}

// Whoever may write to the queue must not get another's file by laying a link to it there.
TEST(QmailOwners, AFileWithNamesElsewhereKeepsItsOwner) {
  Toy toy = with({{"mess/1/10", 10}, {"info/1/10", 1100}});
  toy.file("info/1/10").owner = {0, 0, 0600};
  toy.file("info/1/10").links = 2;
  const Plan plan = toy.plan();
  EXPECT_EQ(told(plan, What::Hidden).size(), 1U);
  EXPECT_TRUE(plan.actions.empty());
  EXPECT_FALSE(plan.all_mended());
}

TEST(QmailOwners, MissingFoldersAndLocksAreMade) {
  Toy toy = with({{"mess/1/10", 11}, {"info/1/10", 1100}});
  for (const char* path : {"mess/2", "info/2", "bounce"}) toy.remove_folder(path);
  for (const char* path : {"lock/sendmutex", "lock/trigger"}) toy.remove_file(path);
  const Plan plan = toy.plan();
  EXPECT_EQ(told(plan, What::Missing).size(), 5U);
  Toy end = toy;
  end.apply(plan);
  EXPECT_TRUE(end.plan().all_well());
  EXPECT_TRUE(end.has("info/2/11"));
  EXPECT_EQ(end.file("lock/trigger").kind, Kind::Fifo);
  // Whoever comes amid it finds no lock to begin with.
  EXPECT_EQ(plan.actions.back().path, "lock/sendmutex");
}

TEST(QmailOwners, MissingFoldersOfPartsAreMadeWithAllThatIsIn) {
  Toy toy = with({{"mess/1/10", 10}, {"remote/1/10", 1100}, {"info/1/10", 1101}});
  for (const char* path : {"local", "local/0", "local/1", "local/2", "todo", "lock"}) {
    toy.remove_folder(path);
  }
  for (const char* path : {"lock/sendmutex", "lock/trigger", "lock/tcpto"}) toy.remove_file(path);
  Toy end = toy;
  end.apply(toy.plan());
  EXPECT_TRUE(end.plan().all_well());
  EXPECT_EQ(end.summary().at("local/2"), "72:70 " + std::to_string(0700));
  EXPECT_EQ(end.summary().at("todo"), "71:70 " + std::to_string(0750));
}

TEST(QmailOwners, AFoldersOwnerIsSetOfThatFolderOnly) {
  Toy toy;
  Tree tree = toy.tree();
  for (Folder& folder : tree.folders) {
    folder.inode = 500;
    if (folder.path == "info/1") folder.owner.mode = 0755;
  }
  const Plan plan = qmail::plan(tree, {kToySplit, kToyIds});
  ASSERT_EQ(plan.actions.size(), 1U);
  EXPECT_EQ(plan.actions[0].inode, 500U);
  EXPECT_TRUE(plan.actions[0].folder);
}

TEST(QmailOwners, WithoutIdsOnlyModesCount) {
  Toy toy = with({{"mess/1/10", 10}, {"info/1/10", 1100}});
  toy.file("info/1/10").owner = {5, 6, 0640};
  const Plan plan = qmail::plan(toy.tree(), {kToySplit, {}});
  EXPECT_TRUE(told(plan, What::Owner).empty());
  ASSERT_EQ(plan.actions.size(), 1U);
  EXPECT_FALSE(plan.actions[0].set_ids);
  EXPECT_EQ(plan.actions[0].owner.mode, 0600U);
}

TEST(QmailOwners, TheLockComesBackAfterACut) {
  Toy toy = with({{"lock/aptkeep-sendmutex", 1200}});
  toy.remove_file("lock/sendmutex");
  toy.file("lock/aptkeep-sendmutex").owner = {72, 70, 0600};
  const Plan plan = toy.plan();
  EXPECT_EQ(told(plan, What::CutOff).size(), 1U);
  Toy end = toy;
  end.apply(plan);
  EXPECT_EQ(end.inode_at("lock/sendmutex"), 1200U);
  EXPECT_TRUE(end.plan().all_well());
}

}  // namespace
}  // namespace aptkeep::qmail
