// The table on disk: who may have written it, and whose run it is. As the hook writes it, and as a
// program without the C++ library reads it.
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "adapters/apt_rules.h"
#include "adapters/proc.h"
#include "adapters/table_file.h"
#include "bed.h"
#include "core/config.h"
#include "core/step_rules.h"
#include "hook.h"
#include "services.h"
#include "table/reader.h"

namespace aptkeep {

namespace hook {
// The hook says it to the terminal, once in a run.
std::vector<std::string>& said() {
  static std::vector<std::string> lines;
  return lines;
}
void complain_once(const Frontend&, const std::string& message) {
  said().push_back(message);
}
}  // namespace hook

namespace {

namespace fs = std::filesystem;
using table::Finding;

class TableFile : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(::geteuid(), 0u) << "needs root: owners are what it is about";
    std::string pattern = fs::temp_directory_path().string() + "/aptkeep-table-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    base_ = pattern;
    ASSERT_EQ(::chmod(base_.c_str(), 0755), 0);
    hook::said().clear();
  }
  void TearDown() override { fs::remove_all(base_); }

  std::string folder() const { return base_ + "/run"; }
  std::string file() const { return folder() + "/table"; }
  static Frontend this_process() { return *process_info(::getpid()); }

  // As the hook does it, with mail_table()'s packages.
  void tell(const Frontend& frontend) const {
    hook::tell_services(folder(), frontend, "amd64", test::mail_table().packages);
  }
  Finding found() const {
    table::Reader reader;
    return reader.open(folder().c_str());
  }
  // What the small program answers; its exit status if that is not 0.
  std::string ask(const std::string& words) const {
    const std::string command = std::string(APTKEEP_ASK) + " " + folder() + " " + words;
    FILE* pipe = ::popen(command.c_str(), "r");
    if (pipe == nullptr) return "not started";
    char text[256] = {};
    const std::size_t size = std::fread(text, 1, sizeof text - 1, pipe);
    const int status = ::pclose(pipe);
    return status == 0 ? std::string(text, size) : "exit " + std::to_string(WEXITSTATUS(status));
  }

  std::string base_;
};

TEST_F(TableFile, AProgramWithoutTheLibraryReadsWhatTheHookWrote) {
  tell(this_process());
  EXPECT_TRUE(hook::said().empty());
  EXPECT_EQ(ask("postfix amd64 postfix.service"), "postfix.service class=1 sockets=1");
  EXPECT_EQ(ask("postfix all 'postfix@b.service'"), "postfix@*.service class=1 sockets=0");
  EXPECT_EQ(ask("dbus amd64 dbus.socket"), " class=4 sockets=3");
  EXPECT_EQ(ask("dbus i386 dbus.socket"), "exit 1");
  fs::remove(file());
  EXPECT_EQ(ask("postfix amd64 postfix.service"), "exit 3");
}

TEST_F(TableFile, OurOwnRulesReachTheProgram) {
  const auto rules = read_rule_file(APTKEEP_SOURCE "/rules/20-mail.rules");
  ASSERT_TRUE(rules) << rules.error().message;
  std::vector<Step> steps(2);
  steps[0].package = "postfix:amd64";
  steps[0].old_version = "3.7.11-0+deb12u1";
  steps[0].new_version = "3.10.13-0+deb13u1";
  steps[1].package = "unknown:amd64";
  steps[1].old_version = steps[1].new_version = "1";
  const RuleIndex index(rules->rules);
  const auto decisions =
      decide_steps(index, {compare_versions, [](auto) { return std::string(); }}, steps);
  hook::tell_services(folder(), this_process(), "amd64", table_packages(steps, decisions, {}));
  EXPECT_EQ(ask("postfix amd64 postfix@-.service"), "postfix@*.service class=1 sockets=0");
  EXPECT_EQ(ask("unknown amd64 unknown.service"), "exit 1");
  hook::tell_services(folder(), this_process(), "amd64", table_packages(steps, decisions, {0}));
  EXPECT_FALSE(fs::exists(file())) << "nothing is left to say, so the old one has to go";
}

TEST_F(TableFile, IsRootsAndReadableByAll) {
  const mode_t mask = ::umask(077);
  tell(this_process());
  ::umask(mask);
  struct stat info {};
  ASSERT_EQ(::stat(folder().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode, S_IFDIR | 0755u);
  ASSERT_EQ(::stat(file().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode, S_IFREG | 0644u);
  EXPECT_EQ(info.st_uid, 0u);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder()), fs::directory_iterator()), 1);
}

