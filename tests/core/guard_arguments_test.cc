#include "core/guard_arguments.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <random>

namespace aptkeep {
namespace {

using Texts = std::vector<std::string>;

TEST(ParseAmount, TakesBytesAndUnits) {
  EXPECT_EQ(parse_amount("0"), 0u);
  EXPECT_EQ(parse_amount("500"), 500u);
  EXPECT_EQ(parse_amount("64K"), 65536u);
  EXPECT_EQ(parse_amount("3G"), 3221225472u);
  EXPECT_EQ(parse_amount("18446744073709551615"), UINT64_MAX);
  for (const char* text : {"", "K", "-1", "+1", " 1", "1 ", "1k", "1.5G", "0x10", "1KK",
                           "18446744073709551616", "17179869184G"}) {
    EXPECT_FALSE(parse_amount(text)) << text;
  }
}

TEST(ParseAge, TakesSecondsAndUnits) {
  EXPECT_EQ(parse_age("90"), 90);
  EXPECT_EQ(parse_age("30m"), 1800);
  EXPECT_EQ(parse_age("12h"), 43200);
  EXPECT_EQ(parse_age("7d"), 604800);
  for (const char* text : {"", "d", "-1d", "1w", "9223372036854775807d"}) {
    EXPECT_FALSE(parse_age(text)) << text;
  }
}

TEST(ReadGuardCommand, SplitsTheProgramsWordsWithoutAShell) {
  GuardCommand out;
  EXPECT_EQ(read_guard_command({"/bin/x", "expects", "0", "again"}, out), "");
  EXPECT_TRUE(out.again);
  EXPECT_NE(read_guard_command({"/bin/x", "expects", "0", "twice"}, out), "");
  EXPECT_EQ(read_guard_command({"/bin/x 'a b' $HOME ; rm", "expects", "done"}, out), "");
  EXPECT_FALSE(out.again);
  EXPECT_EQ(out.command.argv, (Texts{"/bin/x", "a b", "$HOME", ";", "rm"}));
  EXPECT_FALSE(out.command.shell);
  EXPECT_EQ(out.expects, "done");
  EXPECT_EQ(out.command.timeout, 60);
  EXPECT_EQ(out.command.user, "");
}

TEST(ReadGuardCommand, TakesUserAndTimeoutInAnyOrder) {
  GuardCommand out;
  EXPECT_EQ(read_guard_command({"timeout=7  user=_apt /x user=y", "expects", "0"}, out), "");
  EXPECT_EQ(out.command.timeout, 7);
  EXPECT_EQ(out.command.user, "_apt");
  EXPECT_EQ(out.command.argv, (Texts{"/x", "user=y"}));
  EXPECT_EQ(read_guard_command({"user=_apt timeout=86400 sh: x", "expects", "0"}, out), "");
  EXPECT_EQ(out.command.timeout, 86400);
  EXPECT_EQ(out.command.user, "_apt");
  EXPECT_TRUE(out.command.shell);
}

TEST(ReadGuardCommand, AShellIsOnlyWhereTheRuleSaysSo) {
  GuardCommand out;
  EXPECT_EQ(read_guard_command({"sh: a | b 'c", "expects", "0"}, out), "");
  EXPECT_TRUE(out.command.shell);
  EXPECT_EQ(out.command.argv, Texts{"a | b 'c"});
  EXPECT_EQ(read_guard_command({"/bin/echo sh: x", "expects", "0"}, out), "");
  EXPECT_FALSE(out.command.shell);
}

TEST(ValuesOf, ReadsTheThreeForms) {
  EXPECT_EQ(values_of("a = 1\n b: 2 \n\tc\t3\n", "a"), Texts{"1 b: 2 c\t3"})
      << "lines indented deeper belong to it";
  EXPECT_EQ(values_of("a = 1\nb: 2 \nc\t3\nd\n", "b"), Texts{"2"});
  EXPECT_EQ(values_of("a = 1\nb: 2 \nc\t3\r\nd\n", "c"), Texts{"3"});
  EXPECT_EQ(values_of("d\n", "d"), Texts{""});
  EXPECT_EQ(values_of("d=", "d"), Texts{""});
  EXPECT_EQ(values_of("FOO='a b'", "FOO"), Texts{"'a b'"});
}

TEST(ValuesOf, TakesNoOtherKeyAndNoComment) {
  const char* text = "#a = 1\n; a = 2\nab = 3\nb a = 4\n";
  EXPECT_EQ(values_of(text, "a"), Texts{});
  EXPECT_EQ(values_of("", "a"), Texts{});
}

TEST(ValuesOf, TakesAllOfThemInOrder) {
  EXPECT_EQ(values_of("[x]\n  a = 1\n  b = 2\n[y]\n  a = 3\n", "a"), (Texts{"1", "3"}));
}

TEST(ValuesOf, TakesTheLinesThatContinueIt) {
  EXPECT_EQ(values_of("nets = 10.0.0.0/8,\n# why\n  ::1\nx = y\n", "nets"),
            Texts{"10.0.0.0/8, ::1"});
  EXPECT_EQ(values_of("a 1 \\\nb 2\nc 3\n", "a"), Texts{"1 \\ b 2"});
  EXPECT_EQ(values_of("a 1\n\n  b 2\n", "a"), Texts{"1"});
}

TEST(ValuesOf, StandsAnyText) {
  std::mt19937 random(3);
  const std::string bytes("a =:#\\\n\t\xff\0", 10);
  for (int round = 0; round < 50000; ++round) {
    std::string text;
    for (auto length = random() % 30; length > 0; --length) text += bytes[random() % bytes.size()];
    for (const auto& value : values_of(text, "a")) {
      EXPECT_EQ(value.find('\n'), std::string::npos);
    }
  }
}

TEST(Shown, LeavesTextAsItIs) {
  EXPECT_EQ(shown(""), "");
  EXPECT_EQ(shown("/var/spool a~"), "/var/spool a~");
  EXPECT_EQ(shown("Grüße 日本 😀"), "Grüße 日本 😀");
}

TEST(Shown, TellsWhatWouldHarmATerminalByItsNumber) {
  EXPECT_EQ(shown("a\nb\x1b[2J\x7f\t"), "a\\x0ab\\x1b[2J\\x7f\\x09");
  EXPECT_EQ(shown(std::string_view("\0", 1)), "\\x00");
  EXPECT_EQ(shown("\xc2\x9b"
                  "31m"),
            "\\xc2\\x9b"
            "31m")
      << "a C1 control";
  EXPECT_EQ(shown("\xe2\x80\xae"
                  "cod.exe"),
            "\\xe2\\x80\\xae"
            "cod.exe")
      << "right to left";
  EXPECT_EQ(shown("\xff\xfe"), "\\xff\\xfe");
  EXPECT_EQ(shown("\xc3"), "\\xc3") << "cut off";
  EXPECT_EQ(shown("\xc0\xaf"), "\\xc0\\xaf") << "longer than needed";
  EXPECT_EQ(shown("\xed\xa0\x80"), "\\xed\\xa0\\x80") << "half of a pair";
  EXPECT_EQ(shown("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80") << "beyond Unicode";
}

TEST(Shown, CutsBetweenCharacters) {
  EXPECT_EQ(shown("abcdef", 3), "abc...");
  EXPECT_EQ(shown("abc", 3), "abc");
  EXPECT_EQ(shown("abü", 3), "ab...");
  EXPECT_EQ(shown("ab\n", 5), "ab...");
}

TEST(Shown, LinesStayLinesAndAreNotCut) {
  const std::string line(5000, 'x');
  EXPECT_EQ(shown_lines(""), "");
  EXPECT_EQ(shown_lines("aptkeep: ü\n\tb\n"), "aptkeep: ü\n\tb\n");
  EXPECT_EQ(shown_lines(line + "\n\n" + line), line + "\n\n" + line);
  EXPECT_EQ(shown_lines("a\x1b]0;b\x07\r\n\xff"), "a\\x1b]0;b\\x07\\x0d\n\\xff");
}

TEST(Shown, IsOneHarmlessLineWhateverItGets) {
  std::mt19937 random(5);
  for (int round = 0; round < 100000; ++round) {
    std::string text;
    for (auto length = random() % 8; length > 0; --length) {
      text += static_cast<char>(random() % 256);
    }
    const std::string line = shown(text);
    ASSERT_EQ(shown(line), line) << "nothing harmful is left";
    for (const char c : line) ASSERT_FALSE(static_cast<unsigned char>(c) < 0x20 || c == 0x7f);
  }
}

}  // namespace
}  // namespace aptkeep
