// run_process with real programs. What needs a terminal or other people's pipes is in the scripts
// beside this file.
#include "adapters/process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace aptkeep {
namespace {

class ProcessTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/aptkeep-process-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  // A shell script that run_process starts as if it were dpkg.
  RunOptions script(const std::string& text) {
    RunOptions options;
    options.program = folder_ + "/script";
    std::ofstream(options.program) << "#!/bin/sh\n" << text << '\n';
    chmod(options.program.c_str(), 0755);
    options.status_fd = false;
    return options;
  }
  std::string content(const std::string& name) {
    std::stringstream text;
    text << std::ifstream(folder_ + "/" + name).rdbuf();
    return text.str();
  }

  std::string folder_;
};

DpkgResult must_run(const std::vector<std::string>& args, const RunOptions& options) {
  auto result = run_process(args, options);
  EXPECT_TRUE(result) << result.error().message;
  return result ? *result : DpkgResult{};
}

TEST_F(ProcessTest, TellsExitCodesFromSignals) {
  for (const int code : {0, 1, 2, 9, 15, 127, 255}) {
    const auto result = must_run({std::to_string(code)}, script("exit $1"));
    EXPECT_EQ(result.exit_code, code);
    EXPECT_EQ(result.signal, 0);
  }
  for (const int number : {SIGKILL, SIGTERM, SIGSEGV, SIGPIPE, SIGINT}) {
    const auto result = must_run({std::to_string(number)}, script("kill -$1 $$"));
    EXPECT_EQ(result.exit_code, -1);
    EXPECT_EQ(result.signal, number);
  }
}

TEST_F(ProcessTest, HandsArgumentsOnAsTheyAre) {
  const std::vector<std::string> args{"a b",          "",   "c\nd", "\"e\" 'f' \\",
                                      "$HOME `id` *", "--", "-x"};
  must_run(args, script("for a; do printf '%s\\0' \"$a\"; done >" + folder_ + "/seen"));
  std::string expected;
  for (const auto& arg : args) expected.append(arg.c_str(), arg.size() + 1);
  EXPECT_EQ(content("seen"), expected);
}

TEST_F(ProcessTest, ReadsTheStatusOfTheRealDpkg) {
  RunOptions options;
  options.program = "/usr/bin/dpkg";
  const auto result = must_run({"--configure", "no-such-package-here"}, options);
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_NE(result.status_log.find("status: no-such-package-here : error : "), std::string::npos)
      << result.status_log;
  EXPECT_NE(result.tail.find("no-such-package-here"), std::string::npos) << result.tail;
}

// More than a pipe holds, and nobody reads meanwhile.
TEST_F(ProcessTest, StatusNeverBlocks) {
  RunOptions options = script(
      "test \"$1\" = --status-fd || exit 9; i=0; "
      "while [ $i -lt 5000 ]; do echo \"processing: unpack: package-$i and more text\"; "
      "i=$((i+1)); done >&$2; echo \"$3\"");
  options.status_fd = true;
  const auto result = must_run({"--unpack"}, options);
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_GT(result.status_log.size(), 200000u);
  EXPECT_NE(result.status_log.find("package-4999 and"), std::string::npos);
  EXPECT_EQ(result.tail, "--unpack\n");
}

TEST_F(ProcessTest, LeavesTheStatusOutWhenAsked) {
  const auto result = must_run({"x"}, script("echo \"$#\" \"$1\""));
  EXPECT_EQ(result.status_log, "");
  EXPECT_EQ(result.tail, "1 x\n");
}

TEST_F(ProcessTest, SaysWhyItCannotRun) {
  RunOptions options = script("exit 0");
  chmod(options.program.c_str(), 0644);
  auto result = run_process({}, options);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message, "unable to run " + options.program + ": Permission denied");
  options.program = folder_ + "/nothing";
  result = run_process({}, options);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message,
            "unable to run " + options.program + ": No such file or directory");
  EXPECT_EQ(waitpid(-1, nullptr, 0), -1) << "a child was left";
  EXPECT_EQ(errno, ECHILD);
}

TEST_F(ProcessTest, KeepsTheLastLinesOnly) {
  RunOptions options = script("seq 1 100000");
  options.tail_lines = 3;
  EXPECT_EQ(must_run({}, options).tail, "99998\n99999\n100000\n");
  options.tail_lines = 50000;  // more than the ring keeps
  const std::string tail = must_run({}, options).tail;
  EXPECT_LT(tail.size(), 65536u);
  EXPECT_GT(tail.size(), 65000u);
  EXPECT_EQ(tail.substr(tail.size() - 13), "99999\n100000\n");
}

