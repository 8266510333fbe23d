// Queues of big-todo and queues that only look like one; empty ones of another split.
#include <gtest/gtest.h>

#include <algorithm>

#include "qmail_toy.h"

namespace aptkeep::qmail {
namespace {

// Folders of todo and intd.
Toy with_todo_folders(unsigned count, const std::map<std::string, std::uint64_t>& files = {}) {
  Toy toy = with(files);
  for (const Part part : {Part::Todo, Part::Intd}) toy.add_folders(part, count);
  return toy;
}

bool renames(const Plan& plan) {
  return std::any_of(plan.actions.begin(), plan.actions.end(),
                     [](const Action& action) { return action.what == Action::Do::Rename; });
}

bool makes(const Plan& plan, const std::string& path) {
  return std::any_of(plan.actions.begin(), plan.actions.end(), [&](const Action& action) {
    return action.what == Action::Do::MakeFolder && action.path.starts_with(path);
  });
}

TEST(QmailShape, BigTodoIsRenumberedInItsFolders) {
  Toy toy =
      with_todo_folders(kToySplit, {{"mess/1/10", 11}, {"todo/1/10", 1100}, {"intd/1/10", 1100}});
  EXPECT_TRUE(toy.plan().all_mended());
  toy.apply(toy.plan());
  EXPECT_TRUE(toy.plan().all_well());
  EXPECT_EQ(toy.inode_at("todo/2/11"), 1100U);
  EXPECT_EQ(toy.inode_at("intd/2/11"), 1100U);
}

TEST(QmailShape, ATodoInAnotherFolderOfBigTodoIsAFault) {
  Toy toy = with_todo_folders(kToySplit, {{"mess/1/10", 10}, {"todo/0/10", 1100}});
  const Plan plan = toy.plan();
  EXPECT_EQ(told(plan, What::Apart), Told{"todo/0/10 belongs to the message mess/1/10"});
  toy.apply(plan);
  EXPECT_TRUE(toy.plan().all_well());
  EXPECT_EQ(toy.inode_at("todo/1/10"), 1100U);
}

// As plain qmail has it, but for the folders.
TEST(QmailShape, FlatFilesBesideAllFoldersAreAFault) {
  Toy toy = with_todo_folders(kToySplit, {{"mess/1/10", 10}, {"todo/10", 1100}, {"intd/10", 1100}});
  EXPECT_EQ(told(toy.plan(), What::WrongFolder).size(), 2U);
  EXPECT_FALSE(toy.plan().all_mended());
  EXPECT_FALSE(renames(toy.plan()));
  // What is renumbered stays what it is.
  toy.put(place("mess/2/14"), 20);
  toy.put(place("todo/2/14"), 1101);
  toy.put(place("mess/1/13"), 21);
  toy.put(place("todo/13"), 1102);
  toy.apply(toy.plan());
  EXPECT_EQ(toy.inode_at("todo/10"), 1100U);
  EXPECT_EQ(toy.inode_at("todo/2/20"), 1101U);
  EXPECT_EQ(toy.inode_at("todo/21"), 1102U);
  EXPECT_FALSE(toy.plan().all_well());
  EXPECT_TRUE(toy.plan().actions.empty());
}

TEST(QmailShape, OneFolderMakesNoBigTodo) {
  for (const Part part : {Part::Todo, Part::Intd}) {
    Toy toy = with({{"mess/1/10", 10}, {"todo/10", 1100}, {"mess/2/11", 12}, {"todo/11", 1101}});
    toy.add_folders(part, 1);
    const Plan plan = toy.plan();
    EXPECT_EQ(told(plan, What::Unknown).size(), 1U);
    EXPECT_FALSE(makes(plan, "todo/") || makes(plan, "intd/"));
    toy.apply(plan);
    EXPECT_TRUE(toy.plan().all_well());
    EXPECT_EQ(toy.inode_at("todo/10"), 1100U);
    EXPECT_EQ(toy.inode_at("todo/12"), 1101U);
  }
}

// Perhaps a backup has left out the empty folders of a big-todo.
TEST(QmailShape, WhatIsInFoldersThatAreNotAllThereStaysWithItsMessage) {
  const Toy toy =
      with({{"mess/1/10", 11}, {"todo/1/10", 1100}, {"mess/0/12", 13}, {"info/0/12", 1}});
  const Plan plan = toy.plan();
  EXPECT_EQ(told(plan, What::Unclear).size(), 1U);
  EXPECT_EQ(told(plan, What::Blocked).size(), 1U);
  EXPECT_FALSE(makes(plan, "todo/"));
  Toy end = toy;
  end.apply(plan);
  EXPECT_TRUE(end.has("mess/1/10"));
  EXPECT_TRUE(end.has("todo/1/10"));
  EXPECT_TRUE(end.has("info/1/13"));
  EXPECT_TRUE(end.plan().actions.empty());
  // With its folders it is one.
  for (const Part part : {Part::Todo, Part::Intd}) end.add_folders(part, kToySplit);
  end.apply(end.plan());
  EXPECT_TRUE(end.plan().all_well());
  EXPECT_TRUE(end.has("todo/2/11"));
}

// What is made is the same whenever it is killed.
TEST(QmailShape, BigTodoOfAnotherSplit) {
  Toy toy =
      with_todo_folders(kToySplit, {{"mess/1/10", 10}, {"todo/1/10", 1100}, {"mess/2/20", 31}});
  const Request request{kToySplit + 4, kToyIds};
  Toy end = toy;
  end.apply(qmail::plan(toy.tree(), request));
  EXPECT_TRUE(qmail::plan(end.tree(), request).all_well());
  EXPECT_EQ(end.inode_at("todo/3/10"), 1100U);
  const std::size_t all = qmail::plan(toy.tree(), request).actions.size();
  for (std::size_t kill = 0; kill < all; ++kill) {
    Toy cut = toy;
    cut.apply(qmail::plan(toy.tree(), request), kill);
    cut.apply(qmail::plan(cut.tree(), request));
    ASSERT_EQ(cut.summary(), end.summary()) << kill;
  }
}

// No mail is lost by an upgrade of it.
TEST(QmailShape, AnEmptyQueueOfAnotherSplitIsNoFault) {
  for (const unsigned split : {kToySplit + 2, kToySplit - 1}) {
    for (const Toy& toy : {Toy(), with_todo_folders(kToySplit)}) {
      const Request request{split, kToyIds};
      const Plan plan = qmail::plan(toy.tree(), request);
      EXPECT_TRUE(plan.all_well());
      EXPECT_EQ(told(plan, What::OtherSplit).empty(), split < kToySplit);
      EXPECT_EQ(told(plan, What::Unknown).empty(), split > kToySplit);
      for (std::size_t most = 0; most <= plan.actions.size(); ++most) {
        Toy end = toy;
        end.apply(plan, most);
        EXPECT_TRUE(qmail::plan(end.tree(), request).all_well());
        end.apply(qmail::plan(end.tree(), request));
        EXPECT_TRUE(qmail::plan(end.tree(), request).actions.empty());
      }
    }
  }
}

TEST(QmailShape, MissingFoldersAreAFaultWhereAnythingIs) {
  const Request request{kToySplit + 2, kToyIds};
  for (const char* path : {"mess/1/10", "info/1/10", "todo/10", "local/1/aptkeep-9-10"}) {
    const Plan plan = qmail::plan(with({{path, 10}}).tree(), request);
    EXPECT_EQ(told(plan, What::Missing).size(), 8U) << path;
  }
  // Nor is a gap another split.
  Toy toy;
  toy.remove_folder("mess/1");
  EXPECT_EQ(told(toy.plan(), What::Missing), Told{"mess/1 is missing"});
}

}  // namespace
}  // namespace aptkeep::qmail