TEST_F(TableFile, TakesThePlaceOfAnEarlierOne) {
  fs::create_directory(folder());
  std::ofstream(file()) << "of a run that was cut off";
  std::ofstream(folder() + "/.table") << "of a hook that was killed";
  ASSERT_EQ(found(), Finding::NoTable);
  tell(this_process());
  EXPECT_EQ(found(), Finding::Counts);
  EXPECT_FALSE(fs::exists(folder() + "/.table"));
}

TEST_F(TableFile, WritesThroughNoLink) {
  fs::create_directory(folder());
  std::ofstream(base_ + "/precious") << "kept";
  fs::create_symlink(base_ + "/precious", folder() + "/.table");
  fs::create_symlink(base_ + "/precious", file());
  ASSERT_EQ(found(), Finding::NoTable);
  tell(this_process());
  EXPECT_EQ(found(), Finding::Counts);
  EXPECT_EQ(fs::file_size(base_ + "/precious"), 4u);
}

TEST_F(TableFile, WhatOthersOwnOrMayWriteIsNoTable) {
  tell(this_process());
  ASSERT_EQ(found(), Finding::Counts);
  for (const std::string& path : {file(), folder()}) {
    struct stat before {};
    ASSERT_EQ(::stat(path.c_str(), &before), 0);
    for (const mode_t more : {mode_t{S_IWGRP}, mode_t{S_IWOTH}}) {
      ASSERT_EQ(::chmod(path.c_str(), (before.st_mode & 07777) | more), 0);
      EXPECT_EQ(found(), Finding::NoTable) << path;
      EXPECT_EQ(ask("dbus amd64 x"), "exit 3") << path;
    }
    ASSERT_EQ(::chmod(path.c_str(), before.st_mode & 07777), 0);
    ASSERT_EQ(::chown(path.c_str(), 1234, 0), 0);
    EXPECT_EQ(found(), Finding::NoTable) << path;
    ASSERT_EQ(::chown(path.c_str(), 0, 1234), 0);
    EXPECT_EQ(found(), Finding::Counts) << "a group that may only read";
  }
}

TEST_F(TableFile, WhatIsNoFileIsNoTable) {
  EXPECT_EQ(found(), Finding::NoTable) << "no folder";
  tell(this_process());
  fs::rename(file(), base_ + "/moved");
  EXPECT_EQ(found(), Finding::NoTable);
  fs::create_symlink(base_ + "/moved", file());
  EXPECT_EQ(found(), Finding::NoTable) << "a link";
  fs::remove(file());
  ASSERT_EQ(::mkfifo(file().c_str(), 0644), 0);
  EXPECT_EQ(found(), Finding::NoTable) << "a pipe, which nothing waits at";
  fs::remove(file());
  fs::create_directory(file());
  EXPECT_EQ(found(), Finding::NoTable);
  fs::remove(file());
  fs::rename(base_ + "/moved", file());
  ASSERT_EQ(found(), Finding::Counts);
  fs::rename(folder(), base_ + "/elsewhere");
  fs::create_directory_symlink(base_ + "/elsewhere", folder());
  EXPECT_EQ(found(), Finding::NoTable) << "a folder that is a link";
}

TEST_F(TableFile, ACutOrDamagedFileIsNoTable) {
  tell(this_process());
  const auto size = fs::file_size(file());
  std::fstream(file(), std::ios::in | std::ios::out).seekp(200).put('!');
  EXPECT_EQ(found(), Finding::NoTable);
  for (const std::uintmax_t left : {size - 8, std::uintmax_t{128}, std::uintmax_t{1}}) {
    tell(this_process());
    fs::resize_file(file(), left);
    EXPECT_EQ(found(), Finding::NoTable) << left;
  }
  tell(this_process());
  fs::resize_file(file(), table::kMostBytes + 8);
  EXPECT_EQ(found(), Finding::NoTable);
  fs::resize_file(file(), 0);
  EXPECT_EQ(found(), Finding::NoTable);
}

TEST_F(TableFile, CountsForNothingWhenItsFrontendIsGone) {
  const pid_t child = ::fork();
  if (child == 0) {
    for (;;) ::pause();
  }
  ASSERT_GT(child, 0);
  const auto frontend = process_info(child);
  ASSERT_TRUE(frontend);
  tell(*frontend);
  EXPECT_EQ(found(), Finding::Counts);
  ::kill(child, SIGKILL);
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT), 0);
  EXPECT_EQ(found(), Finding::FrontendGone) << "ended, and nobody has waited for it";
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_EQ(found(), Finding::FrontendGone);
  EXPECT_EQ(ask("dbus amd64 x"), "exit 2");
}