TEST_F(ProcessTest, LeavesNoDescriptorBehind) {
  const auto count = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"),
                         std::filesystem::directory_iterator());
  };
  const auto before = count();
  for (int i = 0; i < 5; ++i) must_run({}, script("echo x"));
  (void)run_process({}, RunOptions{folder_ + "/nothing", 50, true});
  EXPECT_EQ(count(), before);
}

TEST_F(ProcessTest, GivesItsOwnDescriptorsToNobody) {
  must_run({}, script("ls -l /proc/self/fd >" + folder_ + "/fds"));
  const std::string seen = content("fds");
  for (const char* ours : {"ptmx", "socket:", "memfd:"})
    EXPECT_EQ(seen.find(ours), std::string::npos) << seen;
}

TEST_F(ProcessTest, HandsInheritedDescriptorsOn) {
  const int plain = open((folder_ + "/inherited").c_str(), O_CREAT | O_WRONLY, 0600);
  ASSERT_EQ(dup2(plain, 8), 8);
  must_run({}, script("echo through >&8"));
  close(8);
  close(plain);
  EXPECT_EQ(content("inherited"), "through\n");
}

// Ours are ignored while dpkg runs; dpkg gets them as they were when we began.
TEST_F(ProcessTest, SignalsAreAsTheyWere) {
  const auto mask = [&](const char* name) {
    const std::string text =
        must_run({}, script("grep " + std::string(name) + " /proc/self/status")).tail;
    return std::stoull(text.substr(text.find(':') + 1), nullptr, 16);
  };
  std::ifstream own("/proc/self/status");
  unsigned long long ignored = 0;
  for (std::string line; std::getline(own, line);)
    if (line.starts_with("SigIgn")) ignored = std::stoull(line.substr(8), nullptr, 16);
  signal(SIGPIPE, SIG_IGN);
  signal(SIGUSR1, SIG_IGN);
  EXPECT_EQ(mask("SigIgn"), ignored);
  EXPECT_EQ(mask("SigBlk"), 0u);
  signal(SIGPIPE, SIG_DFL);
  signal(SIGUSR1, SIG_DFL);
}

TEST_F(ProcessTest, PutsItsOwnSignalsBack) {
  struct sigaction before {};
  struct sigaction after {};
  for (const int number : {SIGINT, SIGQUIT, SIGHUP, SIGTERM, SIGCHLD}) {
    sigaction(number, nullptr, &before);
    must_run({}, script("exit 0"));
    sigaction(number, nullptr, &after);
    EXPECT_EQ(before.sa_handler, after.sa_handler) << number;
  }
}

TEST_F(ProcessTest, WorksWhereTheEndOfChildrenIsIgnored) {
  signal(SIGCHLD, SIG_IGN);
  EXPECT_EQ(must_run({}, script("exit 3")).exit_code, 3);
  signal(SIGCHLD, SIG_DFL);
}

TEST_F(ProcessTest, TakesOurFolderOutOfPath) {
  const std::string before = std::getenv("PATH");
  setenv("PATH", ("/usr/lib/aptkeep/bin:" + before).c_str(), 1);
  EXPECT_EQ(must_run({}, script("echo \"$PATH\"")).tail, before + "\n");
  setenv("PATH", before.c_str(), 1);
}

TEST(RealPath, TakesOnlyOurFoldersOut) {
  EXPECT_EQ(real_path("/usr/lib/aptkeep/bin:/usr/bin"), "/usr/bin");
  EXPECT_EQ(real_path("/usr/bin:/usr/lib/aptkeep/bin"), "/usr/bin");
  EXPECT_EQ(real_path("/usr/lib/aptkeep/shims:/usr/bin:/usr/lib/aptkeep/bin"), "/usr/bin");
  EXPECT_EQ(real_path("/a:/usr/lib/aptkeep/bin/:/usr/lib/aptkeep/bin//:/b"), "/a:/b");
  EXPECT_EQ(real_path("/usr/lib/aptkeep/bins:/usr/lib/aptkeep"),
            "/usr/lib/aptkeep/bins:/usr/lib/aptkeep");
  EXPECT_EQ(real_path(":/a::"), ":/a::");
  EXPECT_EQ(real_path(""), "");
  EXPECT_EQ(real_path("/usr/lib/aptkeep/bin"), "/usr/sbin:/usr/bin:/sbin:/bin");
}

}  // namespace
}  // namespace aptkeep
