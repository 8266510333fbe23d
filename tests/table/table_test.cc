// What is written is read again, and which entry counts for a unit.
#include <gtest/gtest.h>

#include <string>

#include "bed.h"
#include "table/reader.h"

namespace aptkeep {
namespace {

using table::Class;
using table::Kind;
using table::Reader;
using table::Sockets;

class MailTable : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(reader_.read(bytes_.data(), bytes_.size())); }
  std::string pattern(const table::Unit* unit) const {
    return unit == nullptr ? "none" : reader_.string(unit->pattern);
  }

  test::Aligned bytes_{table_bytes(test::mail_table())};
  Reader reader_;
};

TEST_F(MailTable, NamesItsFrontend) {
  EXPECT_EQ(reader_.header().pid, 4711);
  EXPECT_EQ(reader_.header().start_time, 815u);
  EXPECT_STREQ(reader_.header().boot, "6f1c2a5e-0000-4000-8000-123456789abc");
}

TEST_F(MailTable, AnExactEntryCountsBeforeAPattern) {
  EXPECT_EQ(pattern(reader_.find("postfix", "amd64", "postfix@-.service")), "postfix@-.service");
  EXPECT_EQ(pattern(reader_.find("postfix", "amd64", "postfix@b.service")), "postfix@*.service");
  EXPECT_EQ(pattern(reader_.find("postfix", "amd64", "postfix.service")), "postfix.service");
  EXPECT_EQ(pattern(reader_.find("postfix", "amd64", "postfix.socket")), "none");
}

TEST_F(MailTable, AnEntryForEveryUnitCountsLast) {
  ServiceTable table = test::mail_table();
  table.packages[0].units.insert(table.packages[0].units.begin(),
                                 TableUnit{"", ServiceClass::Never, {}});
  const test::Aligned bytes(table_bytes(table));
  Reader reader;
  ASSERT_TRUE(reader.read(bytes.data(), bytes.size()));
  EXPECT_EQ(reader.find("postfix", "amd64", "postfix@b.service")->kind, Kind::Glob);
  EXPECT_EQ(reader.find("postfix", "amd64", "postfix.service")->kind, Kind::Exact);
  const auto* other = reader.find("postfix", "amd64", "postfix.socket");
  ASSERT_NE(other, nullptr);
  EXPECT_EQ(other->kind, Kind::Every);
  EXPECT_EQ(other->service_class, Class::Never);
}

TEST_F(MailTable, SaysClassAndSockets) {
  const auto* exact = reader_.find("postfix", "amd64", "postfix.service");
  ASSERT_NE(exact, nullptr);
  EXPECT_EQ(exact->service_class, Class::Stop);
  EXPECT_EQ(exact->sockets, Sockets::Quiesce);
  const auto* silent = reader_.find("mailman3", "i386", "mailman3.service");
  ASSERT_NE(silent, nullptr);
  EXPECT_EQ(silent->service_class, Class::None);
  EXPECT_EQ(silent->sockets, Sockets::None);
  const auto* any = reader_.find("dbus", "amd64", "x.y");
  ASSERT_NE(any, nullptr);
  EXPECT_EQ(any->sockets, Sockets::Leave);
}

TEST_F(MailTable, EachClassAndModeHasItsOwnWord) {
  constexpr ServiceClass kClasses[] = {ServiceClass::Stop, ServiceClass::Early, ServiceClass::End,
                                       ServiceClass::Never, ServiceClass::Stock};
  constexpr Class kRead[] = {Class::Stop, Class::Early, Class::End, Class::Never, Class::Stock};
  constexpr SocketMode kModes[] = {SocketMode::Quiesce, SocketMode::Park, SocketMode::Leave};
  constexpr Sockets kReadModes[] = {Sockets::Quiesce, Sockets::Park, Sockets::Leave};
  ServiceTable table;
  for (std::size_t i = 0; i < 5; ++i) {
    table.packages.push_back(
        {"p" + std::to_string(i) + ":i386", {{"", kClasses[i], kModes[i % 3]}}, {}});
  }
  const test::Aligned bytes(table_bytes(table));
  Reader reader;
  ASSERT_TRUE(reader.read(bytes.data(), bytes.size()));
  for (std::size_t i = 0; i < 5; ++i) {
    const auto* unit = reader.find(("p" + std::to_string(i)).c_str(), "i386", "x.service");
    ASSERT_NE(unit, nullptr);
    EXPECT_EQ(unit->service_class, kRead[i]);
    EXPECT_EQ(unit->sockets, kReadModes[i % 3]);
  }
}

TEST_F(MailTable, APackageIsFoundByNameAndArchitecture) {
  EXPECT_NE(reader_.find_package("dbus", "amd64"), nullptr);
  EXPECT_NE(reader_.find_package("dbus", "all"), nullptr) << "which is in the native one's slot";
  EXPECT_EQ(reader_.find_package("mailman3", "all"), nullptr);
  EXPECT_NE(reader_.find_package("mailman3", "i386"), nullptr);
  for (const char* name : {"", "mail", "mailman3x", "mailman3:i386", "zz", "aa"}) {
    EXPECT_EQ(reader_.find_package(name, "i386"), nullptr) << name;
  }
  EXPECT_EQ(reader_.find_package("dbus", ""), nullptr);
  EXPECT_EQ(reader_.find_package("dbus", "amd6"), nullptr);
}

