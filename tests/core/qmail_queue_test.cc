#include <gtest/gtest.h>

#include <algorithm>

#include "core/qmail_queue.h"
#include "qmail_toy.h"

namespace aptkeep::qmail {
namespace {

Toy with(const std::map<std::string, std::uint64_t>& files) {
  Toy toy;
  for (const auto& [path, inode] : files) toy.put(place(path), inode);
  return toy;
}

std::vector<std::string> told(const Plan& plan, What what) {
  std::vector<std::string> all;
  for (const Finding& finding : plan.findings) {
    if (finding.what == what) all.push_back(finding.path + " " + finding.text);
  }
  return all;
}

using Told = std::vector<std::string>;

std::map<std::string, std::uint64_t> after(const Toy& toy) {
  Toy end = toy;
  end.apply(toy.plan());
  std::map<std::string, std::uint64_t> all;
  for (const auto& [path, file] : end.files()) {
    if (file.place.part != Part::Lock) all[path] = file.inode;
  }
  return all;
}

using Files = std::map<std::string, std::uint64_t>;

TEST(QmailQueue, NothingIsFoundInAGoodOne) {
  const Toy toy = with({{"mess/1/10", 10},
                        {"info/1/10", 1100},
                        {"remote/1/10", 1101},
                        {"mess/2/11", 11},
                        {"intd/11", 1102},
                        {"todo/11", 1102}});
  const Plan plan = toy.plan();
  EXPECT_EQ(plan.messages, 2U);
  EXPECT_TRUE(plan.findings.empty());
  EXPECT_TRUE(plan.actions.empty());
}

TEST(QmailQueue, TwoThatCarryEachOthersNumberChangePlaces) {
  const Toy toy = with({{"mess/1/10", 11},
                        {"info/1/10", 1100},
                        {"bounce/10", 1101},
                        {"mess/2/11", 10},
                        {"todo/11", 1102}});
  const Plan plan = toy.plan();
  EXPECT_EQ(told(plan, What::Number),
            (Told{"mess/1/10 has the inode number 11", "mess/2/11 has the inode number 10"}));
  EXPECT_EQ(plan.renumbered, (std::vector<Renumbered>{{10, 11}, {11, 10}}));
  EXPECT_TRUE(plan.all_mended());
  EXPECT_FALSE(plan.all_well());
  EXPECT_EQ(after(toy), (Files{{"mess/1/10", 10},
                               {"todo/10", 1102},
                               {"mess/2/11", 11},
                               {"info/2/11", 1100},
                               {"bounce/11", 1101}}));
}

// A new mail got the number that a restored one carries; its folder tells whose an info is.
TEST(QmailQueue, NewMailWithTheSameNumberKeepsIt) {
  const Toy toy = with({{"mess/1/10", 10},
                        {"todo/10", 1100},
                        {"intd/10", 1100},
                        {"mess/0/10", 14},
                        {"info/0/10", 1101},
                        {"bounce/10", 1102}});
  EXPECT_EQ(after(toy), (Files{{"mess/1/10", 10},
                               {"todo/10", 1100},
                               {"intd/10", 1100},
                               {"mess/2/14", 14},
                               {"info/2/14", 1101},
                               {"bounce/14", 1102}}));
}

TEST(QmailQueue, FoldersOfAnotherSplit) {
  Toy toy;
  for (const std::uint64_t inode : {20UL, 23UL, 24UL, 26UL}) {
    const std::string name = std::to_string(inode % 7) + "/" + std::to_string(inode);
    toy.put(place("mess/" + name), inode);
    toy.put(place("info/" + name), 1100 + inode);
  }
  const Plan plan = toy.plan();
  // 23 lies right in both.
  EXPECT_EQ(told(plan, What::WrongFolder),
            (Told{"mess/3/24 belongs in mess/0", "mess/5/26 belongs in mess/2",
                  "mess/6/20 belongs in mess/2"}));
  EXPECT_EQ(plan.of_other_split, 3U);
  EXPECT_EQ(plan.other_split, 7U);
  EXPECT_EQ(told(plan, What::Unknown).front(),
            "info/3 is not of a split of 3: remove it when nothing is in it");
  EXPECT_TRUE(plan.renumbered.empty());
  for (const std::uint64_t inode : {20UL, 23UL, 24UL, 26UL}) {
    const std::string name = std::to_string(inode % 3) + "/" + std::to_string(inode);
    EXPECT_EQ(after(toy).at("mess/" + name), inode);
    EXPECT_EQ(after(toy).at("info/" + name), 1100 + inode);
  }
}

TEST(QmailQueue, WhatQueueFixLeftBehindArrives) {
  const Toy toy = with({{"mess/2/11.tmp", 11}, {"info/2/11.tmp", 1100}, {"remote/2/11.tmp", 1101}});
  const Plan plan = toy.plan();
  EXPECT_EQ(told(plan, What::Leftover).size(), 3U);
  EXPECT_TRUE(plan.all_mended());
  EXPECT_EQ(after(toy), (Files{{"mess/2/11", 11}, {"info/2/11", 1100}, {"remote/2/11", 1101}}));
}

// Copied when it was half mended: the inode numbers in the temporary names say nothing any more.
TEST(QmailQueue, CopiedAmidMending) {
  const Toy toy = with({{"mess/1/10", 17},
                        {"info/2/aptkeep-10-11", 1100},
                        {"mess/1/13", 11},
                        {"info/1/13", 1101},
                        {"mess/0/aptkeep-15-12", 18},
                        {"info/0/aptkeep-15-12", 1102}});
  EXPECT_EQ(after(toy), (Files{{"mess/2/17", 17},
                               {"info/2/17", 1100},
                               {"mess/2/11", 11},
                               {"info/2/11", 1101},
                               {"mess/0/18", 18},
                               {"info/0/18", 1102}}));
}

TEST(QmailQueue, AnEnvelopeInAnotherFolderIsFound) {
  const Toy toy = with({{"mess/1/10", 10}, {"info/0/10", 1100}, {"local/0/10", 1101}});
  EXPECT_EQ(told(toy.plan(), What::Apart).size(), 2U);
  EXPECT_EQ(after(toy), (Files{{"mess/1/10", 10}, {"info/1/10", 1100}, {"local/1/10", 1101}}));
}

// Recipients of nobody knows what are not given to a message that has an envelope.
TEST(QmailQueue, StraysNeverBecomeAMessages) {
  const Toy toy = with({{"mess/1/10", 10},
                        {"info/1/10", 1100},
                        {"local/0/10", 1101},
                        {"mess/0/12", 14},
                        {"info/0/12", 1102},
                        {"remote/2/14", 1103},
                        {"bounce/14", 1104}});
  const Plan plan = toy.plan();
  EXPECT_EQ(told(plan, What::Stray), (Told{"local/0/10 belongs to no message"}));
  EXPECT_EQ(told(plan, What::InTheWay).size(), 2U);
  EXPECT_EQ(after(toy), (Files{{"mess/1/10", 10},
                               {"info/1/10", 1100},
                               {"local/0/10", 1101},
                               {"mess/2/14", 14},
                               {"info/2/14", 1102},
                               {"remote/2/aptkeep-aside-14", 1103},
                               {"bounce/aptkeep-aside-14", 1104}}));
}

TEST(QmailQueue, WhatCannotGoAwayBlocks) {
  Toy toy = with({{"mess/1/10", 11},
                  {"info/1/10", 1100},
                  {"mess/2/11", 900},
                  {"mess/2/14", 10},
                  {"mess/0/12", 12},
                  {"info/0/12", 1102}});
  toy.file("mess/2/11").kind = Kind::Folder;
  const Plan plan = toy.plan();
  EXPECT_EQ(told(plan, What::Blocked), (Told{"mess/1/10 stays as it is, because of mess/2/11",
                                             "mess/2/14 stays as it is, because of mess/1/10"}));
  EXPECT_FALSE(plan.all_mended());
  EXPECT_TRUE(plan.renumbered.empty());
  EXPECT_EQ(after(toy), (Files{{"mess/1/10", 11},
                               {"info/1/10", 1100},
                               {"mess/2/11", 900},
                               {"mess/2/14", 10},
                               {"mess/0/12", 12},
                               {"info/0/12", 1102}}));
}

TEST(QmailQueue, AFileWhereAFolderHasToBe) {
  Toy toy = with({{"mess/1/10", 11}, {"info/1/10", 1100}, {"mess/1/13", 12}});
  toy.remove_folder("mess/2");
  toy.put({Part::Mess, kNoFolder, "2"}, 900);
  toy.file("mess/2").kind = Kind::Other;
  const Plan plan = toy.plan();
  EXPECT_EQ(told(plan, What::Blocked), (Told{"mess/1/10 stays as it is, because of mess/2",
                                             "mess/2 is no folder: move it away"}));
  EXPECT_EQ(after(toy),
            (Files{{"mess/1/10", 11}, {"info/1/10", 1100}, {"mess/0/12", 12}, {"mess/2", 900}}));
}

TEST(QmailQueue, OneMessageUnderTwoNamesIsLeftToAPerson) {
  const Toy toy =
      with({{"mess/1/10", 11}, {"info/1/10", 1100}, {"mess/2/11", 11}, {"info/2/11", 1101}});
  const Plan plan = toy.plan();
  EXPECT_EQ(plan.messages, 1U);
  EXPECT_EQ(told(plan, What::TwoNames).size(), 2U);
  EXPECT_FALSE(plan.all_mended());
  EXPECT_TRUE(plan.actions.empty());
}

TEST(QmailQueue, OwnersAndModes) {
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
TEST(QmailQueue, AFileWithNamesElsewhereKeepsItsOwner) {
  Toy toy = with({{"mess/1/10", 10}, {"info/1/10", 1100}});
  toy.file("info/1/10").owner = {0, 0, 0600};
  toy.file("info/1/10").links = 2;
  const Plan plan = toy.plan();
  EXPECT_EQ(told(plan, What::Hidden).size(), 1U);
  EXPECT_TRUE(plan.actions.empty());
  EXPECT_FALSE(plan.all_mended());
}

TEST(QmailQueue, MissingFoldersAndLocksAreMade) {
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

TEST(QmailQueue, WithoutIdsOnlyModesCount) {
  Toy toy = with({{"mess/1/10", 10}, {"info/1/10", 1100}});
  toy.file("info/1/10").owner = {5, 6, 0640};
  const Plan plan = qmail::plan(toy.tree(), {kToySplit, {}});
  EXPECT_TRUE(told(plan, What::Owner).empty());
  ASSERT_EQ(plan.actions.size(), 1U);
  EXPECT_FALSE(plan.actions[0].set_ids);
  EXPECT_EQ(plan.actions[0].owner.mode, 0600U);
}

TEST(QmailQueue, AMessageWithoutAnEnvelopeIsNoted) {
  const Plan plan = with({{"mess/1/10", 10}, {"mess/1/notes", 900}}).plan();
  EXPECT_EQ(told(plan, What::NoEnvelope).size(), 1U);
  EXPECT_EQ(told(plan, What::Unknown), (Told{"mess/1/notes is no file of qmail's"}));
  EXPECT_TRUE(plan.all_well());
}

TEST(QmailQueue, TheLockComesBackAfterACut) {
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

TEST(QmailQueue, TheSplitIsThatOfAllItsFolders) {
  Toy toy;
  const auto split = split_of(toy.tree());
  ASSERT_TRUE(split.ok());
  EXPECT_EQ(*split, kToySplit);
  toy.put(place("mess/4/10"), 10);
  ASSERT_FALSE(split_of(toy.tree()).ok());
  EXPECT_EQ(split_of(toy.tree()).error().message,
            "its folders do not agree on qmail's conf-split (mess 5, info 3, local 3, remote 3)");
}

TEST(QmailQueue, Names) {
  EXPECT_EQ(read_name("457").number, 457U);
  for (const char* text : {"", "0", "0457", "+1", "4 57", "18446744073709551616", "aptkeep-1",
                           "aptkeep-1-x", ".tmp", "x.tmp", "aptkeep--1-2"}) {
    EXPECT_EQ(read_name(text).is, Name::Is::Unknown) << text;
  }
  const Name ours = read_name("aptkeep-457-999");
  EXPECT_EQ(ours.is, Name::Is::Temporary);
  EXPECT_EQ(ours.number, 999U);
  EXPECT_EQ(ours.before, 457U);
  EXPECT_EQ(read_name("999.tmp").number, 999U);
  EXPECT_EQ(read_name("aptkeep-aside-457-2").is, Name::Is::Aside);
}

}  // namespace
}  // namespace aptkeep::qmail