TEST_F(TableFile, AnotherProcessOfThatNumberIsNotItsFrontend) {
  Frontend frontend = this_process();
  ++frontend.start_time;
  tell(frontend);
  EXPECT_EQ(found(), Finding::FrontendGone);
  frontend = this_process();
  frontend.boot = "6f1c2a5e-0000-4000-8000-123456789abc";
  tell(frontend);
  EXPECT_EQ(found(), Finding::FrontendGone) << "of an earlier boot";
  frontend.boot = this_process().boot + "0000000000";
  tell(frontend);
  EXPECT_EQ(found(), Finding::FrontendGone) << "longer than there is room for";
}

TEST_F(TableFile, WhatCannotBeWrittenIsSaidInOneLine) {
  std::ofstream(folder()) << "no folder";
  tell(this_process());
  ASSERT_EQ(hook::said().size(), 1u);
  EXPECT_EQ(hook::said()[0], "unable to write " + file() + ": Not a directory");
  hook::forget_services(folder(), this_process());
  EXPECT_EQ(hook::said().size(), 1u) << "none is there";
  fs::remove(folder());

  fs::create_directories(file() + "/x");
  tell(this_process());
  ASSERT_EQ(hook::said().size(), 2u);
  EXPECT_EQ(hook::said()[1], "unable to write " + file() + ": Is a directory");
  EXPECT_FALSE(fs::exists(folder() + "/.table"));
  hook::forget_services(folder(), this_process());
  EXPECT_EQ(hook::said().size(), 2u) << "a folder is no table that would have to go";
  fs::remove_all(file());

  ASSERT_EQ(::chmod(folder().c_str(), 0777), 0);
  tell(this_process());
  ASSERT_EQ(hook::said().size(), 3u);
  EXPECT_EQ(hook::said()[2],
            "unable to write " + file() + ": its folder can be changed by others than root");
  EXPECT_EQ(found(), Finding::NoTable);
}

// What the hook says in a run whose /run is read-only; only this process's child sees that.
std::string said_where_read_only(const std::string& folder, const std::function<void()>& work) {
  int ends[2];
  if (::pipe(ends) != 0) return "no pipe";
  const pid_t child = ::fork();
  if (child == 0) {
    bool ready = ::unshare(CLONE_NEWNS) == 0 &&
                 ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
    ready =
        ready && ::mount(folder.c_str(), folder.c_str(), nullptr, MS_BIND, nullptr) == 0 &&
        ::mount(nullptr, folder.c_str(), nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr) == 0;
    if (ready) work();
    std::string text = ready ? "" : "not mounted\n";
    for (const auto& line : hook::said()) text += line + "\n";
    (void)!::write(ends[1], text.data(), text.size());
    ::_exit(0);
  }
  ::close(ends[1]);
  char text[1024] = {};
  const ssize_t size = ::read(ends[0], text, sizeof text - 1);
  ::close(ends[0]);
  ::waitpid(child, nullptr, 0);
  return std::string(text, size > 0 ? static_cast<std::size_t>(size) : 0);
}

TEST_F(TableFile, AReadOnlyPlaceIsSaidOnlyWhereSomethingWasToBeWritten) {
  fs::create_directory(folder());
  const auto frontend = this_process();
  EXPECT_EQ(said_where_read_only(folder(),
                                 [&] {
                                   hook::forget_services(folder(), frontend);
                                   hook::tell_services(folder(), frontend, "amd64", {});
                                 }),
            "");
  EXPECT_EQ(said_where_read_only(folder(),
                                 [&] {
                                   hook::forget_services(folder(), frontend);
                                   tell(frontend);
                                   hook::forget_services(folder(), frontend);
                                 }),
            "unable to write " + file() + ": Read-only file system\n");
  tell(frontend);
  EXPECT_EQ(said_where_read_only(folder(), [&] { hook::forget_services(folder(), frontend); }),
            "unable to remove " + file() + ": Read-only file system\n");
}

TEST_F(TableFile, TooMuchIsNotWritten) {
  const auto written = write_table(folder(), std::string(table::kMostBytes + 1, 'x'));
  ASSERT_FALSE(written);
  EXPECT_NE(written.error().message.find(": it is too large"), std::string::npos);
}

TEST_F(TableFile, IsForgottenWhenTheRunEnds) {
  tell(this_process());
  hook::forget_services(folder(), this_process());
  EXPECT_FALSE(fs::exists(file()));
  hook::forget_services(folder(), this_process());
  EXPECT_TRUE(hook::said().empty());
}

}  // namespace
}  // namespace aptkeep
