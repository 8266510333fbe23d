// A table that is not whole is none, and whatever is accepted can be read to its ends.
#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <string>

#include "../core/toy_seed.h"
#include "bed.h"
#include "table/reader.h"

namespace aptkeep {
namespace {

bool is_table(const std::string& bytes) {
  const test::Aligned copy(bytes);
  table::Reader reader;
  return reader.read(copy.data(), copy.size());
}

TEST(TableDamage, EachChangedByteIsNoticed) {
  const std::string whole = table_bytes(test::mail_table());
  ASSERT_TRUE(is_table(whole));
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (int change = 1; change < 256; ++change) {
      std::string damaged = whole;
      damaged[at] = static_cast<char>(damaged[at] ^ change);
      ASSERT_FALSE(is_table(damaged)) << "byte " << at << ", changed by " << change;
    }
  }
}

TEST(TableDamage, EachCutIsNoticed) {
  const std::string whole = table_bytes(test::mail_table());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    ASSERT_FALSE(is_table(whole.substr(0, size))) << size;
  }
}

TEST(TableDamage, WhatIsBehindItsEndIsNoticed) {
  const std::string whole = table_bytes(test::mail_table());
  for (std::size_t more = 1; more < 64; ++more) {
    ASSERT_FALSE(is_table(whole + std::string(more, '\0'))) << more;
  }
  // Also where its own length says so.
  std::string longer = whole + std::string(8, '\0');
  const std::uint64_t size = longer.size();
  std::memcpy(longer.data() + offsetof(table::Header, bytes), &size, sizeof size);
  test::seal(longer);
  EXPECT_FALSE(is_table(longer));
}

TEST(TableDamage, AnEmptyOneIsWhole) {
  EXPECT_TRUE(is_table(table_bytes({})));
}

// The header's fields that a sum which is right does not make right.
template <typename T>
std::string with(std::size_t offset, T value) {
  std::string bytes = table_bytes(test::mail_table());
  std::memcpy(bytes.data() + offset, &value, sizeof value);
  test::seal(bytes);
  return bytes;
}

TEST(TableDamage, AnotherFormIsNoTable) {
  using table::Header;
  EXPECT_TRUE(is_table(with(offsetof(Header, version), table::kVersion)));
  EXPECT_FALSE(is_table(with(offsetof(Header, version), table::kVersion + 1)));
  EXPECT_FALSE(is_table(with(offsetof(Header, version), std::uint32_t{0})));
  EXPECT_FALSE(is_table(with(offsetof(Header, magic), char{'A'})));
  EXPECT_FALSE(is_table(with(offsetof(Header, bytes), std::uint64_t{8})));
  EXPECT_FALSE(is_table(with(offsetof(Header, flags), table::kManyPlans + 1)));
  EXPECT_FALSE(is_table(with(offsetof(Header, more), std::uint32_t{1})));
  EXPECT_FALSE(is_table(with(offsetof(Header, boot) + sizeof(Header::boot) - 1, char{'x'})));
  for (const std::size_t count :
       {offsetof(Header, packages), offsetof(Header, units), offsetof(Header, together),
        offsetof(Header, string_bytes), offsetof(Header, native_arch)}) {
    EXPECT_FALSE(is_table(with(count, ~std::uint32_t{0}))) << count;
  }
  const std::size_t first = sizeof(Header);
  for (std::size_t field = 0; field < sizeof(table::Package); field += 4) {
    EXPECT_FALSE(is_table(with(first + field, ~std::uint32_t{0}))) << field;
  }
  const std::size_t unit = first + test::mail_table().packages.size() * sizeof(table::Package);
  for (std::size_t field = 0; field < sizeof(table::Unit); field += 4) {
    EXPECT_FALSE(is_table(with(unit + field, ~std::uint32_t{0}))) << field;
  }
}

