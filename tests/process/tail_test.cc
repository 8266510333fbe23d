#include "adapters/tail.h"

#include <gtest/gtest.h>

namespace aptkeep {
namespace {

TEST(CleanTail, KeepsTheLastLines) {
  EXPECT_EQ(clean_tail("a\nb\nc\n", 2, false), "b\nc\n");
  EXPECT_EQ(clean_tail("a\nb\nc", 50, false), "a\nb\nc\n");
  EXPECT_EQ(clean_tail("", 50, false), "");
  EXPECT_EQ(clean_tail("a\n", 0, false), "");
}

TEST(CleanTail, LeavesOutBlankLines) {
  EXPECT_EQ(clean_tail("\na\n \t\n\r\nb\r\n\n\n", 2, false), "a\nb\n");
}

TEST(CleanTail, ShowsProgressAsItLookedLast) {
  EXPECT_EQ(clean_tail("(Reading database ... \r(Reading database ... 5%\r(Reading database ... "
                       "100 files)\r\nnext\r\n",
                       50, false),
            "(Reading database ... 100 files)\nnext\n");
}

TEST(CleanTail, TakesControlSequencesOut) {
  EXPECT_EQ(clean_tail("\x1b[1;31mred\x1b[0m \x1b]0;title\x07plain\x1b(B\x1b=\n", 50, false),
            "red plain\n");
  EXPECT_EQ(clean_tail("\x1b]0;title\x1b\\text\x1bPq#0\x1b\\!\n", 50, false), "text!\n");
  EXPECT_EQ(clean_tail("a\x07\x08\x01\x7f"
                       "b\tc\n",
                       50, false),
            "ab\tc\n");
}

TEST(CleanTail, ReadsADialogLineByLine) {
  EXPECT_EQ(clean_tail("\x1b[2J\x1b[3;10Hhello\x1b[4;10H<Ok>\x1b[24;1H", 50, false),
            "hello\n<Ok>\n");
}

TEST(CleanTail, SurvivesTornSequences) {
  for (const char* raw : {"a\x1b", "a\x1b[", "a\x1b[12;", "a\x1b]0;never ended", "a\x1b("})
    EXPECT_EQ(clean_tail(raw, 50, false), "a\n") << raw + 1;
  EXPECT_EQ(clean_tail("a\x1b]0;never ended\nb\n", 50, false), "a\nb\n");
}

TEST(CleanTail, DropsTheTornFirstLine) {
  EXPECT_EQ(clean_tail("rn line\nwhole\n", 50, true), "whole\n");
  EXPECT_EQ(clean_tail("one torn line without an end", 50, true), "one torn line without an end\n");
}

// Unicode 15, table 3-8: one replacement for each maximal part of a sequence.
TEST(CleanTail, ReplacesWhatIsNotUtf8) {
  EXPECT_EQ(clean_tail("\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80\n", 50, false),
            "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80\n");
  EXPECT_EQ(clean_tail("\xe4"
                       "b\n",
                       50, false),
            "\xef\xbf\xbd"
            "b\n");
  EXPECT_EQ(clean_tail("\xe2\x82\n", 50, false), "\xef\xbf\xbd\n");
  EXPECT_EQ(clean_tail("\xc0\xaf\n", 50, false), "\xef\xbf\xbd\xef\xbf\xbd\n");
  EXPECT_EQ(clean_tail("\xed\xa0\x80\n", 50, false), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\n");
  EXPECT_EQ(clean_tail("\xf4\x90\x80\x80\n", 50, false),
            "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\n");
}

}  // namespace
}  // namespace aptkeep
