// What is written is read back, whole and in order, over runs, plans and processes.
#include "state/store.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "samples.h"

namespace aptkeep {
namespace {

using namespace sample;

class StoreTest : public ::testing::Test {
 protected:
  Store open(Store::Mode mode = Store::Mode::ReadWrite) {
    auto store = Store::open(folder_.path("state.db"), mode);
    EXPECT_TRUE(store.ok()) << store.error().message;
    return std::move(*store);
  }

  PlanFlags flags() {
    PlanFlags flags;
    flags.native_arch = "amd64";
    return flags;
  }

  std::int64_t begin(Store& store, const Frontend& who, std::int64_t now, const Plan& what) {
    auto plan = store.begin_plan(who, flags(), what, now);
    EXPECT_TRUE(plan.ok()) << plan.error().message;
    return *plan;
  }

  // One whole plan that ends with these keeps.
  void run_with(Store& store, std::int64_t pid, std::int64_t now, const std::vector<Keep>& keeps,
                const std::vector<std::string>& lifted = {}) {
    const Plan small{{{"a:amd64", Action::Upgrade, "1", "2", "/a.deb", false, 1}}, {}};
    const auto plan = begin(store, frontend(pid), now, small);
    const Status ended =
        store.end_plan(plan, outcomes(small, StepState::Kept), keeps, lifted, "", now + 1);
    ASSERT_TRUE(ended.ok()) << ended.error().message;
  }

