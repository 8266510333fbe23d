// queue-empty, file-contains, file-lacks, same-file-value, fresh-backup.
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <map>

#include "fixture.h"

namespace aptkeep::test {
namespace {

namespace fs = std::filesystem;

class FilesTest : public GuardTest {};
using QueueEmpty = FilesTest;
using FileContains = FilesTest;
using SameFileValue = FilesTest;
using FreshBackup = FilesTest;

// What no probe of a file may wait at or fall over: the same answer for all of them.
TEST_F(FilesTest, WhatIsNoFileIsUnknown) {
  ASSERT_EQ(mkfifo(path("fifo").c_str(), 0644), 0);
  fs::create_symlink("loop", path("loop"));
  fs::create_symlink("nowhere", path("gone"));
  for (const std::string guard :
       {"file-contains", "file-lacks", "same-file-value", "fresh-backup"}) {
    const auto why = [&](const char* name) {
      const std::string answer = tell(guard + " " + name + " 1d");
      EXPECT_TRUE(answer.starts_with("unknown: ")) << answer;
      return answer.substr(answer.find_last_of(":@/") + 1);
    };
    EXPECT_EQ(why("@/fifo"), "fifo is no regular file") << guard;
    EXPECT_EQ(why("/dev/zero"), "zero is no regular file") << guard;
    EXPECT_EQ(why("@/."), ". is no regular file") << guard;
    EXPECT_EQ(why("@/missing"), " No such file or directory") << guard;
    EXPECT_EQ(why("@/gone"), " No such file or directory") << guard;
    EXPECT_EQ(why("@/loop"), " Too many levels of symbolic links") << guard;
    EXPECT_EQ(why("/etc/passwd/x"), " Not a directory") << guard;
  }
}

TEST_F(FilesTest, WhatMayNotBeReadIsUnknown) {
  write("secret", "x = 1\n", 0600);
  make_folder("closed/queue");
  fs::permissions(path("closed"), fs::perms::none);
  const auto answer = [this](const std::string& text) {
    return bare(as_nobody([&] { return told(probe(text)); }));
  };
  for (const char* guard : {"file-contains ", "file-lacks ", "same-file-value "}) {
    EXPECT_EQ(answer(guard + path("secret") + " x"),
              "unknown: unable to read @/secret: Permission denied");
  }
  EXPECT_EQ(answer("queue-empty " + path("closed")),
            "unknown: unable to read @/closed: Permission denied");
  EXPECT_EQ(answer("queue-empty " + folder_), "unknown: unable to read all of @: Permission denied")
      << "a folder below";
  EXPECT_EQ(answer("fresh-backup " + path("closed/x") + " 1d"),
            "unknown: unable to look at @/closed/x: Permission denied");
  fs::permissions(path("closed"), fs::perms::owner_all);
}

TEST_F(QueueEmpty, IsMetWhereOnlyFoldersAre) {
  make_folder("q/0/1/2");
  EXPECT_EQ(tell("queue-empty @/q"), "met: no file in @/q");
  make_folder("r");
  EXPECT_EQ(tell("queue-empty @/q @/r"), "met: no file in @/q, no file in @/r");
}

TEST_F(QueueEmpty, CountsFilesHoweverDeepAndOddlyNamed) {
  make_folder("q/0/1");
  write("q/0/1/a\nb\x1b[2J", "");
  EXPECT_EQ(tell("queue-empty @/q"), "unmet: 1 file in @/q");
  write("q/\xff\xfe", "");
  write("q/.hidden", "");
  EXPECT_EQ(tell("queue-empty @/q"), "unmet: 3 files in @/q");
  make_folder("r");
  EXPECT_EQ(tell("queue-empty @/r @/q"), "unmet: 3 files in @/q");
}

TEST_F(QueueEmpty, TellsHarmlesslyOfAnOddFolder) {
  make_folder("q\xff");
  write("q\xff/x", "");
  EXPECT_EQ(tell("queue-empty '@/q\xff'"), "unmet: 1 file in @/q\\xff");
}

TEST_F(QueueEmpty, FollowsTheFolderItselfButNoLinkBelow) {
  make_folder("real");
  make_folder("other");
  write("other/file", "");
  fs::create_directory_symlink("real", path("q"));
  fs::create_directory_symlink("../other", path("real/folder"));
  fs::create_symlink("../other/file", path("real/file"));
  fs::create_directory_symlink("..", path("real/up"));
  fs::create_symlink("loop", path("real/loop"));
  EXPECT_EQ(tell("queue-empty @/q"), "met: no file in @/q");
  write("real/x", "");
  EXPECT_EQ(tell("queue-empty @/q"), "unmet: 1 file in @/q");
}

TEST_F(QueueEmpty, FifosAndSocketsAreNoMail) {
  make_folder("public");
  ASSERT_EQ(mkfifo(path("public/pickup").c_str(), 0600), 0);
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{AF_UNIX, {}};
  snprintf(address.sun_path, sizeof address.sun_path, "%s", path("public/qmgr").c_str());
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  close(fd);
  EXPECT_EQ(tell("queue-empty @/public"), "met: no file in @/public");
}

TEST_F(QueueEmpty, WhatIsNoFolderIsUnknown) {
  write("file", "");
  ASSERT_EQ(mkfifo(path("fifo").c_str(), 0600), 0);
  fs::create_symlink("loop", path("loop"));
  EXPECT_EQ(tell("queue-empty @/file"), "unknown: unable to read @/file: Not a directory");
  EXPECT_EQ(tell("queue-empty @/fifo"), "unknown: unable to read @/fifo: Not a directory");
  EXPECT_EQ(tell("queue-empty @/missing"),
            "unknown: unable to read @/missing: No such file or directory");
  EXPECT_EQ(tell("queue-empty @/loop"),
            "unknown: unable to read @/loop: Too many levels of symbolic links");
}

// As queues are: what comes and goes while they are looked at is no reason to know nothing. It is
// another process that changes them, as with queues: the guard's own process is forked off this
// one, and AddressSanitizer's allocator may stay locked in it where a thread was allocating.
TEST_F(QueueEmpty, FoldersMayComeAndGo) {
  make_folder("q/stays");
  const pid_t test = getpid();
  const pid_t other = fork();
  ASSERT_NE(other, -1);
  if (other == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (getppid() == test) {
      for (const char* name : {"q/0", "q/1", "q/2", "q/3"}) {
        mkdir(path(name).c_str(), 0700);
        rmdir(path(name).c_str());
      }
    }
    _exit(0);
  }
  std::map<std::string, int> answers;
  for (int i = 0; i < 300; ++i) ++answers[tell("queue-empty @/q")];
  kill(other, SIGKILL);
  waitpid(other, nullptr, 0);
  EXPECT_EQ(answers, (std::map<std::string, int>{{"met: no file in @/q", 300}}));
}

TEST_F(QueueEmpty, StopsCountingInAVeryFullOne) {
  make_folder("q/a");
  for (int i = 0; i < 100'000; ++i) {
    const std::string name = path("q/a/") + std::to_string(i);
    ASSERT_EQ(mknod(name.c_str(), S_IFREG | 0600, 0), 0);
  }
  EXPECT_EQ(tell("queue-empty @/q"), "unmet: at least 10000 files in @/q");
  fs::remove_all(path("q/a"));
  make_folder("q/a");
  EXPECT_EQ(tell("queue-empty @/q"), "met: no file in @/q");
}

TEST_F(FileContains, FindsTheTextInAnyLine) {
  write("conf", "first\n# dovecot_config_version = 2.4\nlast");
  EXPECT_EQ(tell("file-contains @/conf dovecot_config_version"), "met: @/conf has it");
  EXPECT_EQ(tell("file-contains @/conf 'version = 2'"), "met: @/conf has it");
  EXPECT_EQ(tell("file-contains @/conf last"), "met: @/conf has it");
  EXPECT_EQ(tell("file-contains @/conf Last"), "unmet: @/conf does not have it");
  EXPECT_EQ(tell("file-contains @/conf 'first.*'"), "unmet: @/conf does not have it");
}

TEST_F(FileContains, FileLacksIsTheOtherWayRound) {
  write("conf", "old = yes\n");
  EXPECT_EQ(tell("file-lacks @/conf old"), "unmet: @/conf has it");
  EXPECT_EQ(tell("file-lacks @/conf new"), "met: @/conf does not have it");
  EXPECT_TRUE(tell("file-lacks @/missing new").starts_with("unknown: "));
}

TEST_F(FileContains, ReadsThroughSymlinksAnyBytesAndLargeFiles) {
  std::string text(3'000'000, '\0');
  text += "needle";
  text.insert(262'144 - 3, "split");  // over the edge of what is read at once
  write("big", text);
  fs::create_symlink("big", path("link"));
  EXPECT_EQ(tell("file-contains @/link needle"), "met: @/link has it");
  EXPECT_EQ(tell("file-contains @/link split"), "met: @/link has it");
  EXPECT_EQ(tell("file-contains @/link '\xff'"), "unmet: @/link does not have it");
  write("empty", "");
  EXPECT_EQ(tell("file-contains @/empty x"), "unmet: @/empty does not have it");
  EXPECT_EQ(tell("file-contains /proc/self/status PPid"), "met: /proc/self/status has it");
}

TEST_F(FileContains, GivesUpOnAHugeFile) {
  write("huge", "");
  fs::resize_file(path("huge"), std::uintmax_t{1} << 40);
  EXPECT_EQ(tell("file-contains @/huge x"), "unknown: @/huge is larger than 64 MiB");
  EXPECT_EQ(tell("same-file-value @/huge x"), "unknown: @/huge is larger than 1 MiB");
}

TEST_F(SameFileValue, RemembersAndCompares) {
  const std::string guard = "same-file-value " + path("main.cf") + " level";
  const std::string key = guard;
  write("main.cf", "# level = 9\nlevel = 2\n");
  const auto first = probe(guard);
  EXPECT_EQ(bare(told(first)), "met: level in @/main.cf: nothing remembered yet to compare with");
  EXPECT_EQ(first.now, (Remembered{{key, "=2"}}));
  EXPECT_EQ(bare(told(probe(guard, first.now))), "met: level in @/main.cf is 2 as it was");

  write("main.cf", "level=3\n");
  const auto changed = probe(guard, first.now);
  EXPECT_EQ(bare(told(changed)), "unmet: level in @/main.cf is 3, it was 2");
  EXPECT_EQ(changed.now, (Remembered{{key, "=3"}})) << "remembered if it is installed all the same";

  write("main.cf", "other = 1\n");
  const auto removed = probe(guard, first.now);
  EXPECT_EQ(bare(told(removed)), "unmet: level in @/main.cf is not set, it was 2");
  EXPECT_EQ(bare(told(probe(guard, removed.now))), "met: level in @/main.cf is not set as it was");
  write("main.cf", "level =\n");
  EXPECT_TRUE(told(probe(guard, removed.now)).starts_with("unmet: ")) << "set, to nothing";
}

TEST_F(SameFileValue, EveryOneOfSeveralCounts) {
  const std::string guard = "same-file-value " + path("x") + " Port";
  write("x", "Port 22\nPort 2222\n");
  const auto first = probe(guard);
  write("x", "Port 22\n");
  EXPECT_TRUE(told(probe(guard, first.now)).starts_with("unmet: "));
}

// state.db is readable for everybody.
TEST_F(SameFileValue, TellsNoSecretAndRemembersNone) {
  const std::string guard = "same-file-value " + path("debian.cnf") + " password";
  write("debian.cnf", "password = hunter2\n", 0600);
  const auto first = probe(guard);
  ASSERT_EQ(first.now.size(), 1u);
  const std::string remembered = first.now.begin()->second;
  EXPECT_TRUE(remembered.starts_with("sha256 ")) << remembered;
  EXPECT_EQ(remembered.find("hunter2"), std::string::npos);
  EXPECT_NE(probe(guard).now, first.now) << "salted";
  EXPECT_EQ(bare(told(probe(guard, first.now))), "met: password in @/debian.cnf is as it was");
  write("debian.cnf", "password = hunter3\n", 0600);
  EXPECT_EQ(bare(told(probe(guard, first.now))),
            "unmet: password in @/debian.cnf is not as it was");

  make_folder("private");
  fs::permissions(path("private"), fs::perms::owner_all);
  write("private/x", "password = hunter2\n");
  const auto below = probe("same-file-value " + path("private/x") + " password");
  EXPECT_TRUE(below.now.begin()->second.starts_with("sha256 ")) << "in a closed folder";
}

TEST_F(SameFileValue, ComparesAlsoWhenTheModeChanged) {
  const std::string guard = "same-file-value " + path("x") + " a";
  write("x", "a = 1\n", 0644);
  const auto open = probe(guard);
  write("x", "a = 1\n", 0600);
  const auto closed = probe(guard, open.now);
  EXPECT_EQ(bare(told(closed)), "met: a in @/x is as it was");
  EXPECT_TRUE(closed.now.begin()->second.starts_with("sha256 "));
  write("x", "a = 2\n", 0600);
  EXPECT_EQ(bare(told(probe(guard, open.now))), "unmet: a in @/x is not as it was");
  write("x", "a = 1\n", 0644);
  EXPECT_EQ(bare(told(probe(guard, closed.now))), "met: a in @/x is as it was");
  EXPECT_EQ(probe(guard, closed.now).now, open.now);
}

TEST_F(SameFileValue, RefusesWhatIsNoText) {
  write("x", std::string("a = \0b\n", 7));
  EXPECT_EQ(tell("same-file-value @/x a"), "unknown: @/x is no text");
  write("x", "a = " + std::string(9000, 'x') + "\n");
  EXPECT_EQ(tell("same-file-value @/x a"), "unknown: the value of a in @/x is too long");
}

TEST_F(SameFileValue, TellsAnOddValueHarmlessly) {
  write("x", "a = \x1b[2J\xff\n");
  const auto first = probe("same-file-value " + path("x") + " a");
  EXPECT_EQ(tell("same-file-value @/x a", first.now), "met: a in @/x is \\x1b[2J\\xff as it was");
}

TEST_F(FreshBackup, LooksAtAgeAndSize) {
  const auto aged = [this](std::time_t seconds) {
    const std::time_t at = std::time(nullptr) - seconds;
    const timespec times[2] = {{at, 0}, {at, 0}};
    EXPECT_EQ(utimensat(AT_FDCWD, path("all.sql").c_str(), times, 0), 0);
    return tell("fresh-backup @/all.sql 12h");
  };
  write("all.sql", "");
  EXPECT_EQ(aged(0), "unmet: @/all.sql is empty");
  write("all.sql", "x");
  EXPECT_EQ(aged(0), "met: @/all.sql is 0 minutes old");
  EXPECT_EQ(aged(3600 + 5), "met: @/all.sql is 60 minutes old");
  EXPECT_EQ(aged(13 * 3600 + 5), "unmet: @/all.sql is 780 minutes old, more than 12h");
  EXPECT_EQ(aged(-86400), "unknown: @/all.sql is dated in the future");
  fs::create_symlink("all.sql", path("latest"));
  EXPECT_EQ(tell("fresh-backup @/latest 12h"), "unknown: @/latest is dated in the future");
}

}  // namespace
}  // namespace aptkeep::test
