#include "core/hang.h"

#include <gtest/gtest.h>

namespace aptkeep {
namespace {

constexpr std::int64_t kMinute = 60'000;

ProcessSample process(std::int64_t pid, std::int64_t parent, std::string name) {
  ProcessSample made;
  made.pid = pid;
  made.parent = parent;
  made.start = static_cast<std::uint64_t>(1000 + pid);
  made.name = std::move(name);
  made.cpu = 5;
  made.io = 100;
  return made;
}

// dpkg with foo's postinst, which waits for a program that waits for a pipe.
HangSample silent(std::int64_t at_ms) {
  HangSample sample;
  sample.at_ms = at_ms;
  sample.output = 7;
  sample.script_pid = 20;
  sample.package = "foo:amd64";
  sample.script = "postinst";
  sample.processes = {process(10, 1, "dpkg"), process(20, 10, "foo.postinst"),
                      process(30, 20, "cat")};
  sample.processes[2].waits_for = "reads pipe:[9]";
  return sample;
}

HangRules rules() {
  HangRules made;
  made.limit_ms = 30 * kMinute;
  made.unattended = true;
  return made;
}

// The first verdict that is not to wait, of a sample each half minute from minute `from` to minute
// `to`, each changed by `change`.
template <typename Change>
HangVerdict after(HangWatch& watch, int from, int to, Change change) {
  for (std::int64_t at = from * kMinute; at <= to * kMinute; at += kMinute / 2) {
    HangSample sample = silent(at);
    change(sample, static_cast<int>(at / kMinute));
    HangVerdict verdict = watch.judge(sample);
    if (verdict.step != HangStep::Wait) return verdict;
  }
  return {};
}
const auto kNothing = [](HangSample&, int) {};

TEST(Hang, SilenceForTheLimitIsEndedScriptFirst) {
  HangWatch watch(rules());
  EXPECT_EQ(after(watch, 0, 29, kNothing).step, HangStep::Wait);
  EXPECT_EQ(watch.judge(silent(29 * kMinute + 30'000)).step, HangStep::Wait);
  const HangVerdict verdict = watch.judge(silent(30 * kMinute));
  EXPECT_EQ(verdict.step, HangStep::End);
  EXPECT_EQ(verdict.whom, (std::vector<ProcessId>{{20, 1020}, {30, 1030}}));
  EXPECT_EQ(verdict.line,
            "foo:amd64's postinst has shown no sign of life for 30 minutes: dpkg(10) - "
            "foo.postinst(20) - cat(30, reads pipe:[9]); it is ended");
}

struct Sign {
  const char* what;
  void (*change)(HangSample&, int);
};

TEST(Hang, AnySignOfLifeBeginsTheTimeAnew) {
  for (const Sign& sign : std::initializer_list<Sign>{
           {"output", [](HangSample&it, int at) { it.output += at >= 20; }},
           {"I/O of a grandchild", [](HangSample&it, int at) { it.processes[2].io += at >= 20; }},
           {"cpu of the script",
            [](HangSample&it, int at) { it.processes[1].cpu += at >= 20 ? 1000 : 0; }},
           {"cpu of dpkg",
            [](HangSample&it, int at) { it.processes[0].cpu += at >= 20 ? 1000 : 0; }},
           {"a new process",
            [](HangSample&it, int at) {
              if (at >= 20) it.processes.push_back(process(40, 30, "new"));
            }},
           {"an ended process",
            [](HangSample&it, int at) {
              if (at >= 20) it.processes.pop_back();
            }},
           {"another process of the same number",
            [](HangSample&it, int at) { it.processes[2].start += at >= 20; }},
           {"another script", [](HangSample&it, int at) {
              if (at >= 20) it.script_pid = 30;
            }}}) {
    HangWatch watch(rules());
    EXPECT_EQ(after(watch, 0, 49, sign.change).step, HangStep::Wait) << sign.what;
    EXPECT_EQ(after(watch, 50, 50, sign.change).step, HangStep::End) << sign.what;
  }
}

TEST(Hang, BurningCpuForEverIsNoHang) {
  HangWatch watch(rules());
  const auto burn = [](HangSample& it, int at) {
    it.processes[2].cpu += static_cast<std::uint64_t>(at) * 6000;
  };
  EXPECT_EQ(after(watch, 0, 300, burn).step, HangStep::Wait);
}

TEST(Hang, WantingAProcessorIsLifeThoughOthersHaveThem) {
  HangWatch watch(rules());
  const auto wants = [](HangSample& it, int) { it.processes[2].state = 'R'; };
  EXPECT_EQ(after(watch, 0, 90, wants).step, HangStep::Wait);
}

TEST(Hang, MachineThatStoodStillCountsLittle) {
  HangWatch watch(rules());
  EXPECT_EQ(after(watch, 0, 1, kNothing).step, HangStep::Wait);
  // Nobody looked for two hours; of these a minute counts.
  EXPECT_EQ(after(watch, 121, 121 + 27, kNothing).step, HangStep::Wait);
  EXPECT_EQ(after(watch, 121 + 28, 121 + 28, kNothing).step, HangStep::End);
}

TEST(Hang, SlowCrawlIsSeenThoughEachSampleShowsLittle) {
  HangWatch watch(rules());
  // 1 % of a processor: 60 ticks a minute.
  const auto crawl = [](HangSample& it, int at) {
    it.processes[1].cpu += static_cast<std::uint64_t>(at) * 60;
  };
  EXPECT_EQ(after(watch, 0, 90, crawl).step, HangStep::Wait);
}

TEST(Hang, LookingAtTheClockNowAndThenIsNoLife) {
  HangWatch watch(rules());
  const auto peek = [](HangSample& it, int at) {
    it.processes[1].cpu += static_cast<std::uint64_t>(at) * 3;
  };
  EXPECT_EQ(after(watch, 0, 29, peek).step, HangStep::Wait);
  EXPECT_EQ(after(watch, 30, 31, peek).step, HangStep::End);
}

struct NotEnded {
  const char* why;
  void (*change)(HangRules&);
  void (*sampled)(HangSample&, int);
};

TEST(Hang, ToldOnceWhereItMayNotBeEnded) {
  const auto nothing = [](HangRules&) {};
  for (const NotEnded& it : std::initializer_list<NotEnded>{
           {"somebody may be there", [](HangRules&r) { r.unattended = false; }, kNothing},
           {"foo:amd64 is never ended",
            [](HangRules&r) {
              r.never_end = {"bar", "foo"};
            },
            kNothing},
           {"foo:amd64 is never ended", [](HangRules&r) { r.never_end = {"foo:amd64"}; }, kNothing},
           {"no maintainer script runs", nothing,
            [](HangSample&s, int) {
              s.script_pid = 0;
              s.package.clear();
            }},
           {"somebody stopped a process", nothing,
            [](HangSample&s, int) { s.processes[2].state = 'T'; }}}) {
    HangRules changed = rules();
    it.change(changed);
    HangWatch watch(changed);
    const HangVerdict verdict = after(watch, 0, 30, it.sampled);
    EXPECT_EQ(verdict.step, HangStep::Tell) << it.why;
    EXPECT_NE(verdict.line.find(std::string("not ended: ") + it.why), std::string::npos)
        << verdict.line;
    EXPECT_TRUE(verdict.whom.empty());
    EXPECT_EQ(after(watch, 31, 200, it.sampled).step, HangStep::Wait) << "told once";
  }
}

TEST(Hang, OtherPackagesOfThatListMayBeEnded) {
  HangRules changed = rules();
  changed.never_end = {"foo:i386", "foobar", "fo"};
  HangWatch watch(changed);
  EXPECT_EQ(after(watch, 0, 30, kNothing).step, HangStep::End);
}

TEST(Hang, QuestionOnATerminalWaitsForEver) {
  HangWatch watch(rules());
  const auto asks = [](HangSample& it, int) { it.processes[2].asks_person = true; };
  EXPECT_EQ(after(watch, 0, 600, asks).step, HangStep::Wait);
  EXPECT_EQ(after(watch, 601, 629, kNothing).step, HangStep::Wait) << "answered at 600";
  EXPECT_EQ(after(watch, 630, 630, kNothing).step, HangStep::End);
}

TEST(Hang, WhatDoesNotGoIsKilledAfterTheGrace) {
  HangRules changed = rules();
  changed.grace_ms = kMinute;
  HangWatch watch(changed);
  EXPECT_EQ(after(watch, 0, 30, kNothing).step, HangStep::End);
  HangSample left = silent(30 * kMinute + 59'999);
  // The script is gone, what it started has another parent now, and dpkg runs the next script.
  left.processes = {process(10, 1, "dpkg"), process(21, 10, "foo.postrm"), process(30, 1, "cat")};
  left.script_pid = 21;
  EXPECT_EQ(watch.judge(left).step, HangStep::Wait);
  EXPECT_EQ(watch.ending(), (std::vector<ProcessId>{{30, 1030}}));
  left.at_ms += 1;
  const HangVerdict verdict = watch.judge(left);
  EXPECT_EQ(verdict.step, HangStep::Kill);
  EXPECT_EQ(verdict.whom, (std::vector<ProcessId>{{30, 1030}}));
  left.processes.pop_back();
  EXPECT_EQ(watch.judge(left).step, HangStep::Wait);
  EXPECT_TRUE(watch.ending().empty());
}

TEST(Hang, NextScriptHasItsOwnTime) {
  HangWatch watch(rules());
  EXPECT_EQ(after(watch, 0, 30, kNothing).step, HangStep::End);
  const auto next = [](HangSample& it, int) {
    it.processes = {process(10, 1, "dpkg"), process(21, 10, "foo.postrm")};
    it.script_pid = 21;
  };
  EXPECT_EQ(after(watch, 31, 60, next).step, HangStep::Wait);
  EXPECT_EQ(after(watch, 61, 61, next).step, HangStep::End);
}

TEST(Hang, OnlyTheScriptsProcessesAreEnded) {
  HangWatch watch(rules());
  const auto more = [](HangSample& it, int) {
    it.processes.insert(it.processes.begin() + 1, process(15, 10, "dpkg-deb"));
    it.processes.push_back(process(16, 15, "tar"));
    it.processes.push_back(process(50, 1, "reparented"));
  };
  const HangVerdict verdict = after(watch, 0, 30, more);
  EXPECT_EQ(verdict.step, HangStep::End);
  EXPECT_EQ(verdict.whom, (std::vector<ProcessId>{{20, 1020}, {30, 1030}, {50, 1050}}));
}

TEST(Hang, NoLimitNoWatch) {
  HangWatch watch(HangRules{});
  EXPECT_EQ(after(watch, 0, 600, kNothing).step, HangStep::Wait);
}

TEST(Hang, SampledSeldom) {
  EXPECT_EQ(HangWatch(rules()).interval_ms(), 30'000);
  HangRules changed = rules();
  changed.limit_ms = 1000;
  EXPECT_EQ(HangWatch(changed).interval_ms(), 50);
  changed.limit_ms = 1;
  EXPECT_EQ(HangWatch(changed).interval_ms(), 20);
}

TEST(Hang, TreeOnOneLine) {
  HangSample sample = silent(0);
  sample.processes.push_back(process(31, 20, "sl\neep"));
  sample.processes.push_back(process(99, 1, "left"));
  EXPECT_EQ(describe_tree(sample),
            "dpkg(10) - foo.postinst(20) - [cat(30, reads pipe:[9]); sl?eep(31)]; left(99)");
  for (int i = 0; i < 40; ++i) sample.processes.push_back(process(100 + i, 30, "many"));
  const std::string text = describe_tree(sample);
  EXPECT_NE(text.find("and 33 more"), std::string::npos) << text;
  EXPECT_EQ(describe_tree(HangSample{}), "");
}

}  // namespace
}  // namespace aptkeep
