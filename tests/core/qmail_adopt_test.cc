// Parts of envelopes that lie in other folders than their messages, and messages that are half
// renamed when new mail comes.
#include <gtest/gtest.h>

#include "qmail_toy.h"

namespace aptkeep::qmail {
namespace {

using Files = std::map<std::string, std::uint64_t>;

Files after(const Toy& toy) {
  Toy end = toy;
  end.apply(toy.plan());
  Files all;
  for (const auto& [path, file] : end.files()) {
    if (file.place.part != Part::Lock) all[path] = file.inode;
  }
  return all;
}

TEST(QmailAdopt, RecipientsInAnotherFolderAreTheMessages) {
  const Toy toy =
      with({{"mess/1/10", 10}, {"info/1/10", 1100}, {"local/0/10", 1101}, {"remote/2/10", 1102}});
  EXPECT_EQ(told(toy.plan(), What::Apart), (Told{"remote/2/10 belongs to the message mess/1/10",
                                                 "local/0/10 belongs to the message mess/1/10"}));
  EXPECT_EQ(
      after(toy),
      (Files{{"mess/1/10", 10}, {"info/1/10", 1100}, {"local/1/10", 1101}, {"remote/1/10", 1102}}));
}

TEST(QmailAdopt, AlsoWithAnotherNumber) {
  const Toy toy = with({{"mess/1/10", 14},
                        {"info/1/10", 1100},
                        {"local/5/10", 1101},
                        {"mess/2/11", 10},
                        {"info/2/11", 1102}});
  EXPECT_TRUE(toy.plan().all_mended());
  EXPECT_EQ(after(toy), (Files{{"mess/2/14", 14},
                               {"info/2/14", 1100},
                               {"local/2/14", 1101},
                               {"mess/1/10", 10},
                               {"info/1/10", 1102}}));
}

// Its info and its remote recipients in two other folders.
TEST(QmailAdopt, PartsFromSeveralFolders) {
  const Toy toy =
      with({{"mess/1/10", 14}, {"info/0/10", 1100}, {"local/0/10", 1101}, {"remote/2/10", 1102}});
  EXPECT_TRUE(toy.plan().all_mended());
  EXPECT_EQ(
      after(toy),
      (Files{{"mess/2/14", 14}, {"info/2/14", 1100}, {"local/2/14", 1101}, {"remote/2/14", 1102}}));
}

TEST(QmailAdopt, WhatIsNotClearIsAFaultAndStays) {
  const Files all[] = {
      // two lists, one message
      {{"mess/1/10", 14}, {"info/1/10", 1100}, {"local/0/10", 1101}, {"local/2/10", 1102}},
      // one list, two messages
      {{"mess/1/10", 14},
       {"info/1/10", 1100},
       {"mess/0/10", 10},
       {"info/0/10", 1101},
       {"local/2/10", 1102}},
      // the one of them has its own
      {{"mess/1/10", 14},
       {"info/1/10", 1100},
       {"local/1/10", 1103},
       {"mess/0/10", 10},
       {"info/0/10", 1101},
       {"local/2/10", 1102}},
      // two infos
      {{"mess/1/10", 14}, {"info/0/10", 1100}, {"info/2/10", 1101}},
      // of a message that has recipients, an envelope with others
      {{"mess/1/10", 14}, {"local/1/10", 1100}, {"info/0/10", 1101}, {"local/0/10", 1102}},
  };
  for (const Files& files : all) {
    const Plan plan = with(files).plan();
    EXPECT_FALSE(told(plan, What::Unclear).empty());
    EXPECT_FALSE(plan.all_mended());
    EXPECT_EQ(after(with(files)), files);
  }
}

// qmail-send makes its lists anew; it is none of this message's.
TEST(QmailAdopt, AMailThatIsNotPreprocessedYetGetsNoRecipients) {
  const Files files{{"mess/1/10", 10}, {"todo/10", 1100}, {"local/0/10", 1101}};
  const Plan plan = with(files).plan();
  EXPECT_EQ(told(plan, What::Stray), Told{"local/0/10 belongs to no message"});
  EXPECT_TRUE(plan.all_well());
  EXPECT_EQ(after(with(files)), files);
}

// Its message is gone, and a new one has got its number: they must not get that.
TEST(QmailAdopt, RecipientsThatAreOlderThanTheMessageAreAnothers) {
  for (const char* part : {"info", "local"}) {
    const std::string path = std::string(part) + "/0/10";
    Toy toy = with({{"mess/1/10", 14}, {"remote/1/10", 1100}, {path, 1101}});
    if (std::string(part) == "local") toy.put(place("info/1/10"), 1102);
    toy.file("mess/1/10").modified = 1000;
    toy.file(path).modified = 999;
    const Plan plan = toy.plan();
    EXPECT_EQ(told(plan, What::Unclear).size(), 1U);
    EXPECT_TRUE(plan.actions.empty());
    EXPECT_FALSE(plan.all_mended());
    toy.file(path).modified = 1000;
    toy.apply(toy.plan());
    EXPECT_EQ(toy.inode_at(std::string(part) + "/2/14"), 1101U);
  }
}

// Killed after the mess file was renamed; then a mail came whose inode number is the old number.
// qmail-send would clear away the old one's envelope for it.
TEST(QmailHalfRenamed, TheLockStaysAway) {
  Toy toy = with({{"mess/1/10", 10},
                  {"todo/10", 1100},
                  {"intd/10", 1100},
                  {"mess/1/aptkeep-10-14", 14},
                  {"info/1/10", 1101},
                  {"local/1/10", 1102},
                  {"lock/aptkeep-sendmutex", 1200}});
  toy.remove_file("lock/sendmutex");
  const Plan plan = toy.plan();
  EXPECT_EQ(told(plan, What::CutOff),
            Told{"lock/aptkeep-sendmutex stays, and no qmail-send can start, because "
                 "mess/1/aptkeep-10-14 is half renamed: decide what is its, then run --fix again"});
  EXPECT_EQ(told(plan, What::NoEnvelope), Told{});
  for (const std::string& one : told(plan, What::LostEnvelope)) {
    EXPECT_EQ(one.find("has no envelope"), std::string::npos) << one;
  }
  toy.apply(plan);
  EXPECT_FALSE(toy.has("lock/sendmutex"));
  EXPECT_FALSE(toy.plan().all_well());
  // Its owner decides.
  for (const char* part : {"info", "local"}) {
    const std::string folder = std::string(part) + "/1/";
    toy.apply({Action::Do::Rename,
               folder + "10",
               folder + "aptkeep-10-14",
               0,
               0,
               {},
               true,
               false,
               false});
  }
  toy.apply(toy.plan());
  EXPECT_TRUE(toy.plan().all_well());
  EXPECT_TRUE(toy.has("lock/sendmutex"));
  EXPECT_EQ(toy.inode_at("info/2/14"), 1101U);
  EXPECT_EQ(toy.inode_at("local/2/14"), 1102U);
  EXPECT_EQ(toy.inode_at("todo/10"), 1100U);
}

// Also if somebody has made a new one meanwhile, or others are renamed, or there is none at all.
TEST(QmailHalfRenamed, NoOtherLockComesInstead) {
  const Files half{{"mess/1/10", 10}, {"mess/1/aptkeep-10-14", 14}, {"info/1/10", 1101}};
  Toy both = with(half);
  both.put(place("lock/aptkeep-sendmutex"), 1200);
  both.file("lock/sendmutex").owner.mode = 0644;
  Toy others = with(half);
  others.put(place("mess/0/12"), 17);
  others.put(place("info/0/12"), 1102);
  Toy none = with(half);
  none.remove_file("lock/sendmutex");
  for (const Toy& toy : {both, others, none}) {
    Toy end = toy;
    end.apply(toy.plan());
    EXPECT_FALSE(end.has("lock/sendmutex"));
    EXPECT_FALSE(end.plan().all_well());
    EXPECT_TRUE(end.plan().actions.empty());
    const std::size_t all = toy.plan().actions.size();
    for (std::size_t kill = 0; kill < all; ++kill) {
      Toy cut = toy;
      cut.apply(toy.plan(), kill);
      cut.apply(cut.plan());
      ASSERT_EQ(cut.summary(), end.summary()) << kill;
    }
  }
}

}  // namespace
}  // namespace aptkeep::qmail
