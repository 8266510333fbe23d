#include "core/protocol.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "test_data.h"

namespace aptkeep {
namespace {

Result<Conversation> read(const std::string& text, const ProtocolLimits& limits = {}) {
  std::istringstream in(text);
  auto result = read_conversation(in, limits);
  EXPECT_EQ(in.rdbuf()->sgetc(), std::char_traits<char>::eof()) << "apt would get SIGPIPE";
  return result;
}

const std::string kHead = "VERSION 3\nAPT::Architecture=amd64\n\n";

std::string steps_text(const Conversation& conversation) {
  std::string text;
  for (const auto& step : steps_of(conversation)) {
    text += std::string(to_string(step.action)) + ' ' + step.package + " [" + step.old_version +
            "] [" + step.new_version + "] " + step.archive + '\n';
  }
  return text;
}

// The steps of package lines that follow a plain heading, or the error.
std::string steps_of_lines(const std::string& lines, const std::string& settings = {}) {
  const auto conversation = read("VERSION 3\nAPT::Architecture=amd64\n" + settings + '\n' + lines);
  return conversation ? steps_text(*conversation) : conversation.error().message;
}

std::string error_of(const std::string& text, const ProtocolLimits& limits = {}) {
  const auto result = read(text, limits);
  const std::string prefix = "unable to read apt's list of packages: ";
  if (result) return "no error";
  EXPECT_TRUE(result.error().message.starts_with(prefix)) << result.error().message;
  return result.error().message.substr(std::min(prefix.size(), result.error().message.size()));
}

std::vector<std::string> recordings() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(test::data_dir() / "protocol")) {
    if (entry.path().extension() == ".txt") names.push_back(entry.path().stem());
  }
  std::sort(names.begin(), names.end());
  return names;
}

class Recording : public testing::TestWithParam<std::string> {
 protected:
  std::string text() const {
    return test::read_file(test::data_dir() / "protocol" / (GetParam() + ".txt"));
  }
};

TEST_P(Recording, GivesItsSteps) {
  const auto conversation = read(text());
  ASSERT_TRUE(conversation) << conversation.error().message;
  const auto expected = test::data_dir() / "protocol" / (GetParam() + ".steps");
  ASSERT_TRUE(std::filesystem::exists(expected));
  EXPECT_EQ(steps_text(*conversation), test::read_file(expected));
}

// Cut anywhere, it is either an error or the steps before the cut: never a torn name or path.
TEST_P(Recording, CutOffGivesAnErrorOrWholeLines) {
  const std::string whole = text();
  const auto body = whole.find("\n\n") + 2;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto conversation = read(whole.substr(0, size));
    const bool at_line = size >= body && (size == body || whole[size - 1] == '\n');
    ASSERT_EQ(conversation.ok(), at_line) << "cut at " << size;
  }
}

