// not-running. service-active is in service_test.py, where a systemd is.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "fixture.h"

namespace aptkeep::test {
namespace {

namespace fs = std::filesystem;

class NotRunning : public GuardTest {
 protected:
  void SetUp() override {
    GuardTest::SetUp();
    fs::copy_file("/usr/bin/sleep", path("daemon"));
  }
  void TearDown() override {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
    GuardTest::TearDown();
  }

  // Runs it, and returns when it is that program.
  void start(const std::string& name = "daemon") {
    int ends[2];
    ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
    pid_ = fork();
    if (pid_ == 0) {
      execl(path(name).c_str(), "x", "1000", nullptr);
      _exit(127);
    }
    close(ends[1]);
    char byte = 0;
    ASSERT_EQ(read(ends[0], &byte, 1), 0) << "exec closes it";
    close(ends[0]);
  }
  // Where the machine has processes that not even root may look into, that is said behind it.
  std::string state(const std::string& guard) const {
    const std::string answer = tell(guard);
    return answer.substr(0, answer.find(" ("));
  }
  std::string runs() const { return "unmet: @/daemon runs as process " + std::to_string(pid_); }

  pid_t pid_ = -1;
};

TEST_F(NotRunning, FindsTheExecutableWhateverTheProcessIsCalled) {
  EXPECT_EQ(state("not-running @/daemon"), "met: @/daemon does not run");
  start();
  EXPECT_EQ(tell("not-running @/daemon"), runs());
}

TEST_F(NotRunning, FindsOneThatWasReplacedOrRemoved) {
  start();
  fs::copy_file("/usr/bin/sleep", path("daemon.dpkg-new"));
  fs::rename(path("daemon.dpkg-new"), path("daemon"));
  EXPECT_EQ(tell("not-running @/daemon"), runs()) << "as dpkg replaces it";
  fs::remove(path("daemon"));
  EXPECT_EQ(tell("not-running @/daemon"), runs());
}

TEST_F(NotRunning, FindsItByAnotherNameOfTheFile) {
  start();
  fs::create_hard_link(path("daemon"), path("twin"));
  fs::create_symlink("daemon", path("link"));
  fs::create_directory_symlink(folder_, path("folder"));
  EXPECT_TRUE(tell("not-running @/twin").starts_with("unmet: "));
  EXPECT_TRUE(tell("not-running @/link").starts_with("unmet: "));
  EXPECT_TRUE(tell("not-running @/folder/daemon").starts_with("unmet: "));
  fs::remove(path("daemon"));
  fs::remove(path("twin"));
  EXPECT_TRUE(tell("not-running @/folder/daemon").starts_with("unmet: "))
      << "gone, and named through a symlink";
}

TEST_F(NotRunning, AnotherFileOfTheSameNameIsAnotherProgram) {
  make_folder("other");
  fs::copy_file("/usr/bin/sleep", path("other/daemon"));
  start("other/daemon");
  EXPECT_EQ(state("not-running @/daemon"), "met: @/daemon does not run");
}

TEST_F(NotRunning, ALongerNameIsAnotherProgram) {
  fs::copy_file("/usr/bin/sleep", path("daemon (deletex)"));
  start("daemon (deletex)");
  EXPECT_EQ(state("not-running @/daemon"), "met: @/daemon does not run");
}

// A container's file of the same name is not ours. One that runs our own file counts.
TEST_F(NotRunning, AContainersProgramOfThatNameThatWasReplacedIsAnother) {
  const std::string program = path("daemon");
  pid_ = fork();
  if (pid_ == 0) {
    execl("/usr/bin/unshare", "unshare", "--pid", "--fork", "--kill-child", program.c_str(), "1000",
          nullptr);
    _exit(127);
  }
  while (state("not-running @/daemon").starts_with("met: ")) {
    ASSERT_EQ(waitpid(pid_, nullptr, WNOHANG), 0) << "unshare ended";
    usleep(10'000);
  }
  fs::rename(path("daemon"), path("old"));
  fs::copy_file("/usr/bin/sleep", path("daemon"));
  fs::remove(path("old"));
  EXPECT_EQ(state("not-running @/daemon"), "met: @/daemon does not run");
}

TEST_F(NotRunning, OddNamesAreNames) {
  fs::rename(path("daemon"), path("dae mon\xff (deleted)"));
  start("dae mon\xff (deleted)");
  EXPECT_EQ(tell("not-running '@/dae mon\xff (deleted)'"),
            "unmet: @/dae mon\\xff (deleted) runs as process " + std::to_string(pid_));
  EXPECT_EQ(state("not-running '@/dae mon\xff'"), "met: @/dae mon\\xff does not run")
      << "that one is not deleted, it is called so";
}

TEST_F(NotRunning, MissingAndLoopingPathsDoNotRun) {
  fs::create_symlink("loop", path("loop"));
  EXPECT_EQ(state("not-running @/missing"), "met: @/missing does not run");
  EXPECT_EQ(state("not-running @/loop"), "met: @/loop does not run");
}

TEST_F(NotRunning, WhoMayNotLookIntoAProcessGoesByItsName) {
  // Names that no process of a test beside this one has.
  const std::string name = folder_.substr(folder_.size() - 6);
  fs::rename(path("daemon"), path(name + "-x"));
  fs::create_hard_link(path(name + "-x"), path(name + "-y"));
  start(name + "-y");
  const auto answer = [this, &name](const char* which) {
    return bare(as_nobody([&] { return told(probe("not-running " + path(name + which))); }));
  };
  EXPECT_TRUE(answer("-x").starts_with("met: @/" + name + "-x does not run (")) << answer("-x");
  EXPECT_EQ(answer("-y"), "unknown: process " + std::to_string(pid_) +
                              " has its name, and may not be looked into");
}

TEST_F(NotRunning, WithoutProcItIsUnknown) {
  const auto answer = with_file("/etc/hostname", "", []() -> std::string {
    if (mount("none", "/proc", "tmpfs", 0, nullptr) != 0) return "these tests need root";
    return told(probe("not-running /usr/bin/sleep"));
  });
  EXPECT_EQ(answer, "unknown: /proc tells of no processes");
}

}  // namespace
}  // namespace aptkeep::test
