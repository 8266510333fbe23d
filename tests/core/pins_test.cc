#include "core/pins.h"

#include <gtest/gtest.h>

#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace aptkeep {
namespace {

using namespace std::string_literals;

TEST(Pins, OneStanzaEach) {
  const std::string text = render_pins(
      {{"foo:amd64", "2.0-1", "postinst exit 1"}, {"libstdc++6:i386", "1:2~rc+b1", ""}});
  EXPECT_TRUE(text.starts_with("# Written by aptkeep")) << text;
  EXPECT_NE(text.find("aptkeep release"), std::string::npos);
  EXPECT_TRUE(
      text.ends_with("\n"
                     "\n"
                     "Explanation: postinst exit 1\n"
                     "Package: foo:amd64\n"
                     "Pin: version 2.0-1\n"
                     "Pin-Priority: -1\n"
                     "\n"
                     "Package: libstdc++6:i386\n"
                     "Pin: version 1:2~rc+b1\n"
                     "Pin-Priority: -1\n"))
      << text;
}

TEST(Pins, NoFileWithoutPins) {
  EXPECT_EQ(render_pins({}), "");
  EXPECT_EQ(render_pins({{"a b", "1", ""}, {"a", "1 2", ""}}), "");
}

TEST(Pins, WhatCouldBeAnotherPinIsLeftOut) {
  const std::string good = render_pins({{"a", "1", ""}});
  for (const char* package : {"", "*", "/a/", "a*", "a\nPackage: b", "a b", "src:a/b", "a:b:c",
                              ":a", "a:", "-a", "?essential", "a[b]", "\xc3\xa4"}) {
    EXPECT_EQ(render_pins({{"a", "1", ""}, {package, "2", ""}}), good) << package;
  }
  for (const char* version : {"", "*", "1*", "/1/", "1\nPin-Priority: 1001", "1 ", " 1", "1\t2"}) {
    EXPECT_EQ(render_pins({{"a", "1", ""}, {"b", version, ""}}), good) << version;
  }
}

TEST(Pins, AReasonStaysOnItsLine) {
  const std::string text =
      render_pins({{"a", "1", "x\nPackage: *\r\n\tPin: \x1b[31m\0y\x7f\xc3\xa4"s}});
  EXPECT_NE(text.find("\nExplanation: x Package: *   Pin:  [31m y \xc3\xa4\n"), std::string::npos)
      << text;
  EXPECT_EQ(text.find("\nPackage: *"), std::string::npos);
}

// "foo: Candidate: (none)" and so on, from the real apt with a database and preferences of its own.
std::string candidates(const std::filesystem::path& dir, const std::string& pins) {
  for (const char* folder : {"preferences.d", "sources", "lists/partial", "cache"}) {
    std::filesystem::create_directories(dir / folder);
  }
  std::ofstream status(dir / "status");
  for (const char* stanza : {"Package: tst-foo\nVersion: 2.0-1\nArchitecture: amd64\n",
                             "Package: tst-g++\nVersion: 1:2~rc+b1\nArchitecture: all\n",
                             "Package: tst-other\nVersion: 2.0-1\nArchitecture: amd64\n",
                             "Package: tst-older\nVersion: 1.9\nArchitecture: amd64\n"}) {
    status << stanza << "Status: install ok installed\nMaintainer: x\nDescription: x\n\n";
  }
  status.close();
  std::ofstream(dir / "preferences.d" / "aptkeep.pref") << pins;
  const std::string at = dir.string();
  const std::string command =
      "LC_ALL=C apt-cache -o APT::Architecture=amd64 -o APT::Architectures::=amd64"
      " -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts=" +
      at + "/sources" + " -o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts=" + at +
      "/preferences.d -o Dir::State::status=" + at + "/status -o Dir::State::Lists=" + at +
      "/lists -o Dir::Cache=" + at + "/cache policy tst-foo tst-g++ tst-other tst-older 2>&1";
  std::string text;
  std::FILE* pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) return "popen failed";
  std::array<char, 4096> line{};
  while (std::fgets(line.data(), static_cast<int>(line.size()), pipe) != nullptr) {
    const std::string word = line.data();
    if (word.starts_with("tst-")) text += word.substr(0, word.size() - 1);
    if (word.starts_with("  Candidate:")) text += word.substr(12);
    if (word.starts_with("E:") || word.starts_with("W:")) text += word;
  }
  ::pclose(pipe);
  return text;
}

TEST(Pins, AptTakesThem) {
  std::string dir = std::filesystem::temp_directory_path() / "aptkeep-pins-XXXXXX";
  ASSERT_NE(::mkdtemp(dir.data()), nullptr);
  const std::string pins = render_pins({{"tst-foo:amd64", "2.0-1", "postinst exit 1"},
                                        {"tst-g++:amd64", "1:2~rc+b1", "needs tst-foo"},
                                        {"tst-older:amd64", "1.9.1", "another version"}});
  EXPECT_EQ(candidates(dir, pins),
            "tst-foo: (none)\ntst-g++: (none)\ntst-other: 2.0-1\ntst-older: 1.9\n");
  EXPECT_EQ(candidates(dir, ""),
            "tst-foo: 2.0-1\ntst-g++: 1:2~rc+b1\ntst-other: 2.0-1\ntst-older: 1.9\n");
  std::filesystem::remove_all(dir);
}

TEST(Pins, NeverOfWhatMustBeUnpackedAgain) {
  for (const char* state : {"ii", "iF", "iU", "it", "iW", "un", "rc", "hi", "rF", "rU", ""}) {
    EXPECT_TRUE(may_pin(state)) << state;
  }
  for (const char* state : {"iHR", "rHR", "iH", "rH", "iUR", "iFR", "hHR"}) {
    EXPECT_FALSE(may_pin(state)) << state;
  }
}

}  // namespace
}  // namespace aptkeep