  Folder folder_;
};

TEST_F(StoreTest, PlanSurvivesInAnotherProcess) {
  PlanFlags flags{true,  false,         false, true, "riscv64", "17 0815",
                  false, 1234567890123, 77,    true, 4,         {"--force-confold", "-D 1"}};
  Plan written = plan();
  std::int64_t id = 0;
  {
    Store store = open();
    id = *store.begin_plan(frontend(100), flags, written, 1000);
    ASSERT_TRUE(store.set_states(id, {{1, StepState::Unpacked}, {6, StepState::Stranded}}).ok());
    ASSERT_TRUE(store.add_failure(id, failure("base:amd64", 0)).ok());
    ASSERT_TRUE(store.add_failure(id, failure("outside:amd64", -1)).ok());
    ASSERT_TRUE(store.heal_failures(id, "base:amd64").ok());
    ASSERT_TRUE(store.set_rolled_back(id, 1, {"/etc/x: mode 0600, was 0640", "two"}).ok());
    EXPECT_FALSE(store.set_rolled_back(id, 99, {}).ok());
    ASSERT_TRUE(store.set_rolled_back(id, 2, {"not any more"}).ok());
    ASSERT_TRUE(store.set_rolled_back(id, 2, {}, false).ok());
    ASSERT_TRUE(store.set_never_back(id, 0, "foo has vanished into it").ok());
    EXPECT_FALSE(store.set_never_back(id, 99, "").ok());
  }
  Store store = open();
  const auto read = store.open_plan(frontend(100));
  ASSERT_TRUE(read.ok()) << read.error().message;
  ASSERT_TRUE(read->has_value());
  const OpenPlan& open_plan = **read;
  EXPECT_EQ(open_plan.id, id);
  written.steps[0].never_back = "foo has vanished into it";
  EXPECT_EQ(open_plan.plan.steps, written.steps);
  EXPECT_EQ(open_plan.plan.clauses, written.clauses);
  EXPECT_EQ(open_plan.frontend.command, "apt-get -y dist-upgrade");
  EXPECT_TRUE(open_plan.frontend.same_process(frontend(100)));
  EXPECT_TRUE(open_plan.flags.bypassed);
  EXPECT_FALSE(open_plan.flags.configure_pending);
  EXPECT_FALSE(open_plan.flags.no_triggers);
  EXPECT_TRUE(open_plan.flags.quiet_exit);
  EXPECT_EQ(open_plan.flags.native_arch, "riscv64");
  EXPECT_EQ(open_plan.flags.log_mark, "17 0815");
  EXPECT_FALSE(open_plan.flags.rollback);
  EXPECT_EQ(open_plan.flags.copy_limit, 1234567890123);
  EXPECT_EQ(open_plan.flags.hang_after, 77);
  EXPECT_TRUE(open_plan.flags.unattended);
  EXPECT_EQ(open_plan.flags.keep_runs, 4);
  EXPECT_EQ(open_plan.flags.dpkg_options, (std::vector<std::string>{"--force-confold", "-D 1"}));
  EXPECT_EQ(open_plan.rolled_back,
            (std::vector<bool>{false, true, false, false, false, false, false}));
  ASSERT_EQ(open_plan.remains.size(), 1U);
  EXPECT_EQ(open_plan.remains.at(1),
            (std::vector<std::string>{"/etc/x: mode 0600, was 0640", "two"}));
  const std::vector<StepState> states = {
      StepState::Waiting, StepState::Unpacked, StepState::Waiting, StepState::Waiting,
      StepState::Waiting, StepState::Waiting,  StepState::Stranded};
  EXPECT_EQ(open_plan.states, states);
  Failure healed = failure("base:amd64", 0);
  healed.healed = true;
  const std::vector<Failure> failures = {healed, failure("outside:amd64", -1)};
  EXPECT_EQ(open_plan.failures, failures);
}

TEST_F(StoreTest, TheLastPlansThatEndedAreWholeForARollback) {
  Store store = open();
  const Plan full = plan();
  for (int i = 0; i <= Store::kPlansWithClauses; ++i) {
    const auto id = begin(store, frontend(200 + i), 2000 + i, full);
    ASSERT_TRUE(store.end_plan(id, outcomes(full, StepState::Done), {}, {}, "", 3000).ok());
  }
  const auto all = *store.plans(0);
  EXPECT_TRUE((*store.plan(all.back()))->plan.clauses.empty());
  EXPECT_EQ((*store.plan(all.at(all.size() - 2)))->plan.clauses, full.clauses);
  EXPECT_EQ(*store.plans(2), std::vector<std::int64_t>{all.at(all.size() - 2)});
  EXPECT_FALSE(store.plan(all.front() + 1)->has_value());
  EXPECT_TRUE(Store::open(folder_.path("state.db"), Store::Mode::ReadOnly).ok());
}

TEST_F(StoreTest, APlanIsOnlyThatOfItsOwnProcess) {
  Store store = open();
  begin(store, frontend(100, 5), 1000, plan());
  EXPECT_FALSE(store.open_plan(frontend(101, 5))->has_value());
  EXPECT_FALSE(store.open_plan(frontend(100, 6))->has_value());
  Frontend after_boot = frontend(100, 5);
  after_boot.boot = "another";
  EXPECT_FALSE(store.open_plan(after_boot)->has_value());
  EXPECT_TRUE(store.open_plan(frontend(100, 5))->has_value());
  EXPECT_TRUE(store.unended_plan()->has_value());
}

TEST_F(StoreTest, TheNewestRunOfAProcess) {
  Store store = open();
  EXPECT_EQ(*store.run_of_process(frontend(100)), 0);
  run_with(store, 100, 1000, {});
  run_with(store, 200, 2000, {});
  EXPECT_EQ(*store.run_of_process(frontend(100)), 1);
  EXPECT_EQ(*store.run_of_process(frontend(200)), 2);
  Frontend after_boot = frontend(200);
  after_boot.boot = "another";
  EXPECT_EQ(*store.run_of_process(after_boot), 0);
}

TEST_F(StoreTest, SeveralPlansOfOneFrontendAreOneRun) {
  Store store = open();
  const Plan full = plan();
  for (int i = 0; i < 3; ++i) {
    const auto id = begin(store, frontend(100), 1000 + i * 10, full);
    EXPECT_EQ((*store.report(0))->summary.ended, 0);
    ASSERT_TRUE(store.add_failure(id, failure("base:amd64", 0)).ok());
    ASSERT_TRUE(store
                    .end_plan(id, outcomes(full, StepState::Done), {}, {},
                              i == 0 ? "" : "the driver was bypassed", 1005 + i * 10)
                    .ok());
    EXPECT_FALSE(store.open_plan(frontend(100))->has_value());
  }
  const auto runs = store.runs(10);
  ASSERT_EQ(runs->size(), 1U);
  const RunSummary& run = runs->front();
  EXPECT_EQ(run.begun, 1000);
  EXPECT_EQ(run.ended, 1025);
  EXPECT_EQ(run.note, "the driver was bypassed");
  EXPECT_EQ(run.native_arch, "amd64");
  // Seven steps from Done on: Done, FailedOld, FailedNew, Kept, Stranded, NotReached, Waiting.
  EXPECT_EQ(run.done, 3);
  EXPECT_EQ(run.failed, 6);
  EXPECT_EQ(run.kept, 3);
  EXPECT_EQ(run.stranded, 3);
  EXPECT_EQ(run.not_reached, 6);
  const auto report = store.report(run.id);
  ASSERT_EQ((*report)->steps.size(), 21U);
  EXPECT_EQ((*report)->failures.size(), 3U);
  EXPECT_EQ((*report)->summary, run);
  const std::vector<StepOutcome> last((*report)->steps.end() - 7, (*report)->steps.end());
  EXPECT_EQ(last, outcomes(full, StepState::Done));
}

TEST_F(StoreTest, AnotherFrontendEndsWhatWasCutOff) {
  Store store = open();
  begin(store, frontend(100), 1000, plan());
  begin(store, frontend(200), 2000, plan());
  const auto runs = store.runs(10);
  ASSERT_EQ(runs->size(), 2U);
  EXPECT_EQ((*runs)[0].ended, 0);
  EXPECT_EQ((*runs)[0].not_reached, 0);
  EXPECT_EQ((*runs)[1].ended, 2000);
  EXPECT_EQ((*runs)[1].note, "cut off");
  EXPECT_EQ((*runs)[1].not_reached, 7);
  EXPECT_FALSE(store.open_plan(frontend(100))->has_value());
}

TEST_F(StoreTest, APlanThatItsOwnFrontendNeverEndedIsCutOff) {
  Store store = open();
  const auto first = begin(store, frontend(100), 1000, plan());
  const auto second = begin(store, frontend(100), 1010, plan());
  EXPECT_EQ((*store.open_plan(frontend(100)))->id, second);
  EXPECT_FALSE(store.end_plan(first, outcomes(plan(), StepState::Done), {}, {}, "", 1).ok());
  ASSERT_TRUE(store.end_plan(second, outcomes(plan(), StepState::Done), {}, {}, "n", 1020).ok());
  const auto runs = store.runs(10);
  ASSERT_EQ(runs->size(), 1U);
  EXPECT_EQ(runs->front().note, "cut off; n");
}

TEST_F(StoreTest, EndingAPlanTwiceOrWithOtherStepsChangesNothing) {
  Store store = open();
  const auto id = begin(store, frontend(100), 1000, plan());
  auto ended = store.end_plan(id, {}, {keep("base:amd64", "2", true)}, {}, "", 1100);
  ASSERT_FALSE(ended.ok());
  EXPECT_EQ(ended.error().message, "unable to record the end of the plan in " +
                                       folder_.path("state.db") +
                                       ": it has another number of steps");
  EXPECT_TRUE(store.keeps()->empty());
  EXPECT_TRUE(store.open_plan(frontend(100))->has_value());
  ASSERT_TRUE(store.end_plan(id, outcomes(plan(), StepState::Done), {}, {}, "", 1100).ok());
  EXPECT_FALSE(store.end_plan(id, outcomes(plan(), StepState::Done), {}, {}, "", 1200).ok());
  EXPECT_EQ(store.runs(1)->front().ended, 1100);
}

TEST_F(StoreTest, UnknownPlansAndStepsAreRefused) {
  Store store = open();
  EXPECT_FALSE(store.add_failure(7, failure("a:amd64", 0)).ok());
  EXPECT_FALSE(store.end_plan(7, {}, {}, {}, "", 1).ok());
  const auto id = begin(store, frontend(100), 1000, plan());
  EXPECT_FALSE(store.set_states(id, {{0, StepState::Done}, {7, StepState::Done}}).ok());
  EXPECT_EQ((*store.open_plan(frontend(100)))->states[0], StepState::Waiting);
  Plan bad = plan();
  bad.clauses[0].any_of.push_back({7, Side::Old});
  EXPECT_FALSE(store.begin_plan(frontend(1), flags(), bad, 1).ok());
  bad = plan();
  bad.clauses[0].owner_step = -2;
  EXPECT_FALSE(store.begin_plan(frontend(1), flags(), bad, 1).ok());
  EXPECT_FALSE((*store.report(99)).has_value());
}

TEST_F(StoreTest, KeepsComeBackWhole) {
  const std::vector<Keep> made = {keep("base:amd64", "2.0", true), keep("g++:i386", "", false)};
  Store store = open();
  run_with(store, 100, 1000, made);
  const auto keeps = open(Store::Mode::ReadOnly).keeps();
  ASSERT_TRUE(keeps.ok());
  ASSERT_EQ(keeps->size(), 2U);
  for (std::size_t i = 0; i < 2; ++i) {
    Keep expected = made[i];
    expected.since = 1001;
    EXPECT_EQ((*keeps)[i], expected);
    EXPECT_EQ((*keeps)[i].run, store.runs(1)->front().id);
    EXPECT_GT((*keeps)[i].id, 0);
  }
}

TEST_F(StoreTest, AKeepOfTheSameVersionCarriesItsCountOn) {
  Store store = open();
  run_with(store, 100, 1000, {keep("a:amd64", "2", true)});
  run_with(store, 101, 2000, {keep("a:amd64", "2", true)});
  auto keeps = store.keeps();
  ASSERT_EQ(keeps->size(), 1U);
  EXPECT_EQ(keeps->front().attempts, 2);
  EXPECT_EQ(keeps->front().since, 1001);
  EXPECT_EQ(keeps->front().run, 2);
  run_with(store, 102, 3000, {keep("a:amd64", "3", true)});
  keeps = store.keeps();
  ASSERT_EQ(keeps->size(), 1U);
  EXPECT_EQ(keeps->front().attempts, 1);
  EXPECT_EQ(keeps->front().since, 3001);
}

TEST_F(StoreTest, WaitingForAnotherIsNoAttempt) {
  Store store = open();
  run_with(store, 100, 1000, {keep("a:amd64", "2", false)});
  run_with(store, 101, 2000, {keep("a:amd64", "2", true)});
  EXPECT_EQ(store.keeps()->front().attempts, 1);
  EXPECT_EQ(store.keeps()->front().since, 1001);
  run_with(store, 102, 3000, {keep("a:amd64", "2", true)});
  run_with(store, 103, 4000, {keep("a:amd64", "2", false)});
  EXPECT_EQ(store.keeps()->front().attempts, 2);
}

TEST_F(StoreTest, LiftedKeepsAreGoneAndAFailedRetryCounts) {
  Store store = open();
  run_with(store, 100, 1000, {keep("a:amd64", "2", true), keep("b:amd64", "2", true)});
  ASSERT_TRUE(store.lift_keep("a:amd64", "retry", 1500).ok());
  ASSERT_EQ(store.keeps()->size(), 1U);
  const Status again = store.lift_keep("a:amd64", "retry", 1600);
  ASSERT_FALSE(again.ok());
  EXPECT_EQ(again.error().message, "unable to lift the keep of a:amd64: it is not kept");
  run_with(store, 101, 2000, {keep("a:amd64", "2", true)}, {"b:amd64", "never:amd64"});
  auto keeps = store.keeps();
  ASSERT_EQ(keeps->size(), 1U);
  EXPECT_EQ(keeps->front().package, "a:amd64");
  EXPECT_EQ(keeps->front().attempts, 2);
  run_with(store, 102, 3000, {keep("b:amd64", "2", true)});
  keeps = store.keeps();
  ASSERT_EQ(keeps->size(), 2U);
  EXPECT_EQ(keeps->back().attempts, 1) << "it went through in between";
  EXPECT_EQ(keeps->back().since, 3001);
}

TEST_F(StoreTest, BlockedVersionsAreReplacedAsAWhole) {
  Store store = open();
  const std::vector<Pin> two = {{"b:amd64", "2", "would remove a"}, {"a:i386", "1:3", ""}};
  ASSERT_TRUE(store.set_blocked(two).ok());
  EXPECT_EQ(*open(Store::Mode::ReadOnly).blocked(), two);
  ASSERT_TRUE(store.set_blocked({}).ok());
  EXPECT_TRUE(store.blocked()->empty());
}

TEST_F(StoreTest, PruningLeavesWhatIsNeeded) {
  Store store = open();
  run_with(store, 100, 1000, {keep("a:amd64", "2", true)});
  run_with(store, 101, 2000, {keep("b:amd64", "2", true)});
  run_with(store, 102, 3000, {}, {"b:amd64"});
  run_with(store, 103, 4000, {});
  begin(store, frontend(104), 5000, plan());
  ASSERT_TRUE(store.prune(2).ok());
  std::vector<std::int64_t> left;
  const auto runs = store.runs(99);
  for (const RunSummary& run : *runs) {
    left.push_back(run.begun);
  }
  EXPECT_EQ(left, (std::vector<std::int64_t>{5000, 4000, 1000}));
  ASSERT_TRUE(store.prune(0).ok());
  EXPECT_EQ(store.runs(99)->size(), 2U) << "the kept one's and the one without end";
  EXPECT_TRUE(store.open_plan(frontend(104))->has_value());
  EXPECT_EQ(store.keeps()->size(), 1U);
  EXPECT_EQ(store.runs(1)->size(), 1U);
}

TEST_F(StoreTest, ReadersAndAWriterAtOnce) {
  Store writer = open();
  const Plan small{{{"a:amd64", Action::Upgrade, "1", "2", "/a.deb", false, 1}}, {}};
  std::atomic<bool> done = false;
  std::atomic<int> reads = 0;
  std::vector<std::string> errors;
  std::thread reader([&] {
    while (!done || reads == 0) {
      auto store = Store::open(folder_.path("state.db"), Store::Mode::ReadOnly);
      auto keeps = store.ok() ? store->keeps() : Result<std::vector<Keep>>(store.error());
      // Each plan replaces both keeps in one transaction.
      if (!keeps.ok()) {
        errors.push_back(keeps.error().message);
      } else if (!keeps->empty() && (keeps->size() != 2 || (*keeps)[0].run != (*keeps)[1].run)) {
        errors.emplace_back("half a transaction");
      }
      ++reads;
    }
  });
  for (int i = 0; i < 50; ++i) {
    run_with(writer, 100 + i, 1000 + i, {keep("a:amd64", "2", true), keep("b:amd64", "2", true)});
  }
  done = true;
  reader.join();
  EXPECT_EQ(errors, std::vector<std::string>{});
  EXPECT_EQ(writer.keeps()->front().attempts, 50);
}

TEST_F(StoreTest, TwoWritersWaitForEachOther) {
  open();
  std::vector<std::thread> writers;
  std::atomic<int> failed = 0;
  for (int who = 0; who < 2; ++who) {
    writers.emplace_back([&, who] {
      Store store = open();
      for (int i = 0; i < 25; ++i) {
        failed += store.set_blocked({{"p:amd64", std::to_string(who), ""}}).ok() ? 0 : 1;
      }
    });
  }
  for (std::thread& writer : writers) {
    writer.join();
  }
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(open().blocked()->size(), 1U);
}

TEST_F(StoreTest, AKilledWriterLosesNothingThatWasReported) {
  const Plan small = plan();
  const pid_t child = ::fork();
  if (child == 0) {
    auto store = Store::open(folder_.path("state.db"), Store::Mode::ReadWrite);
    auto id = store->begin_plan(frontend(100), {}, small, 1000);
    const bool ok = id.ok() && store->set_states(*id, {{0, StepState::Done}}).ok() &&
                    store->add_failure(*id, failure("p:amd64", 3)).ok();
    ::_exit(ok ? 0 : 1);  // no destructor runs, nothing is closed
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  const auto read = open().open_plan(frontend(100));
  ASSERT_TRUE(read.ok() && read->has_value());
  EXPECT_EQ((*read)->states[0], StepState::Done);
  EXPECT_EQ((*read)->failures.size(), 1U);
}

}  // namespace
}  // namespace aptkeep
