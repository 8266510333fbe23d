// Backups by real commands, as root and as another user.
#include "adapters/backup.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utime.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "adapters/backup_room.h"
#include "adapters/interrupt.h"
#include "core/guard.h"
#include "core/step_rules.h"

namespace aptkeep {
namespace {

namespace fs = std::filesystem;
using Lines = std::vector<std::string>;

class BackupTest : public ::testing::Test {
 protected:
  void SetUp() override {
    base_ = fs::temp_directory_path() / ("aptkeep-backup-" + std::to_string(::getpid()));
    fs::remove_all(base_);
  }
  void TearDown() override { fs::remove_all(base_); }
  Result<Lines> make(const Lines& commands, std::int64_t run = 7) {
    return make_backup({base_.string(), run, "vmm"}, commands);
  }
  std::string fault(const Lines& commands) {
    const auto made = make(commands);
    return made ? "none" : made.error().message;
  }
  static std::string content(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }
  static mode_t mode(const fs::path& path) {
    struct stat facts {};
    EXPECT_EQ(::lstat(path.c_str(), &facts), 0) << path;
    return facts.st_mode & 07777;
  }

  fs::path base_;
};

TEST_F(BackupTest, TakesWhatAnotherUserPrintsIntoAFolderOfRoots) {
  const auto made = make({"user=nobody /usr/bin/id -un"});
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(*made, (Lines{(base_ / "7/vmm/1-id").string()}));
  EXPECT_EQ(content(made->front()), "nobody\n");
  EXPECT_EQ(mode(base_), 0700u);
  EXPECT_EQ(mode(base_ / "7"), 0700u);
  EXPECT_EQ(mode(base_ / "7/vmm"), 0700u);
  EXPECT_EQ(mode(made->front()), 0600u);
}

TEST_F(BackupTest, RootsCommandsMayWriteTheirFilesThemselves) {
  const auto made = make({"sh: echo data >\"$APTKEEP_BACKUP\"/mine", "/bin/cat", "sh: echo x"});
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(*made, (Lines{(base_ / "7/vmm/3").string(), (base_ / "7/vmm/mine").string()}));
}

TEST_F(BackupTest, WhatWasPrintedIsTheNextOnesInput) {
  const auto made = make({"/bin/echo whole", "sh: grep -q whole", "user=nobody /bin/grep whole"});
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(*made, (Lines{(base_ / "7/vmm/1-echo").string(), (base_ / "7/vmm/3-grep").string()}));
  EXPECT_EQ(fault({"/bin/echo torn", "sh: grep -q whole"}), "sh: grep -q whole: exit status 1");
}

TEST_F(BackupTest, AFailureLeavesNothing) {
  EXPECT_EQ(fault({"sh: echo a; echo no room >&2; exit 3"}),
            "sh: echo a; echo no room >&2; exit 3: exit status 3: no room");
  EXPECT_EQ(fault({"/bin/true"}), "nothing was saved");
  EXPECT_EQ(fault({"sh: : >\"$APTKEEP_BACKUP\"/mine"}),
            (base_ / "7/.partial-vmm/mine").string() + ": it is empty");
  EXPECT_EQ(fault({"sh: printf -- '--\\n-- PostgreSQL database dump\\n--\\nCREATE'"}),
            (base_ / "7/.partial-vmm/1").string() + ": its end is missing");
  EXPECT_EQ(fault({"timeout=1 /bin/sleep 30"}),
            "timeout=1 /bin/sleep 30: it was ended because it took too long");
  EXPECT_EQ(fault({"user=nobody sh: echo x >\"$APTKEEP_BACKUP\"/mine"}).find("user=nobody"), 0u);
  EXPECT_FALSE(fs::exists(base_ / "7"));
}

TEST_F(BackupTest, WhatHoldsNothingIsNothing) {
  const std::string here = "cd \"$APTKEEP_BACKUP\" && ";
  for (const char* command : {"ln -s /nonexistent l", "mkdir -p a/b", "mkfifo pipe",
                              "ln -s /dev/null l", "mkdir a && ln -s a l", "ln -s l l"}) {
    EXPECT_EQ(fault({"sh: " + here + command}), "nothing was saved") << command;
  }
  EXPECT_FALSE(fs::exists(base_ / "7"));
  for (const char* command :
       {"mkdir -p a/b c && echo x >a/b/file && ln -s /nonexistent l", "ln -s /etc/passwd l"}) {
    EXPECT_EQ(fault({"sh: " + here + command}), "none") << command;
  }
}

// Its shell's parent is who makes it; in a process of its own, since that is not forgotten.
TEST_F(BackupTest, CtrlCEndsItAndNotItsMaker) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    note_interrupts();
    const auto began = std::chrono::steady_clock::now();
    const std::string why = fault({"sh: echo part; kill -INT $PPID; sleep 50"});
    const bool soon = std::chrono::steady_clock::now() - began < std::chrono::seconds(20);
    ::_exit(why.ends_with(": it was interrupted") && soon && interrupted() ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_EQ(status, 0);
  EXPECT_FALSE(fs::exists(base_ / "7"));
}

TEST_F(BackupTest, ASecondOneOfARunIsBesideTheFirst) {
  ASSERT_TRUE(make({"/bin/echo 1"}));
  const auto second = make({"/bin/echo 2"});
  ASSERT_TRUE(second);
  EXPECT_EQ(second->front(), (base_ / "7/vmm-2/1-echo").string());
}

// What a killed run leaves is neither taken for a backup nor counted as one.
TEST_F(BackupTest, HasItsNameOnlyWhenItIsWhole) {
  const std::string place = (base_ / "7").string();
  ASSERT_TRUE(make({"sh: ls -A " + place + " >\"$APTKEEP_BACKUP\"/seen"}));
  EXPECT_EQ(content(place + "/vmm/seen"), ".partial-vmm\n");
  EXPECT_FALSE(fs::exists(place + "/.partial-vmm"));
  fs::create_directories(base_ / "8/.partial-vmm");
  std::ofstream(base_ / "8/.partial-vmm/1") << std::string(40 << 20, 'x');
  EXPECT_EQ(room_for_backup(base_.string(), "vmm"), std::uint64_t{16} << 20);
  ASSERT_TRUE(make({"sh: echo data"}, 8));
  EXPECT_EQ(content((base_ / "8/vmm/1").string()), "data\n");
  EXPECT_FALSE(fs::exists(base_ / "8/.partial-vmm"));
}

TEST_F(BackupTest, WhatKilledRunsHaveLeftGoes) {
  ASSERT_TRUE(make({"sh: echo data"}));
  fs::create_directories(base_ / "7/.partial-vmm/deep");
  fs::create_directories(base_ / "8/.partial-vmm");
  fs::create_directory_symlink(base_ / "7", base_ / "9");
  ASSERT_TRUE(drop_partial_backups(base_.string()));
  EXPECT_FALSE(fs::exists(base_ / "7/.partial-vmm"));
  EXPECT_TRUE(fs::exists(base_ / "7/vmm/1"));
  EXPECT_FALSE(fs::exists(base_ / "8"));
  EXPECT_TRUE(fs::is_symlink(base_ / "9"));
  EXPECT_TRUE(drop_partial_backups((base_ / "none").string()));
}

TEST_F(BackupTest, RootsOwnLinkToALargerDiskIsFollowed) {
  const fs::path disk = base_.string() + "-disk";
  fs::remove_all(disk);
  fs::create_directory(disk);
  fs::create_directory_symlink(disk, base_);
  const auto made = make({"sh: echo data"});
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_TRUE(fs::exists(disk / "7/vmm/1"));
  ASSERT_EQ(::lchown(base_.c_str(), 65534, 65534), 0);
  EXPECT_NE(fault({"sh: echo data"}).find("it is a link that is not root's"), std::string::npos);
  EXPECT_FALSE(fs::exists(disk / "7/vmm-2"));
  fs::remove_all(disk);
}

TEST_F(BackupTest, RoomIsOnceAndAHalfTheNewest) {
  EXPECT_EQ(room_for_backup(base_.string(), "vmm"), 16u << 20);
  ASSERT_TRUE(make({"/usr/bin/head -c 33554432 /dev/zero"}, 7));
  ASSERT_TRUE(make({"/usr/bin/head -c 20971520 /dev/zero"}, 10));
  EXPECT_EQ(room_for_backup(base_.string(), "vmm"), 30u << 20);
  EXPECT_EQ(room_for_backup(base_.string(), "other"), 16u << 20);
}

// Each alone would fit where both don't.
TEST_F(BackupTest, RoomForSeveralIsThatOfAll) {
  ASSERT_TRUE(make({"/usr/bin/head -c 33554432 /dev/zero"}, 7));
  RoomForBackups room(base_.string());
  EXPECT_EQ(room.with("vmm"), 48u << 20);
  EXPECT_EQ(room.with("other"), (48u << 20) + (16u << 20));
  EXPECT_EQ(room.with("vmm"), (2 * 48u << 20) + (16u << 20));
}

// For each that is replaced, whether its archive is there yet or not.
TEST_F(BackupTest, RoomIsAGuardOfWhatIsReplaced) {
  std::vector<Step> steps(5);
  for (Step& step : steps) {
    step.package = "vmm:amd64";
    step.old_version = "1.0";
    step.new_version = "2.0";
  }
  steps[1].old_version.clear();
  steps[2].new_version.clear();
  steps[3].action = Action::Configure;
  steps[3].old_version = "2.0";
  std::vector<Rule> rules(1);
  rules[0].packages = {"vmm"};
  rules[0].backup.entries = {RuleCommand{}};
  const RuleFacts facts{[](auto, auto) { return 0; }, [](auto) { return std::string(); }};
  auto decisions = decide_steps(RuleIndex(rules), facts, steps);
  const std::string base = base_.string();
  EXPECT_TRUE(want_room_for_backups(base, "amd64", steps, decisions));
  const auto guard_of = [&](std::size_t step) {
    const auto& entries = decisions[step].guards.entries;
    return entries.empty() ? std::string() : to_string(entries.front().value);
  };
  EXPECT_EQ(guard_of(0), "free-space " + base + " 16777216");
  for (const std::size_t step : {1U, 2U, 3U}) EXPECT_EQ(guard_of(step), "") << step;
  EXPECT_EQ(guard_of(4), "free-space " + base + " 33554432") << "both have to fit";
  steps[0].guards = {guard_of(0), "free-space /var 1"};
  forget_room_for_backups(base, steps);
  EXPECT_EQ(steps[0].guards, (std::vector<std::string>{"free-space /var 1"}));
  std::vector<StepDecisions> none(5);
  EXPECT_FALSE(want_room_for_backups(base, "amd64", steps, none));
}

TEST_F(BackupTest, OldRunsGo) {
  ASSERT_TRUE(make({"/bin/echo old"}, 7));
  ASSERT_TRUE(make({"/bin/echo new"}, 8));
  const utimbuf long_ago{1000, 1000};
  ASSERT_EQ(::utime((base_ / "7").c_str(), &long_ago), 0);
  ASSERT_TRUE(prune_backups(base_.string(), 2000));
  EXPECT_FALSE(fs::exists(base_ / "7"));
  EXPECT_TRUE(fs::exists(base_ / "8"));
  EXPECT_TRUE(prune_backups((base_ / "none").string(), 2000));
}

}  // namespace
}  // namespace aptkeep