std::string test_name(const testing::TestParamInfo<std::string>& info) {
  std::string name = info.param;
  std::replace_if(
      name.begin(), name.end(), [](char c) { return !std::isalnum(c); }, '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Protocol, Recording, testing::ValuesIn(recordings()), test_name);

TEST(Protocol, RecordingsAreThere) {
  EXPECT_GE(recordings().size(), 56U);
}

TEST(Protocol, DecodesValuesAndKeys) {
  const auto conversation =
      read(test::read_file(test::data_dir() / "protocol" / "bookworm-encoded-values.txt"));
  ASSERT_TRUE(conversation);
  EXPECT_EQ(conversation->find("Foo::Bar"), "a%b=c\"d e");
  EXPECT_EQ(conversation->find("Foo::X Y"), "1");
  EXPECT_EQ(conversation->find("Foo::\"q"), "r=2");
  EXPECT_EQ(conversation->find("Foo::nl"), "a\nb\xc3\xa4\x7f");
  EXPECT_EQ(conversation->configuration.count("DPkg::Options::"), 2U);
  EXPECT_EQ(conversation->find("DPkg::Options::"), "--force-confdef");
}

TEST(Protocol, LeavesAPercentSignThatEncodesNothing) {
  const auto conversation =
      read("VERSION 3\nAPT::Architecture=amd64\nA=100%\nB=%zz%4\nC=%4A%4b\n\n");
  ASSERT_TRUE(conversation);
  EXPECT_EQ(conversation->find("A"), "100%");
  EXPECT_EQ(conversation->find("B"), "%zz%4");
  EXPECT_EQ(conversation->find("C"), "JK");
}

TEST(Protocol, FindsKeysWithoutCase) {
  const auto conversation =
      read("VERSION 3\nAPT::Architecture=amd64\ndir::BIN::dpkg=/usr/bin/dpkg\nEmpty=\n\n");
  ASSERT_TRUE(conversation);
  EXPECT_EQ(conversation->find("Dir::Bin::dpkg", "x"), "/usr/bin/dpkg");
  EXPECT_EQ(conversation->find("apt::architecture"), "amd64");
  EXPECT_EQ(conversation->find("Dir::Bin::dpk", "x"), "x");
  EXPECT_EQ(conversation->find("Empty", "x"), "x");
}

TEST(Protocol, ListsValuesWithoutCase) {
  const auto conversation = read(
      "VERSION 3\nAPT::Architecture=amd64\nAptkeep::Force=\nAptkeep::Force::=a\n"
      "aptkeep::force::=b\nAPTKEEP::Force=c\nAptkeep::Force::x=d\nAptkeep::Forced=e\n\n");
  ASSERT_TRUE(conversation);
  auto values = conversation->list("Aptkeep::Force");
  std::sort(values.begin(), values.end());
  EXPECT_EQ(values, (std::vector<std::string>{"a", "b", "c", "d"}));
}

TEST(Protocol, ReadsBooleansAsAptDoes) {
  const auto value = [](const std::string& text, bool fallback) {
    const auto conversation = read("VERSION 3\nAPT::Architecture=amd64\nB=" + text + "\n\n");
    return conversation && conversation->find_bool("b", fallback);
  };
  for (const char* yes : {"1", "true", "TRUE", "Yes", "with", "on", "enable", "0x1"}) {
    EXPECT_TRUE(value(yes, false)) << yes;
  }
  for (const char* no : {"0", "false", "No", "without", "OFF", "disable"}) {
    EXPECT_FALSE(value(no, true)) << no;
  }
  for (const char* neither : {"", "2", "-1", "maybe", "1x", "trueish"}) {
    EXPECT_TRUE(value(neither, true)) << neither;
    EXPECT_FALSE(value(neither, false)) << neither;
  }
}

TEST(Protocol, AnArchiveWinsOverRemovalAndConfiguration) {
  EXPECT_EQ(steps_of_lines("a 1 all none < 2 all none **REMOVE**\n"
                           "b 1 amd64 same < 2 amd64 same /b.deb\n"
                           "a 1 all none < 2 all none **CONFIGURE**\n"
                           "a 1 all none < 2 all none /a.deb\n"
                           "b 1 amd64 same < 2 amd64 same **CONFIGURE**\n"),
            "upgrade b:amd64 [1] [2] /b.deb\nupgrade a:amd64 [1] [2] /a.deb\n");
}

TEST(Protocol, WhatAptHasNoArchiveForIsLeftOut) {
  EXPECT_EQ(steps_of_lines("a 1 amd64 none < 2 amd64 none **ERROR**\n"
                           "a 1 amd64 none < 2 amd64 none **CONFIGURE**\n"
                           "b - - none > - - none **REMOVE**\n"
                           "c 1 amd64 none = 1 amd64 none **CONFIGURE**\n"),
            "configure c:amd64 [1] [1] \n");
}

TEST(Protocol, ARemovalHasNoNewVersion) {
  EXPECT_EQ(steps_of_lines("a 1 amd64 none < 2 amd64 none **REMOVE**\n"
                           "a 1 amd64 none < 2 amd64 none **ERROR**\n"),
            "remove a:amd64 [1] [] \n");
}

TEST(Protocol, OfTwoArchivesTheFirstCounts) {
  EXPECT_EQ(steps_of_lines("a 1 amd64 none < 2 amd64 none /a.deb\n"
                           "a 1 amd64 none < 3 all none /b.deb\n"),
            "upgrade a:amd64 [1] [2] /a.deb\n");
}

TEST(Protocol, OnlyAptItselfPurgesBySetting) {
  const std::string line = "a 1 amd64 none > - - none **REMOVE**\n";
  const std::string purge = "purge a:amd64 [1] [] \n";
  const std::string remove = "remove a:amd64 [1] [] \n";
  EXPECT_EQ(steps_of_lines(line, "APT::Get::Purge=1\nBinary=apt\n"), purge);
  EXPECT_EQ(steps_of_lines(line, "APT::Get::Purge=true\nBinary=apt-get\n"), purge);
  EXPECT_EQ(steps_of_lines(line, "APT::Get::Purge=0\nBinary=apt-get\n"), remove);
  EXPECT_EQ(steps_of_lines(line, "Binary=apt-get\n"), remove);
  EXPECT_EQ(steps_of_lines(line, "APT::Get::Purge=1\n"), remove);
}

TEST(Protocol, TakesNamesAsDpkgDoes) {
  EXPECT_EQ(steps_of_lines("libstdc++6 - - none < 1:2.0~rc1+b1-0.1 i386 same /x y.deb \n"),
            "install libstdc++6:i386 [] [1:2.0~rc1+b1-0.1] /x y.deb \n");
  EXPECT_EQ(steps_of_lines("Up_x.y - - none < x1 amd64 none /x\n"),
            "install Up_x.y:amd64 [] [x1] /x\n");
}

TEST(Protocol, RefusesALineAndNamesIt) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"a", "too few fields"},
      {"a 1 amd64 none <", "too few fields"},
      {"a 1 amd64 none < 2 amd64 /a.deb", "too few fields"},
      {"", "too few fields"},
      {"a 1 amd64 none < 2 amd64 none", "too few fields"},
      {"a 1 amd64 none < 2 amd64 none ", "neither an absolute path nor an action at its end"},
      {"a 1 amd64 none < 2 amd64 none a.deb", "neither an absolute path nor an action at its end"},
      {"a 1 amd64 none < 2 amd64 none **REMOVE** ",
       "neither an absolute path nor an action at its end"},
      {"../a 1 amd64 none < 2 amd64 none /a.deb", "no package name at its start"},
      {"a:amd64 1 amd64 none < 2 amd64 none /a.deb", "no package name at its start"},
      {"-a 1 amd64 none < 2 amd64 none /a.deb", "no package name at its start"},
      {"\xc3\xa4 1 amd64 none < 2 amd64 none /a.deb", "no package name at its start"},
      {" a 1 amd64 none < 2 amd64 none /a.deb", "no package name at its start"},
      {"a 1/2 amd64 none < 2 amd64 none /a.deb", "no version where there should be one"},
      {"a -1 amd64 none < 2 amd64 none /a.deb", "no version where there should be one"},
      {"a - amd64 none < 2 amd64 none /a.deb", "no version where there should be one"},
      {"a 1 - none < 2 amd64 none /a.deb", "no architecture where there should be one"},
      {"a 1 amd_64 none < 2 amd64 none /a.deb", "no architecture where there should be one"},
      {"a 1 amd64 - < 2 amd64 none /a.deb", "no Multi-Arch value where there should be one"},
      {"a 1 amd64 none << 2 amd64 none /a.deb", "no '<', '=' or '>'"},
      {"a 1 amd64 none = 2 amd64 none /a.deb", "'=' between two versions"},
      {"a 1 amd64 none < 2 i386 none /a.deb", "two architectures"},
      {"a 1 all none < 2 i386 none /a.deb", "two architectures"},
      {"a 1 amd64 none > - - none /a.deb", "an archive without a new version"},
      {"a 1 amd64 none < 2 amd64 none /a\tb.deb\r", "no error"},
      {std::string("a 1 amd64 none < 2 amd64 none /a\0.deb", 35), "a zero byte"},
  };
  for (const auto& [line, why] : cases) {
    const std::string good = "z 1 amd64 none < 2 amd64 none /z.deb\n";
    const std::string expected = why == "no error" ? why : "line 5: " + why;
    EXPECT_EQ(error_of(kHead + good + line + '\n' + good), expected) << line;
  }
}