TEST_F(MailTable, TogetherIsInOrderAndFoundByUnit) {
  const auto* mailman = reader_.find_package("mailman", "amd64");
  ASSERT_NE(mailman, nullptr);
  EXPECT_EQ(mailman->units, 0u);
  ASSERT_EQ(mailman->together, 2u);
  EXPECT_STREQ(reader_.together(*mailman, 0), "postfix.service");
  EXPECT_STREQ(reader_.together(*mailman, 1), "exim4@*.service");

  const auto* first = reader_.next_with("postfix.service", nullptr);
  ASSERT_NE(first, nullptr);
  const auto* second = reader_.next_with("postfix.service", first);
  ASSERT_NE(second, nullptr);
  EXPECT_NE(first, second);
  EXPECT_EQ(reader_.next_with("postfix.service", second), nullptr);
  EXPECT_EQ(reader_.next_with("exim4@in.service", nullptr), mailman);
  EXPECT_EQ(reader_.next_with("dbus.service", nullptr), nullptr);
}

TEST_F(MailTable, AllEntriesOfAPackageCanBeGoneThrough) {
  const auto* postfix = reader_.find_package("postfix", "amd64");
  ASSERT_NE(postfix, nullptr);
  std::string all;
  for (std::uint32_t i = 0; i < postfix->units; ++i) {
    all += std::string(reader_.string(reader_.unit(*postfix, i).pattern)) + " ";
  }
  EXPECT_EQ(all, "postfix.service postfix@-.service postfix@*.service ");
  EXPECT_EQ(reader_.header().packages, 4u);
}

TEST_F(MailTable, SaysWhatRan) {
  ServiceTable table = test::mail_table();
  add_units_that_ran({{"postfix.service", "postfix:amd64", "active (running)", true, "", ""},
                      {"postfix@x.service", "postfix:amd64", "inactive (dead)", false, "", ""},
                      {"rsync.service", "rsync:amd64", "failed (failed)", true, "", "", {"/bin/x"}},
                      {"neighbour.service", "", "active (running)", true, "", ""}},
                     {}, {"postfix:amd64"}, table.packages);
  const test::Aligned bytes(table_bytes(table));
  Reader reader;
  ASSERT_TRUE(reader.read(bytes.data(), bytes.size()));
  EXPECT_TRUE(reader.ran("postfix", "amd64", "postfix.service"));
  EXPECT_TRUE(reader.ran("rsync", "all", "rsync.service"));
  EXPECT_EQ(reader.find_package("rsync", "amd64")->flags, table::kChecks);
  EXPECT_EQ(reader.find_package("postfix", "amd64")->flags, 0u);
  EXPECT_FALSE(reader.ran("postfix", "amd64", "postfix@x.service"));
  EXPECT_TRUE(reader.rested("postfix", "amd64", "postfix@x.service"));
  EXPECT_FALSE(reader.rested("postfix", "amd64", "postfix.service"));
  EXPECT_FALSE(reader.ran("postfix", "amd64", "rsync.service"));
  EXPECT_FALSE(reader.ran("postfix", "i386", "postfix.service"));
  EXPECT_FALSE(reader.ran("", "amd64", "neighbour.service"));
  // That is no word of a rule.
  EXPECT_EQ(reader.find("rsync", "amd64", "rsync.service"), nullptr);
  EXPECT_EQ(pattern(reader_.find("postfix", "amd64", "postfix.service")), "postfix.service");
  EXPECT_FALSE(reader_.ran("postfix", "amd64", "postfix.service"));
}

TEST_F(MailTable, SaysNothingOfWhatABrokenPackageHasDown) {
  ServiceTable table = test::mail_table();
  add_units_that_ran({{"postfix.service", "postfix:amd64", "inactive (dead)", false, "", ""}}, {},
                     {}, table.packages);
  const test::Aligned bytes(table_bytes(table));
  Reader reader;
  ASSERT_TRUE(reader.read(bytes.data(), bytes.size()));
  EXPECT_FALSE(reader.rested("postfix", "amd64", "postfix.service"));
}

TEST(Table, ABackslashIsACharacterOfTheName) {
  ServiceTable table;
  table.packages = {{"p:i386", {{"a@\\x2d*.service", ServiceClass::End, {}}}, {}}};
  const test::Aligned bytes(table_bytes(table));
  Reader reader;
  ASSERT_TRUE(reader.read(bytes.data(), bytes.size()));
  EXPECT_NE(reader.find("p", "i386", "a@\\x2db.service"), nullptr);
  EXPECT_EQ(reader.find("p", "i386", "a@x2db.service"), nullptr);
}

TEST(Table, OfAPackageNamedTwiceTheFirstCounts) {
  ServiceTable table;
  table.packages = {{"p:i386", {{"", ServiceClass::End, {}}}, {}},
                    {"p:i386", {{"", ServiceClass::Stop, {}}}, {}}};
  const test::Aligned bytes(table_bytes(table));
  Reader reader;
  ASSERT_TRUE(reader.read(bytes.data(), bytes.size()));
  EXPECT_EQ(reader.header().packages, 1u);
  EXPECT_EQ(reader.find("p", "i386", "x")->service_class, Class::End);
}

}  // namespace
}  // namespace aptkeep