TEST(TableDamage, TheLastStringHasAnEnd) {
  std::string bytes = table_bytes(test::mail_table());
  table::Header header{};
  std::memcpy(&header, bytes.data(), sizeof header);
  const std::size_t strings_at = sizeof header + header.packages * sizeof(table::Package) +
                                 header.units * sizeof(table::Unit) + header.together * 4;
  ASSERT_EQ(bytes[strings_at + header.string_bytes - 1], '\0');
  bytes[strings_at + header.string_bytes - 1] = 'x';
  test::seal(bytes);
  EXPECT_FALSE(is_table(bytes));
  std::string none = table_bytes({});
  EXPECT_TRUE(is_table(none));
  const std::uint32_t no_bytes = 0;
  std::memcpy(none.data() + offsetof(table::Header, string_bytes), &no_bytes, sizeof no_bytes);
  none.resize(sizeof header);
  const std::uint64_t size = none.size();
  std::memcpy(none.data() + offsetof(table::Header, bytes), &size, sizeof size);
  test::seal(none);
  EXPECT_FALSE(is_table(none));
}

TEST(TableDamage, UnsortedPackagesAreNoTable) {
  std::string bytes = table_bytes(test::mail_table());
  const std::string first = bytes.substr(sizeof(table::Header), sizeof(table::Package));
  const std::string second =
      bytes.substr(sizeof(table::Header) + sizeof(table::Package), sizeof(table::Package));
  bytes.replace(sizeof(table::Header), 2 * sizeof(table::Package), second + first);
  test::seal(bytes);
  EXPECT_FALSE(is_table(bytes));
  bytes.replace(sizeof(table::Header), 2 * sizeof(table::Package), first + first);
  test::seal(bytes);
  EXPECT_FALSE(is_table(bytes));
}

// Touches everything that the reader gives out; the sum is there so that nothing is left out.
std::size_t walk(const table::Reader& reader, const char* begin, const char* end) {
  std::size_t letters = 0;
  const auto look = [&](const char* text) {
    ASSERT_GE(text, begin);
    ASSERT_NE(std::memchr(text, '\0', static_cast<std::size_t>(end - text)), nullptr);
    letters += std::strlen(text);
  };
  look(reader.string(reader.header().native_arch));
  for (std::uint32_t i = 0; i < reader.header().packages; ++i) {
    const table::Package& package = reader.package(i);
    look(reader.string(package.name));
    for (std::uint32_t k = 0; k < package.units; ++k) {
      look(reader.string(reader.unit(package, k).pattern));
    }
    for (std::uint32_t k = 0; k < package.together; ++k) look(reader.together(package, k));
    letters += reader.find(package, "postfix@b.service") != nullptr ? 1u : 0u;
  }
  letters += reader.find("postfix", "all", "postfix.service") != nullptr ? 1u : 0u;
  for (const auto* at = reader.next_with("postfix.service", nullptr); at != nullptr;
       at = reader.next_with("postfix.service", at)) {
    ++letters;
  }
  return letters;
}

TEST(TableDamage, WhatIsAcceptedCanBeReadToItsEnds) {
  const std::string whole = table_bytes(test::mail_table());
  std::mt19937_64 random(toy::seed_of_run());
  std::size_t accepted = 0;
  for (std::uint64_t round = toy::rounds(20000); round > 0; --round) {
    std::string bytes = whole;
    for (std::size_t changes = 1 + random() % 3; changes > 0; --changes) {
      const auto at = sizeof table::kMagic + random() % (bytes.size() - sizeof table::kMagic);
      bytes[at] =
          static_cast<char>(random() % 3 == 0 ? static_cast<int>(random() % 256) : bytes[at] + 1);
    }
    test::seal(bytes);
    const test::Aligned copy(bytes);
    table::Reader reader;
    if (!reader.read(copy.data(), copy.size())) continue;
    ++accepted;
    const char* begin = static_cast<const char*>(copy.data());
    EXPECT_GT(walk(reader, begin, begin + copy.size()), 0u);
  }
  EXPECT_GT(accepted, 0u);  // names may be changed at will, so that some are
}

}  // namespace
}  // namespace aptkeep
