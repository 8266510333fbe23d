// command "PROGRAM ARG..." expects 0|TEXT; accounts_test.cc has its users.
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include "fixture.h"

namespace aptkeep::test {
namespace {

class CommandTest : public GuardTest {
 protected:
  std::string content(const std::string& name) const {
    std::ifstream in(path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  }
  // Returns when that process is gone or only waits to be reaped.
  static void wait_for_end(const std::string& pid) {
    while (true) {
      std::ifstream in("/proc/" + pid + "/stat");
      std::string number, name, state;
      if (!(in >> number >> name >> state) || state == "Z") return;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }
};

TEST_F(CommandTest, ExitStatusAndFirstLineDecide) {
  EXPECT_EQ(tell("command /bin/true expects 0"), "met: /bin/true: exit status 0");
  EXPECT_EQ(tell("command /bin/false expects 0"), "unmet: /bin/false: exit status 1");
  EXPECT_EQ(tell("command /usr/bin/true expects 0"), "met: /usr/bin/true: exit status 0");
  EXPECT_EQ(tell("command '/usr/bin/echo a b' expects 'a b'"), "met: /usr/bin/echo prints a b");
  EXPECT_EQ(tell("command '/usr/bin/printf a\\nb\\n' expects a"), "met: /usr/bin/printf prints a");
  EXPECT_EQ(tell("command '/usr/bin/printf b\\na\\n' expects a"),
            "unmet: /usr/bin/printf prints b, not a");
  EXPECT_EQ(tell("command '/usr/bin/echo ab' expects a"), "unmet: /usr/bin/echo prints ab, not a");
  EXPECT_EQ(tell("command '/usr/bin/echo 1' expects 0"), "met: /usr/bin/echo: exit status 0");
  EXPECT_EQ(tell("command /usr/bin/true expects ''"), "met: /usr/bin/true prints nothing");
  EXPECT_EQ(tell("command '/usr/bin/echo x' expects ''"), "unmet: /usr/bin/echo prints x, not ");
  EXPECT_EQ(tell("command 'sh: echo a; echo why >&2; exit 3' expects a"),
            "unmet: echo a; echo why >&2; exit 3: exit status 3: why");
}

TEST_F(CommandTest, WhatCannotBeStartedIsUnknown) {
  write("text", "echo x\n", 0755);
  write("no-x", "#!/bin/sh\n", 0644);
  write("lost", "#!/no/such/interpreter\n", 0755);
  std::filesystem::create_symlink("loop", path("loop"));
  const std::string start = "unknown: unable to run ";
  EXPECT_EQ(tell("command /no/such expects 0"), start + "/no/such: No such file or directory");
  EXPECT_EQ(tell("command @/no-x expects 0"), start + "@/no-x: Permission denied");
  EXPECT_EQ(tell("command @/lost expects 0"), start + "@/lost: No such file or directory");
  EXPECT_EQ(tell("command /tmp expects 0"), start + "/tmp: Permission denied");
  EXPECT_EQ(tell("command @/loop expects 0"), start + "@/loop: Too many levels of symbolic links");
  EXPECT_EQ(tell("command @/text expects x"), start + "@/text: Exec format error")
      << "no shell takes it instead";
  EXPECT_EQ(tell("command 'sh: no-such-program' expects 0").substr(0, 47),
            "unknown: no-such-program: exit status 127: /bin");
}

TEST_F(CommandTest, WhatIsEndedByASignalIsUnknown) {
  EXPECT_EQ(tell("command 'sh: kill -TERM $$' expects 0"),
            "unknown: kill -TERM $$: ended by signal 15");
}

// Words of a rule are arguments and nothing else.
TEST_F(CommandTest, NothingPassesAShellUnlessTheRuleSaysSo) {
  write("args", "#!/bin/sh\nfor a; do printf '%s|' \"$a\"; done >${0%/*}/seen\n", 0755);
  tell("command \"@/args ; touch @/x $(touch @/x) `id` $HOME * 'a  b' '' -- \" expects 0");
  EXPECT_EQ(bare(content("seen")), ";|touch|@/x|$(touch|@/x)|`id`|$HOME|*|a  b||--|");
  EXPECT_FALSE(std::filesystem::exists(path("x")));
  EXPECT_EQ(tell("command \"sh: echo $((1+1)) | tr 2 3\" expects 3"),
            "met: echo $((1+1)) | tr 2 3 prints 3");
}

TEST_F(CommandTest, IsInItsOwnSmallWorld) {
  ASSERT_EQ(setenv("LD_PRELOAD_OF_THE_TEST", "x", 1), 0);
  EXPECT_TRUE(tell("command 'sh: env | sort >@/env' expects 0").starts_with("met: "));
  std::string environment = content("env");
  EXPECT_EQ(environment.find("OF_THE_TEST"), std::string::npos);
  EXPECT_NE(environment.find("PATH=/usr/sbin:/usr/bin:/sbin:/bin\n"), std::string::npos);
  EXPECT_NE(environment.find("HOME=/root\n"), std::string::npos);
  EXPECT_EQ(tell("command /usr/bin/pwd expects /"), "met: /usr/bin/pwd prints /");
  EXPECT_EQ(tell("command 'sh: umask' expects 0022"), "met: umask prints 0022");
  EXPECT_EQ(tell("command /usr/bin/cat expects ''"), "met: /usr/bin/cat prints nothing")
      << "standard input is empty";
  EXPECT_EQ(tell("command 'sh: (: </dev/tty) 2>/dev/null || echo none' expects none"),
            "met: (: </dev/tty) 2>/dev/null || echo none prints none");
  EXPECT_EQ(tell("command 'sh: echo /proc/self/fd/*' expects x").find("/4"), std::string::npos);
  unsetenv("LD_PRELOAD_OF_THE_TEST");
}

TEST_F(CommandTest, HasSignalsAsAProgramExpectsThem) {
  const auto answer = elsewhere([] {
    for (const int number : {SIGPIPE, SIGINT, SIGHUP, SIGTERM}) signal(number, SIG_IGN);
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, nullptr);
    return told(
        probe("command \"/usr/bin/grep -cE '^Sig(Blk|Ign):.0+$' /proc/self/status\" expects 2"));
  });
  EXPECT_EQ(answer, "met: /usr/bin/grep prints 2");
}

TEST_F(CommandTest, IsEndedWithItsGroupWhenItsTimeIsOver) {
  EXPECT_EQ(
      tell("command 'timeout=1 sh: trap \"\" TERM; sleep 1000 & echo $! >@/pid; wait' expects 0"),
      "unknown: trap \"\" TERM; sleep 1000 & echo $! >@/pid; wait was ended after 1 s");
  std::string pid = content("pid");
  ASSERT_FALSE(pid.empty());
  pid.pop_back();
  wait_for_end(pid);
}

TEST_F(CommandTest, LeavesNothingBehind) {
  EXPECT_TRUE(tell("command 'sh: sleep 1000 & echo $! >@/pid' expects 0").starts_with("met: "))
      << "though the sleep has its output open";
  std::string pid = content("pid");
  ASSERT_FALSE(pid.empty());
  pid.pop_back();
  wait_for_end(pid);
}

TEST_F(CommandTest, OutputIsBoundedAndNeverHoldsItUp) {
  EXPECT_EQ(tell("command 'sh: echo first; head -c 20000000 /dev/zero; echo last >&2' expects "
                 "first"),
            "met: echo first; head -c 20000000 /dev/zero; echo last >&2 prints first");
  EXPECT_EQ(tell("command 'timeout=1 /usr/bin/yes' expects y"),
            "unknown: /usr/bin/yes was ended after 1 s");
  EXPECT_EQ(tell("command 'timeout=1 /usr/bin/cat /dev/zero' expects x"),
            "unknown: /usr/bin/cat was ended after 1 s");
}

TEST_F(CommandTest, TellsOddOutputHarmlessly) {
  EXPECT_EQ(tell("command '/usr/bin/printf \\033[2J\\377' expects x"),
            "unmet: /usr/bin/printf prints \\x1b[2J\\xff, not x");
}

}  // namespace
}  // namespace aptkeep::test
