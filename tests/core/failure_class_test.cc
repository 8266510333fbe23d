#include "core/failure_class.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <set>

#include "core/failure_words.h"
#include "failure_samples.h"

namespace aptkeep {
namespace {

FailureFacts script(int exit_code, std::string output = "") {
  FailureFacts facts;
  facts.phase = Phase::Configure;
  facts.script = "postinst";
  facts.exit_code = exit_code;
  facts.output = std::move(output);
  return facts;
}

FailureFacts script_by_signal(int signal) {
  FailureFacts facts = script(-1);
  facts.signal = signal;
  return facts;
}

FailureFacts dpkg(int exit_code, std::string message) {
  FailureFacts facts;
  facts.exit_code = exit_code;
  facts.message = std::move(message);
  return facts;
}

TEST(FailureClass, RecordedFailuresAreWhatTheyWereMadeToBe) {
  const auto samples = test::failure_samples();
  ASSERT_GT(samples.size(), 50u);
  std::set<std::string> seen;
  for (const auto& sample : samples) {
    const Classified found = recognise(sample.facts);
    EXPECT_STREQ(to_string(found.failure_class), sample.wanted.c_str())
        << sample.name << ": " << found.why;
    seen.insert(sample.wanted);
  }
  EXPECT_EQ(seen.size(), 9u) << "every class but hang, which prints nothing";
}

TEST(FailureClass, HangIsSeenByTheWatchNotByWords) {
  FailureFacts facts = script_by_signal(SIGTERM);
  facts.output = "No space left on device\n";
  facts.hung = true;
  EXPECT_EQ(classify(facts), FailureClass::Hang);
}

TEST(FailureClass, ExitCodesThatTell) {
  EXPECT_EQ(classify(script(75)), FailureClass::Transient);
  EXPECT_EQ(classify(script(5)), FailureClass::MissingUnit);
  EXPECT_EQ(classify(script(1)), FailureClass::Unknown);
  EXPECT_EQ(classify(script(255)), FailureClass::Unknown);
  EXPECT_EQ(classify(script(127)), FailureClass::Unknown);
  EXPECT_EQ(classify(script(128)), FailureClass::Unknown);
  EXPECT_EQ(classify(script(128 + SIGSEGV)), FailureClass::Crash);
  EXPECT_EQ(classify(script(128 + SIGINT)), FailureClass::Refusal);
  EXPECT_EQ(classify(script(128 + SIGTERM)), FailureClass::Transient);
  EXPECT_EQ(classify(script(128 + SIGUSR1)), FailureClass::Unknown);
  EXPECT_EQ(classify(script(5, "Error: stepping, database is locked (5)\n")),
            FailureClass::Transient)
      << "sqlite3 ends with SQLITE_BUSY, which is 5 too";
}

TEST(FailureClass, Signals) {
  for (const int number : {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGPIPE, SIGKILL}) {
    EXPECT_EQ(classify(script_by_signal(number)), FailureClass::Crash) << number;
  }
  EXPECT_EQ(classify(script_by_signal(-1)), FailureClass::Crash) << "its name is translated";
  EXPECT_EQ(classify(script_by_signal(SIGTERM)), FailureClass::Transient);
  EXPECT_EQ(classify(script_by_signal(SIGINT)), FailureClass::Refusal);
}

TEST(FailureClass, KilledForWantOfMemory) {
  FailureFacts facts = script_by_signal(SIGKILL);
  facts.oom_kill = true;
  EXPECT_EQ(classify(facts), FailureClass::OutOfMemory);
  facts = script(137);
  facts.oom_kill = true;
  EXPECT_EQ(classify(facts), FailureClass::OutOfMemory);
  facts = script_by_signal(SIGSEGV);
  facts.oom_kill = true;  // somebody else's
  EXPECT_EQ(classify(facts), FailureClass::Crash);
}

TEST(FailureClass, FullElsewhereStopsNothing) {
  FailureFacts facts = script(1,
                              "cpio: write error: No space left on device\n"
                              "E: mkinitramfs failure cpio 2\n");
  EXPECT_EQ(classify(facts), FailureClass::DiskFull);
  facts.room_for_dpkg = true;
  EXPECT_EQ(classify(facts), FailureClass::Transient);
}

TEST(FailureClass, LackExplainsWhatCameOfIt) {
  FailureFacts facts = script(139, "x: Cannot allocate memory\nSegmentation fault\n");
  EXPECT_EQ(classify(facts), FailureClass::OutOfMemory);
  EXPECT_EQ(classify(script(75, "cp: write error: No space left on device\n")),
            FailureClass::DiskFull);
}

TEST(FailureClass, OfTwoCausesTheLaterCounts) {
  EXPECT_EQ(classify(script(1,
                            "Failed to stop a.service: Unit a.service not loaded.\n"
                            "psql: Connection refused\n")),
            FailureClass::Transient);
  EXPECT_EQ(classify(script(1,
                            "psql: Connection refused\n"
                            "Failed to stop a.service: Unit a.service not loaded.\n")),
            FailureClass::MissingUnit);
}

TEST(FailureClass, OtherPackagesWordsDoNotCount) {
  EXPECT_EQ(classify(script(1,
                            "Processing triggers for man-db (2.13.1-1) ...\n"
                            "/usr/bin/mandb: fork failed: Cannot allocate memory\n"
                            "Setting up foo (2.0) ...\n"
                            "foo: no idea\n"
                            "dpkg: error processing package foo (--configure):\n")),
            FailureClass::Unknown);
  EXPECT_EQ(classify(script(1,
                            "foo: no idea\n"
                            "dpkg: error processing package foo (--configure):\n"
                            " post-installation script subprocess returned error exit status 1\n"
                            "Processing triggers for man-db (2.13.1-1) ...\n"
                            "/usr/bin/mandb: fork failed: Cannot allocate memory\n")),
            FailureClass::Unknown);
  std::string early = "psql: Connection refused\n";
  for (int i = 0; i < 30; ++i) early += "line\n";
  EXPECT_EQ(classify(script(1, early)), FailureClass::Unknown);
}

TEST(FailureClass, TheFileThatDpkgFoundNoRoomFor) {
  EXPECT_EQ(file_without_room("unable to create '/usr/share/foo/c.dpkg-new' (while processing "
                              "'./usr/share/foo/c'): No space left on device"),
            "/usr/share/foo/c.dpkg-new");
  EXPECT_EQ(file_without_room("cannot copy extracted data for './opt/a b' to '/opt/a b.dpkg-new': "
                              "failed to write (No space left on device)"),
            "/opt/a b");
  EXPECT_EQ(file_without_room("unable to open '/usr/cut off: Disk quota exceeded"),
            "/usr/cut off: Disk quota exceeded");
  EXPECT_EQ(file_without_room("it's full: No space left on device"), "");
  EXPECT_EQ(file_without_room("cannot stat '/usr/x': Input/output error"), std::nullopt);
  EXPECT_EQ(file_without_room(""), std::nullopt);
}

TEST(FailureClass, DpkgsOwnEnd) {
  EXPECT_EQ(classify(dpkg(2, "")), FailureClass::DpkgItself);
  EXPECT_EQ(classify(dpkg(1, "")), FailureClass::Unknown);
  EXPECT_EQ(classify(dpkg(1, "dpkg-deb --fsys-tarfile subprocess was killed by signal (Killed)")),
            FailureClass::Crash);
  // Seen where the process that its output goes through was killed.
  EXPECT_EQ(classify(dpkg(1, "error writing to '<standard output>': No such file or directory")),
            FailureClass::Transient);
  FailureFacts died;
  died.signal = SIGSEGV;
  EXPECT_EQ(classify(died), FailureClass::DpkgItself);
  EXPECT_EQ(classify(dpkg(1, "new tst package needs paste, No space left on device")),
            FailureClass::DiskFull);
  EXPECT_EQ(classify(dpkg(2, "dependency problems - leaving unconfigured")),
            FailureClass::DpkgItself)
      << "what it died of came behind that";
}

TEST(FailureClass, ScriptsWordsAreNotDpkgs) {
  EXPECT_EQ(classify(script(1, "dependency problems - leaving unconfigured\n")),
            FailureClass::Unknown);
  EXPECT_EQ(classify(dpkg(1, "foo: Connection refused")), FailureClass::Unknown);
}

TEST(FailureWords, EachIsReachableAndHasASource) {
  for (const auto& words : failure_words()) {
    EXPECT_FALSE(words.source.empty()) << words.pattern;
    std::string line(words.pattern);
    for (std::size_t at; (at = line.find('*')) != std::string::npos;) line.replace(at, 1, "any");
    const auto none_upper = [](char c) { return c >= 'A' && c <= 'Z'; };
    EXPECT_EQ(std::count_if(line.begin(), line.end(), none_upper), 0) << words.pattern;
    const FailureWords* found = find_words(words.where, line);
    ASSERT_NE(found, nullptr) << words.pattern;
    // An entry before it may be wider, but then has to say the same.
    EXPECT_EQ(found->failure_class, words.failure_class) << words.pattern;
  }
}

TEST(FailureWords, LastStep) {
  EXPECT_EQ(last_step(""), "");
  EXPECT_EQ(last_step("one"), "one");
  EXPECT_EQ(last_step("one\n\ntwo\n\n"), "one\n\ntwo");
  EXPECT_EQ(last_step("a\nSetting up b (1) ...\nc\ndpkg: error processing\n d\n"),
            "Setting up b (1) ...\nc");
  EXPECT_EQ(last_step("Setting up the world\nc\n"), "Setting up the world\nc");
  EXPECT_EQ(last_step("dpkg: error: x\n"), "dpkg: error: x");
}

struct ReactCase {
  FailureClass failure_class;
  int in_run;
  int over_runs;
  Reaction wanted;
};

TEST(React, Table) {
  using enum FailureClass;
  using enum Reaction;
  for (const ReactCase& it :
       std::initializer_list<ReactCase>{{Crash, 1, 1, RetryNow},
                                        {Crash, 2, 2, Keep},
                                        {Crash, 1, 3, RetryNow},
                                        {Crash, 1, 6, Keep},
                                        {Transient, 1, 1, RetryLater},
                                        {Transient, 2, 2, Keep},
                                        {Transient, 1, 10, Keep},
                                        {MissingUnit, 1, 1, RetryAfterReload},
                                        {MissingUnit, 2, 2, Keep},
                                        {MissingUnit, 1, 30, RetryAfterReload},
                                        {Refusal, 1, 1, Keep},
                                        {Unknown, 1, 1, Keep},
                                        {Hang, 1, 1, Keep},
                                        {FollowUp, 1, 1, Ignore},
                                        {FollowUp, 9, 9, Ignore},
                                        {DiskFull, 1, 1, Stop},
                                        {DiskFull, 1, 99, Stop},
                                        {OutOfMemory, 2, 2, Stop},
                                        {DpkgItself, 1, 1, Stop}}) {
    const Decision decision = react(it.failure_class, it.in_run, it.over_runs);
    EXPECT_EQ(decision.reaction, it.wanted)
        << to_string(it.failure_class) << ' ' << it.in_run << ' ' << it.over_runs;
    EXPECT_EQ(decision.failure_class, it.failure_class);
    EXPECT_FALSE(decision.reason.empty());
  }
}

TEST(React, ARuleDecidesOfThePackagesOwnFailures) {
  using enum FailureClass;
  using enum Reaction;
  struct RuleCase {
    OnFailure wish;
    FailureClass failure_class;
    int in_run;
    Reaction wanted;
  };
  for (const RuleCase& it :
       std::initializer_list<RuleCase>{{OnFailure::RollBack, Crash, 1, Keep},
                                       {OnFailure::RollBack, Transient, 1, Keep},
                                       {OnFailure::LeaveUnconfigured, MissingUnit, 1, Keep},
                                       {OnFailure::StopRun, Unknown, 1, KeepAndStop},
                                       {OnFailure::StopRun, Crash, 2, KeepAndStop},
                                       {OnFailure::Retry, Refusal, 1, RetryNow},
                                       {OnFailure::Retry, Hang, 1, RetryNow},
                                       {OnFailure::Retry, Refusal, 2, Keep},
                                       {OnFailure::Retry, Transient, 1, RetryLater},
                                       {OnFailure::Retry, MissingUnit, 1, RetryAfterReload},
                                       {OnFailure::LeaveNew, Crash, 1, RetryNow},
                                       {OnFailure::LeaveNew, Crash, 2, Keep},
                                       {OnFailure::LeaveNew, Unknown, 1, Keep}}) {
    const Decision decision =
        react(it.failure_class, it.in_run, it.in_run, FailureRule{it.wish, "so it is"});
    EXPECT_EQ(decision.reaction, it.wanted) << to_string(it.failure_class) << ' ' << it.in_run;
    EXPECT_FALSE(decision.reason.empty());
  }
}

TEST(React, NoRuleDecidesOfAFullDiskOrAnothersFailure) {
  using enum FailureClass;
  for (const auto wish :
       {OnFailure::RollBack, OnFailure::LeaveUnconfigured, OnFailure::StopRun, OnFailure::Retry}) {
    const FailureRule rule{wish, "so it is"};
    EXPECT_EQ(react(DiskFull, 1, 1, rule).reaction, Reaction::Stop);
    EXPECT_EQ(react(DpkgItself, 1, 1, rule).reaction, Reaction::Stop);
    EXPECT_EQ(react(FollowUp, 1, 1, rule).reaction, Reaction::Ignore);
  }
}

TEST(DueAgain, WaitsLongerEachTimeUpToALimit) {
  using enum FailureClass;
  constexpr std::int64_t kThen = 1'000'000;
  EXPECT_FALSE(due_again(Crash, 2, kThen, kThen + 7199));
  EXPECT_TRUE(due_again(Crash, 2, kThen, kThen + 7200));
  EXPECT_FALSE(due_again(Crash, 4, kThen, kThen + 7200));
  EXPECT_FALSE(due_again(Crash, 6, kThen, kThen + 1'000'000)) << "the limit";
  EXPECT_TRUE(due_again(Transient, 1, kThen, kThen + 600));
  EXPECT_FALSE(due_again(Transient, 1, kThen, kThen + 599));
  EXPECT_TRUE(due_again(Transient, 9, kThen, kThen + 86400)) << "never more than a day";
  EXPECT_FALSE(due_again(Transient, 10, kThen, kThen + 1'000'000));
  EXPECT_TRUE(due_again(DiskFull, 1, kThen, kThen + 600));
  EXPECT_TRUE(due_again(OutOfMemory, 1, kThen, kThen + 600));
  EXPECT_TRUE(due_again(Crash, 2, kThen, kThen - 5)) << "the clock was set back";
}

TEST(DueAgain, WhatWaitsForANewerVersionOrAPerson) {
  using enum FailureClass;
  for (const auto failure_class : {Unknown, Refusal, MissingUnit, Hang, Guard, Preparation}) {
    EXPECT_FALSE(due_again(failure_class, 1, 0, 1'000'000'000)) << to_string(failure_class);
  }
}

// Only making it once more tells whether it goes well by now.
TEST(DueAgain, ABackupIsTriedAgainAsACrashIs) {
  using enum FailureClass;
  EXPECT_FALSE(due_again(Backup, 1, 1'000'000, 1'000'000 + 3599));
  EXPECT_TRUE(due_again(Backup, 1, 1'000'000, 1'000'000 + 3600));
  EXPECT_FALSE(due_again(Backup, 6, 1'000'000, 2'000'000));
}

TEST(DueAgain, WhatWasNoFaultOfThePackageWaitsForNothing) {
  EXPECT_TRUE(due_again(FailureClass::FollowUp, 50, 1000, 1000));
  EXPECT_TRUE(due_again(FailureClass::DpkgItself, 50, 1000, 1000));
}

}  // namespace
}  // namespace aptkeep
