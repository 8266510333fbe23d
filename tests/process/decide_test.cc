#include "decide.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace aptkeep::launcher {
namespace {

using Words = std::vector<std::string>;

CommandLine read(const Words& words) {
  std::vector<const char*> argv{"dpkg"};
  for (const auto& word : words) argv.push_back(word.c_str());
  const int argc = static_cast<int>(argv.size());
  argv.push_back(nullptr);
  return read_command_line(argc, argv.data());
}

Surroundings apt() {
  Surroundings around;
  around.privileged = true;
  around.driver = true;
  return around;
}

struct Row {
  const char* why;
  Words words;
  bool driver;
  Verb verb = Verb::None;
  int operands = 0;
};

const Row kRows[] = {
    {"apt's unpack",
     {"--status-fd", "11", "--no-triggers", "--unpack", "--auto-deconfigure", "--recursive", "/t"},
     true,
     Verb::Unpack,
     7},
    {"apt's configure",
     {"--status-fd", "11", "--configure", "--pending"},
     true,
     Verb::Configure,
     5},
    {"apt's configure by name",
     {"--status-fd", "9", "--configure", "a", "b:i386"},
     true,
     Verb::Configure,
     4},
    {"apt's removal",
     {"--status-fd", "9", "--force-depends", "--abort-after=1", "--remove", "a:amd64"},
     true,
     Verb::Remove,
     6},
    {"apt's purge", {"--status-fd", "9", "--purge", "a"}, true, Verb::Purge, 4},
    {"apt's triggers",
     {"--status-fd", "9", "--triggers-only", "--pending"},
     true,
     Verb::TriggersOnly,
     5},
    {"DPkg::Options first",
     {"--force-confold", "--log=/x", "--status-fd=9", "--unpack", "a.deb"},
     true,
     Verb::Unpack,
     5},
    {"aptitude's short option",
     {"--status-fd", "9", "--configure", "-a"},
     true,
     Verb::Configure,
     5},
    {"an end of options", {"--status-fd", "9", "--unpack", "--", "-x.deb"}, true, Verb::Unpack, 5},
    {"no status-fd: a person's", {"--unpack", "a.deb"}, false},
    {"an install", {"-i", "--status-fd", "9", "a.deb"}, false},
    {"an install by its long name", {"--status-fd", "9", "--install", "a.deb"}, false},
    {"nothing", {}, false},
    {"compare", {"--compare-versions", "1", "lt", "2"}, false},
    {"selections", {"--set-selections"}, false},
    {"a question", {"--print-foreign-architectures"}, false},
    {"assert", {"--assert-multi-arch"}, false},
    {"a list", {"-l", "--status-fd", "--unpack"}, false},
    {"another root", {"--root=/m", "--status-fd", "9", "--unpack", "a"}, false},
    {"another root, two words", {"--root", "/m", "--status-fd", "9", "--unpack", "a"}, false},
    {"another database", {"--admindir=/m", "--status-fd", "9", "--unpack", "a"}, false},
    {"another database, two words",
     {"--status-fd", "9", "--admindir", "/m", "--unpack", "a"},
     false},
    {"another place", {"--instdir=/m", "--status-fd", "9", "--unpack", "a"}, false},
    {"another place, two words", {"--instdir", "/m", "--status-fd", "9", "--unpack", "a"}, false},
    {"no act", {"--no-act", "--status-fd", "9", "--unpack", "a"}, false},
    {"no act, behind", {"--status-fd", "9", "--unpack", "--no-act", "a"}, false},
    {"dry run", {"--dry-run", "--status-fd", "9", "--configure", "-a"}, false},
    {"simulate", {"--simulate", "--status-fd", "9", "--configure", "-a"}, false},
    {"commands from a descriptor", {"--status-fd", "9", "--command-fd", "4", "--unpack"}, false},
    {"two verbs", {"--status-fd", "9", "--unpack", "--configure", "a"}, false},
    {"options end at the first operand", {"--unpack", "a.deb", "--status-fd", "9"}, false},
    {"an operand that looks like one", {"--status-fd", "9", "x", "--unpack"}, false},
    {"a value that looks like one", {"--log", "--unpack", "--status-fd", "9", "x"}, false},
    {"a value that looks like a bad one",
     {"--log", "--no-act", "--status-fd", "9", "--unpack", "x"},
     true,
     Verb::Unpack,
     6},
    {"debug's value", {"-D", "--no-act", "--status-fd", "9", "--unpack"}, true, Verb::Unpack, 6},
    {"debug's value within", {"-D2", "--status-fd", "9", "--unpack"}, true, Verb::Unpack, 5},
    {"force's value", {"--force", "--root", "--status-fd", "9", "--unpack"}, true, Verb::Unpack, 6},
    {"a missing value", {"--unpack", "--status-fd"}, false},
    {"a name that only begins alike", {"--status-fd", "9", "--remove-architecture", "x"}, false},
    {"another that only begins alike", {"--status-fdx", "9", "--unpack", "x"}, false},
};

TEST(Decide, CommandLines) {
  for (const Row& row : kRows) {
    const CommandLine line = read(row.words);
    EXPECT_EQ(wants_driver(line, apt()), row.driver) << row.why;
    if (!row.driver) continue;
    EXPECT_EQ(line.verb, row.verb) << row.why;
    EXPECT_EQ(line.operands, row.operands) << row.why;
  }
}

TEST(Decide, Pending) {
  EXPECT_TRUE(read({"--status-fd", "9", "--configure", "--pending"}).pending);
  EXPECT_TRUE(read({"--status-fd", "9", "--configure", "-a"}).pending);
  EXPECT_TRUE(read({"--status-fd", "9", "--configure", "-Ba"}).pending);
  EXPECT_FALSE(read({"--status-fd", "9", "--configure", "a"}).pending);
}

TEST(Decide, Surroundings) {
  const CommandLine line = read({"--status-fd", "9", "--configure", "--pending"});
  EXPECT_TRUE(wants_driver(line, apt()));
  const auto with = [&](auto change) {
    Surroundings around = apt();
    change(around);
    return wants_driver(line, around);
  };
  EXPECT_FALSE(with([](auto& a) { a.maintscript_package = "foo"; }));
  EXPECT_FALSE(with([](auto& a) { a.root = "/m"; }));
  EXPECT_FALSE(with([](auto& a) { a.admindir = "/m"; }));
  for (const char* no : {"off", "OFF", "no", "False", "without", "disable", "0"}) {
    EXPECT_FALSE(with([&](auto& a) { a.aptkeep = no; })) << no;
  }
  for (const char* other : {"", "on", "1", "offline"}) {
    EXPECT_TRUE(with([&](auto& a) { a.aptkeep = other; })) << other;
  }
  EXPECT_FALSE(with([](auto& a) { a.privileged = false; }));
  EXPECT_FALSE(with([](auto& a) { a.off_file = true; }));
  EXPECT_FALSE(with([](auto& a) { a.driver = false; }));
  // Set but empty is as good as not set.
  EXPECT_TRUE(with([](auto& a) { a.maintscript_package = a.root = a.admindir = a.aptkeep = ""; }));
  EXPECT_TRUE(with([](auto& a) { a.aptkeep = "on"; }));
}

}  // namespace
}  // namespace aptkeep::launcher
