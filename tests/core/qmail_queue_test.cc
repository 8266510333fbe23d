#include <gtest/gtest.h>

#include "core/qmail_queue.h"
#include "qmail_toy.h"

namespace aptkeep::qmail {
namespace {

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

// There each part has that name only if its new one was taken: what has the number may be of
// whoever took it.
TEST(QmailQueue, WhatQueueFixLeftToTwoStays) {
  const Files files{{"mess/2/11.tmp", 11},  {"info/2/11.tmp", 1100}, {"local/2/11", 1101},
                    {"mess/1/10.tmp", 10},  {"mess/1/10", 13},       {"bounce/10", 1102},
                    {"mess/0/12", 12},      {"info/0/12.tmp", 1103}, {"mess/2/14", 20},
                    {"info/2/14.tmp", 1104}};
  const Plan plan = with(files).plan();
  EXPECT_EQ(told(plan, What::Unclear),
            (Told{"local/2/11 may be of more than one message: these are left as they are",
                  "bounce/10 may be of more than one message: these are left as they are"}));
  EXPECT_EQ(told(plan, What::Blocked).size(), 4U);
  EXPECT_EQ(told(plan, What::Leftover).back(),
            "info/2/14.tmp was left, and no name tells whether it is message 14's: give it its "
            "message's number");
  Files end = files;
  end.erase("info/0/12.tmp");
  end["info/0/12"] = 1103;
  EXPECT_EQ(after(with(files)), end);
}

// Copied when it was half mended: the inode numbers in the temporary names say nothing any more.
TEST(QmailQueue, CopiedAmidMending) {
  const Toy toy = with({{"mess/1/aptkeep-10-11", 17},
                        {"info/2/aptkeep-10-11", 1100},
                        {"local/1/10", 1101},
                        {"mess/1/13", 11},
                        {"info/1/13", 1102},
                        {"mess/0/aptkeep-to-12-of-aptkeep-15-14", 18},
                        {"info/0/12", 1103},
                        {"todo/aptkeep-15-14", 1104}});
  EXPECT_EQ(toy.plan().renumbered, (std::vector<Renumbered>{{15, 18}, {13, 11}, {10, 17}}));
  EXPECT_EQ(after(toy), (Files{{"mess/2/17", 17},
                               {"info/2/17", 1100},
                               {"local/2/17", 1101},
                               {"mess/2/11", 11},
                               {"info/2/11", 1102},
                               {"mess/0/18", 18},
                               {"info/0/18", 1103},
                               {"todo/18", 1104}}));
}

// Two envelopes whose messages do not say that they are theirs: one that was copied or lost there.
TEST(QmailQueue, LeftoversThatNoMessageNamesStay) {
  Toy toy = with({{"mess/1/10", 21},
                  {"info/1/aptkeep-11-10", 1100},
                  {"local/1/aptkeep-11-10", 1101},
                  {"mess/2/11", 20},
                  {"info/2/aptkeep-10-11", 1102},
                  {"mess/0/12", 10},
                  {"info/0/12", 1103},
                  {"mess/1/13", 24},
                  {"info/1/13", 1104}});
  EXPECT_EQ(after(toy), (Files{{"mess/1/10", 21},
                               {"info/1/aptkeep-11-10", 1100},
                               {"local/1/aptkeep-11-10", 1101},
                               {"mess/2/11", 20},
                               {"info/2/aptkeep-10-11", 1102},
                               {"mess/0/12", 10},
                               {"info/0/12", 1103},
                               {"mess/0/24", 24},
                               {"info/0/24", 1104}}));
  const Plan plan = toy.plan();
  EXPECT_EQ(plan.renumbered, (std::vector<Renumbered>{{13, 24}}));
  EXPECT_EQ(told(plan, What::Blocked).size(), 3U);
  EXPECT_EQ(told(plan, What::LostEnvelope).size(), 2U);
  EXPECT_EQ(told(plan, What::Leftover).front(),
            "info/1/aptkeep-11-10 was left, and no name tells whether it is message 11 or 10's: "
            "give it its message's number");
  toy.apply(plan);
  EXPECT_FALSE(toy.plan().all_well());
  EXPECT_TRUE(toy.plan().actions.empty());
}

// Another message has that very pair of numbers already.
TEST(QmailQueue, NoNameOnTheWayIsGivenTwice) {
  const Toy toy = with({{"mess/2/aptkeep-to-11-of-aptkeep-10-11", 14},
                        {"info/2/aptkeep-10-11", 1100},
                        {"mess/1/10", 11},
                        {"info/1/10", 1101}});
  EXPECT_EQ(
      after(toy),
      (Files{{"mess/2/14", 14}, {"info/2/14", 1100}, {"mess/2/11", 11}, {"info/2/11", 1101}}));
}

// A mail came under the number that one on its way had.
TEST(QmailQueue, WhatMayBeOfTwoMessagesStays) {
  const Toy toy = with({{"mess/1/10", 10},
                        {"mess/1/aptkeep-10-14", 14},
                        {"info/1/10", 1100},
                        {"mess/0/12", 17},
                        {"info/0/12", 1101}});
  const Plan plan = toy.plan();
  EXPECT_EQ(told(plan, What::Unclear),
            (Told{"info/1/10 may be of more than one message: these are left as they are"}));
  EXPECT_EQ(told(plan, What::Blocked).size(), 1U);
  EXPECT_EQ(after(toy), (Files{{"mess/1/10", 10},
                               {"mess/1/aptkeep-10-14", 14},
                               {"info/1/10", 1100},
                               {"mess/2/17", 17},
                               {"info/2/17", 1101}}));
}

// Its todo may be a new mail's, or that of the older one with the same number.
TEST(QmailQueue, ATodoOfTwoStays) {
  const Toy toy = with({{"mess/1/10", 10}, {"mess/0/10", 14}, {"todo/10", 1100}});
  EXPECT_EQ(told(toy.plan(), What::Unclear).size(), 1U);
  EXPECT_EQ(after(toy), (Files{{"mess/1/10", 10}, {"mess/0/10", 14}, {"todo/10", 1100}}));
}

TEST(QmailQueue, AnEnvelopeInAnotherFolderIsFound) {
  const Toy toy = with({{"mess/1/10", 10}, {"info/0/10", 1100}, {"local/0/10", 1101}});
  EXPECT_EQ(told(toy.plan(), What::Apart).size(), 2U);
  EXPECT_EQ(after(toy), (Files{{"mess/1/10", 10}, {"info/1/10", 1100}, {"local/1/10", 1101}}));
}

// Recipients of nobody knows what are not given to a message that has its own.
TEST(QmailQueue, StraysNeverBecomeAMessages) {
  const Toy toy = with({{"mess/1/10", 10},
                        {"info/1/10", 1100},
                        {"local/1/10", 1105},
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
                               {"local/1/10", 1105},
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

TEST(QmailQueue, AMessageWithoutAnEnvelopeIsNoted) {
  const Plan plan = with({{"mess/1/10", 10}, {"mess/1/notes", 900}}).plan();
  EXPECT_EQ(told(plan, What::NoEnvelope).size(), 1U);
  EXPECT_EQ(told(plan, What::Unknown), (Told{"mess/1/notes is no file of qmail's"}));
  EXPECT_TRUE(plan.all_well());
}

// qmail removes info after local and remote, and mess after info: not these.
TEST(QmailQueue, ALostEnvelopeIsAFault) {
  const Plan recipients = with({{"mess/1/10", 10}, {"local/1/10", 1100}}).plan();
  EXPECT_EQ(told(recipients, What::LostEnvelope),
            (Told{"mess/1/10 has recipients, but neither info nor todo: qmail-send deletes it when "
                  "it is 36 hours old"}));
  EXPECT_FALSE(recipients.all_well());
  for (const char* path : {"info/2/14", "info/1/aptkeep-aside-10", "info/0/aptkeep-19-20"}) {
    const Toy toy = with({{"mess/1/10", 10}, {path, 1100}});
    EXPECT_EQ(told(toy.plan(), What::LostEnvelope),
              (Told{"mess/1/10 has no envelope, and " + std::string(path) +
                    " may be it: qmail-send deletes it when it is 36 hours old"}));
    EXPECT_TRUE(toy.plan().actions.empty());
  }
  // As qmail-queue leaves it when it is killed.
  EXPECT_TRUE(with({{"mess/1/10", 10}, {"intd/10", 1100}}).plan().all_well());
}

TEST(QmailQueue, TellsHowManyLieWhereTheSplitPutsThem) {
  const Plan plan = with({{"mess/1/10", 10}, {"mess/0/11", 11}, {"mess/4/12", 12}}).plan();
  EXPECT_EQ(plan.named, 3U);
  EXPECT_EQ(plan.misplaced, 2U);
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
  for (const char* text :
       {"", "0", "0457", "+1", "4 57", "18446744073709551616", "aptkeep-1", "aptkeep-1-x", ".tmp",
        "x.tmp", "aptkeep--1-2", "apt", "aptkeep-", "aptkeep-to-1", "aptkeep-to-1-of-",
        "aptkeep-to-1-of-2", "aptkeep-to-x-of-aptkeep-1-2",
        "aptkeep-to-1-of-aptkeep-to-1-of-aptkeep-1-2"}) {
    EXPECT_EQ(read_name(text).is, Name::Is::Unknown) << text;
  }
  const Name ours = read_name("aptkeep-457-999");
  EXPECT_EQ(ours.is, Name::Is::Temporary);
  EXPECT_EQ(ours.number, 999U);
  EXPECT_EQ(ours.before, 457U);
  EXPECT_EQ(read_name("999.tmp").number, 999U);
  EXPECT_EQ(read_name("aptkeep-aside-457-2").is, Name::Is::Aside);
  for (const std::string common : {"aptkeep-457-999", "999.tmp"}) {
    EXPECT_EQ(read_name(common).common, common);
    const Name there = read_name(arriving(1234, common));
    EXPECT_EQ(there.is, Name::Is::Arriving);
    EXPECT_EQ(there.number, 1234U);
    EXPECT_EQ(there.common, common);
  }
}

}  // namespace
}  // namespace aptkeep::qmail