// apt writes a path as it is. It does not take a path with a newline on its command line
// ("Repository is broken"), but were one to come, nothing may be understood wrongly.
TEST(Protocol, ANewlineInAPathIsAnError) {
  EXPECT_EQ(error_of(kHead + "a - - none < 2 amd64 none /tmp/x\ny.deb\n"),
            "line 5: too few fields");
}

TEST(Protocol, RefusesOtherVersionsAndBrokenHeads) {
  EXPECT_EQ(error_of(""), "line 1: nothing was sent");
  EXPECT_EQ(error_of("VERSION 2\n\n"), "line 1: it is not \"VERSION 3\"");
  EXPECT_EQ(error_of("/var/cache/apt/archives/a.deb\n"), "line 1: it is not \"VERSION 3\"");
  EXPECT_EQ(error_of("VERSION 3"), "line 1: it is cut off");
  EXPECT_EQ(error_of("VERSION 3\n"), "line 2: the configuration is cut off");
  EXPECT_EQ(error_of("VERSION 3\nDir=/\n"), "line 3: the configuration is cut off");
  EXPECT_EQ(error_of("VERSION 3\nDir\n\n"), "line 2: no '=' in the configuration");
  EXPECT_EQ(error_of("VERSION 3\nDir=/\n\n"),
            "line 3: the configuration does not say APT::Architecture");
  EXPECT_EQ(error_of("VERSION 3\nAPT::Architecture=a%0ab\n\n"),
            "line 3: the configuration does not say APT::Architecture");
}

TEST(Protocol, ReadsOnToTheEndWhenAListIsTooLong) {
  const std::string line = "a 1 amd64 none < 2 amd64 none /a.deb\n";
  std::string many = kHead;
  for (int i = 0; i < 100; ++i) many += line;
  EXPECT_EQ(error_of(many, {.line = 1000, .lines = 50, .total = 100'000}),
            "line 51: the list is too long");
  EXPECT_EQ(error_of(many, {.line = 1000, .lines = 1000, .total = kHead.size() + 2 * line.size()}),
            "line 6: the list is too long");
  EXPECT_EQ(error_of(kHead + line, {.line = line.size() - 2, .lines = 10, .total = 1000}),
            "line 4: it is too long");
  EXPECT_EQ(error_of(kHead + line, {.line = line.size() - 1, .lines = 10, .total = 1000}),
            "no error");
  EXPECT_EQ(error_of(std::string(1 << 20, 'x')), "line 1: it is too long");
}

}  // namespace
}  // namespace aptkeep
