// Whole runs of the driver's engine against the dpkg in fake_world.h.
#include <gtest/gtest.h>

#include <filesystem>

#include "engine/call.h"
#include "fake_world.h"

namespace aptkeep {
namespace {

using fake::Archive;
using fake::World;

struct RecordedProgress final : Progress {
  std::vector<std::vector<std::string>> in_calls, afters;
  void calling(const std::vector<std::string>& in_call,
               const std::vector<std::string>& after) override {
    in_calls.push_back(in_call);
    afters.push_back(after);
  }
  void finished() override {}
  void owe_failure() override { owed = true; }
  bool owed = false;
};

// One apt run: unpack everything, then configure what is pending.
class RunTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ =
        std::filesystem::temp_directory_path() / ("aptkeep-engine-" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
    auto store = Store::open((folder_ / "state.db").string(), Store::Mode::ReadWrite);
    ASSERT_TRUE(store) << store.error().message;
    store_.emplace(std::move(*store));
  }
  void TearDown() override {
    store_.reset();
    std::filesystem::remove_all(folder_);
  }

  // An upgrade 1.0 -> 2.0, or a new installation.
  std::uint32_t upgrade(const Archive& archive, bool fresh = false) {
    Step step;
    step.package = archive.package + ":amd64";
    step.action = fresh ? Action::Install : Action::Upgrade;
    step.old_version = fresh ? "" : "1.0";
    step.new_version = archive.version;
    step.archive = "/archives/" + archive.package + ".deb";
    if (!fresh) world_.install(archive.package, "1.0");
    world_.archives[step.archive] = archive;
    plan_.steps.push_back(step);
    return static_cast<std::uint32_t>(plan_.steps.size() - 1);
  }
  std::uint32_t removal(const std::string& name) {
    Step step;
    step.package = name + ":amd64";
    step.action = Action::Remove;
    step.old_version = "1.0";
    world_.install(name, "1.0");
    plan_.steps.push_back(step);
    return static_cast<std::uint32_t>(plan_.steps.size() - 1);
  }
  void needs(std::uint32_t owner, Side side, std::uint32_t target, Side target_side,
             ClauseKind kind = ClauseKind::Depends) {
    Clause clause;
    clause.owner_step = static_cast<std::int32_t>(owner);
    clause.owner_side = side;
    clause.kind = kind;
    clause.owner = plan_.steps[owner].package;
    clause.relation = plan_.steps[target].package;
    clause.any_of = {{target, target_side}};
    plan_.clauses.push_back(clause);
  }

  void begin(PlanFlags flags = {}) {
    flags.native_arch = "amd64";
    Frontend frontend;
    frontend.pid = 4711;
    frontend.start_time = 1;
    ASSERT_TRUE(store_->begin_plan(frontend, flags, plan_, 1000));
    auto open = store_->open_plan(frontend);
    ASSERT_TRUE(open);
    ASSERT_TRUE(*open);
    open_ = **open;
  }
  CallEnd call(DpkgCall::Verb verb, const std::vector<std::string>& operands, bool pending,
               bool no_triggers) {
    DpkgCall call;
    call.verb = verb;
    call.options = {"--status-fd", "9"};
    call.pending = pending;
    call.no_triggers = no_triggers;
    call.operands = operands;
    CallPorts ports{world_,
                    world_,
                    progress_,
                    *store_,
                    [this](const std::string& line) { said_.push_back(line); },
                    [this] { return disk_full_; },
                    [this] { return record_holds_; }};
    return run_call(call, verb == DpkgCall::Verb::Unpack ? operands : std::vector<std::string>{},
                    open_, ports);
  }
  CallEnd unpack_all() {
    std::vector<std::string> archives;
    for (const auto& step : plan_.steps) {
      if (!step.archive.empty()) archives.push_back(step.archive);
    }
    return call(DpkgCall::Verb::Unpack, archives, false, true);
  }
  CallEnd configure_pending() { return call(DpkgCall::Verb::Configure, {}, true, false); }
  int count_calls(const std::string& verb) const {
    return static_cast<int>(std::count_if(
        world_.calls.begin(), world_.calls.end(),
        [&](const auto& args) { return std::find(args.begin(), args.end(), verb) != args.end(); }));
  }

  std::filesystem::path folder_;
  World world_;
  Plan plan_;
  OpenPlan open_;
  RecordedProgress progress_;
  std::optional<Store> store_;
  std::vector<std::string> said_;
  bool disk_full_ = false;
  bool record_holds_ = true;
};

TEST_F(RunTest, WithoutFailuresThereIsNoCallMoreThanApts) {
  for (const char* name : {"a", "b", "c"}) upgrade({.package = name, .version = "2.0"});
  begin();
  EXPECT_EQ(unpack_all().exit_code, 0);
  EXPECT_EQ(configure_pending().exit_code, 0);
  EXPECT_EQ(world_.calls.size(), 2u);
  EXPECT_EQ(world_.state("b"), "ii 2.0");
  EXPECT_TRUE(said_.empty());
  EXPECT_EQ(open_.states, std::vector<StepState>(3, StepState::Done));
}

TEST_F(RunTest, AFailingPreinstKeepsItsStrictDependentsAndNobodyElse) {
  const auto depv = upgrade({.package = "depv", .version = "2.0", .depends = {"foo"}});
  const auto foo = upgrade({.package = "foo", .version = "2.0", .preinst_fails = true});
  upgrade({.package = "other", .version = "2.0"});
  needs(depv, Side::New, foo, Side::New);
  needs(depv, Side::Old, foo, Side::Old);
  begin();
  EXPECT_EQ(unpack_all().exit_code, 0) << "only the run's last call may tell";
  EXPECT_EQ(configure_pending().exit_code, 1);
  EXPECT_EQ(world_.state("foo"), "ii 1.0");
  EXPECT_EQ(world_.state("depv"), "ii 1.0");
  EXPECT_EQ(world_.state("other"), "ii 2.0");
  EXPECT_EQ(open_.states[foo], StepState::FailedOld);
  EXPECT_EQ(open_.states[depv], StepState::Kept);
  ASSERT_EQ(open_.failures.size(), 1u);
  EXPECT_EQ(open_.failures[0].script, "preinst");
  EXPECT_EQ(open_.failures[0].exit_code, 3);
  EXPECT_EQ(open_.failures[0].output, "what the script printed");
  EXPECT_EQ(count_calls("--unpack"), 2) << "one call more for one failure";
  // Each script ran once.
  EXPECT_EQ(std::count(world_.scripts.begin(), world_.scripts.end(), "preinst foo 2.0"), 1);
}

TEST_F(RunTest, APostinstThatFailsIsTriedOnceAndItsDependentsAreNot) {
  const auto foo = upgrade({.package = "foo", .version = "2.0", .postinst_fails = true});
  const auto depv = upgrade({.package = "depv", .version = "2.0", .depends = {"foo"}});
  upgrade({.package = "zoo", .version = "2.0"});
  needs(depv, Side::New, foo, Side::New);
  begin();
  EXPECT_EQ(unpack_all().exit_code, 0);
  EXPECT_EQ(configure_pending().exit_code, 1);
  EXPECT_EQ(world_.state("foo"), "iF 2.0");
  EXPECT_EQ(world_.state("depv"), "iU 2.0");
  EXPECT_EQ(world_.state("zoo"), "ii 2.0");
  EXPECT_EQ(open_.states[depv], StepState::Stranded);
  EXPECT_EQ(std::count(world_.scripts.begin(), world_.scripts.end(), "postinst foo 2.0"), 1);
  EXPECT_EQ(open_.failures.size(), 1u) << "a follow-up is no failure of its own";
}

TEST_F(RunTest, AbortUpgradeThatFailsTooLeavesItBetweenAndTheRestGoesOn) {
  const auto foo = upgrade(
      {.package = "foo", .version = "2.0", .preinst_fails = true, .abort_upgrade_fails = true});
  upgrade({.package = "other", .version = "2.0"});
  begin();
  unpack_all();
  EXPECT_EQ(configure_pending().exit_code, 1);
  EXPECT_EQ(world_.state("foo"), "iHR 1.0");
  EXPECT_EQ(open_.states[foo], StepState::FailedNew);
  EXPECT_EQ(world_.state("other"), "ii 2.0");
}

TEST_F(RunTest, AFileInTheWayIsTriedAgainAfterItsOwnersNewVersion) {
  upgrade({.package = "taker", .version = "2.0", .overwrites = "giver"});
  upgrade({.package = "giver", .version = "2.0"});
  begin();
  EXPECT_EQ(unpack_all().exit_code, 0);
  EXPECT_EQ(configure_pending().exit_code, 0) << "healed within the run";
  EXPECT_EQ(world_.state("taker"), "ii 2.0");
  EXPECT_TRUE(open_.failures.empty());
}

TEST_F(RunTest, AFileInTheWayForGoodIsAFailure) {
  world_.install("owner", "1.0");
  upgrade({.package = "taker", .version = "2.0", .overwrites = "owner"});
  upgrade({.package = "other", .version = "2.0"});
  begin();
  unpack_all();
  EXPECT_EQ(configure_pending().exit_code, 1);
  EXPECT_EQ(world_.state("taker"), "ii 1.0");
  EXPECT_EQ(world_.state("other"), "ii 2.0");
  ASSERT_EQ(open_.failures.size(), 1u);
  EXPECT_EQ(open_.failures[0].script, "");
}

TEST_F(RunTest, AFailedNewInstallationIsGone) {
  upgrade({.package = "fresh", .version = "2.0", .preinst_fails = true}, true);
  upgrade({.package = "other", .version = "2.0"});
  begin();
  unpack_all();
  EXPECT_EQ(configure_pending().exit_code, 1);
  EXPECT_EQ(world_.state("fresh"), "");
  EXPECT_EQ(open_.states[0], StepState::FailedOld);
}

TEST_F(RunTest, AFailingRemovalKeepsWhatConflictsWithIt) {
  const auto gone = removal("gone");
  const auto taker = upgrade({.package = "taker", .version = "2.0"});
  removal("alsogone");
  needs(taker, Side::New, gone, Side::New, ClauseKind::Conflicts);
  world_.prerm_fails = {"gone"};
  begin();
  EXPECT_EQ(call(DpkgCall::Verb::Remove, {"gone", "alsogone"}, false, true).exit_code, 0);
  EXPECT_EQ(unpack_all().exit_code, 0);
  EXPECT_EQ(configure_pending().exit_code, 1);
  EXPECT_EQ(world_.state("gone"), "ri 1.0");
  EXPECT_EQ(world_.state("alsogone"), "");
  EXPECT_EQ(world_.state("taker"), "ii 1.0");
  EXPECT_EQ(open_.failures[0].exit_code, 7);
  EXPECT_EQ(open_.failures[0].phase, Phase::Remove);
}

TEST_F(RunTest, ARemovalThatTheKeptSetNeedsIsNotMade) {
  const auto foo = upgrade({.package = "foo", .version = "2.0", .preinst_fails = true});
  const auto lib = removal("lib");
  needs(foo, Side::Old, lib, Side::Old);
  begin();
  unpack_all();
  world_.db["lib:amd64"].state = "ri";  // apt has selected it
  call(DpkgCall::Verb::Remove, {}, true, true);
  EXPECT_EQ(configure_pending().exit_code, 1);
  EXPECT_EQ(world_.state("lib"), "ri 1.0");
}

TEST_F(RunTest, DpkgsOwnFailureStopsTheRun) {
  upgrade({.package = "a", .version = "2.0"});
  begin();
  world_.fail_call_with = 2;
  EXPECT_EQ(unpack_all().exit_code, 2);
  EXPECT_TRUE(open_.failures.empty());
}

TEST_F(RunTest, AnArchitectureAllPackageIsConfiguredByItsOwnName) {
  upgrade({.package = "foo", .version = "2.0", .postinst_fails = true});
  upgrade({.package = "docs", .version = "2.0", .depends = {"zoo"}, .arch = "all"});
  upgrade({.package = "zoo", .version = "2.0"});
  begin();
  unpack_all();
  EXPECT_EQ(configure_pending().exit_code, 1);
  EXPECT_EQ(world_.state("docs"), "ii 2.0");
  EXPECT_EQ(world_.state("zoo"), "ii 2.0");
  EXPECT_EQ(open_.failures.size(), 1u);
}

TEST_F(RunTest, CtrlCInAScriptStopsTheRunAndBlamesNobody) {
  upgrade({.package = "a", .version = "2.0", .preinst_interrupted = true});
  upgrade({.package = "b", .version = "2.0"});
  begin();
  EXPECT_EQ(unpack_all().exit_code, 1);
  EXPECT_TRUE(open_.failures.empty());
  EXPECT_EQ(world_.calls.size(), 1u);
  EXPECT_EQ(world_.state("b"), "ii 1.0");
}

TEST_F(RunTest, AFullDiskStopsTheRunInsteadOfBlamingEveryPackage) {
  upgrade({.package = "a", .version = "2.0", .preinst_fails = true});
  upgrade({.package = "b", .version = "2.0"});
  begin();
  disk_full_ = true;
  EXPECT_EQ(unpack_all().exit_code, 1);
  EXPECT_TRUE(open_.failures.empty());
  EXPECT_EQ(world_.calls.size(), 1u);
}

TEST_F(RunTest, AnUnknownArchiveIsLeftToTheRealDpkg) {
  upgrade({.package = "a", .version = "2.0"});
  begin();
  EXPECT_FALSE(call(DpkgCall::Verb::Unpack, {"/elsewhere/x.deb"}, false, true).handled);
  EXPECT_TRUE(world_.calls.empty());
}

TEST_F(RunTest, AConffileQuestionWithoutAnswerIsItsOwnFailure) {
  upgrade({.package = "a", .version = "2.0", .conffile_question = true});
  upgrade({.package = "b", .version = "2.0"});
  begin();
  unpack_all();
  EXPECT_EQ(configure_pending().exit_code, 1);
  EXPECT_EQ(world_.state("a"), "iU 2.0");
  EXPECT_EQ(world_.state("b"), "ii 2.0");
  ASSERT_EQ(open_.failures.size(), 1u);
  EXPECT_EQ(open_.failures[0].package, "a:amd64");
}

TEST_F(RunTest, QuietPlansEndWithZero) {
  upgrade({.package = "a", .version = "2.0", .preinst_fails = true});
  PlanFlags flags;
  flags.quiet_exit = true;
  begin(flags);
  EXPECT_EQ(unpack_all().exit_code, 0);
  EXPECT_EQ(configure_pending().exit_code, 0);
}

TEST_F(RunTest, WhatIsLeftIsToldBeforeEachCall) {
  upgrade({.package = "a", .version = "2.0", .preinst_fails = true});
  upgrade({.package = "b", .version = "2.0"});
  upgrade({.package = "c", .version = "2.0"});
  begin();
  unpack_all();
  ASSERT_EQ(progress_.in_calls.size(), 2u);
  EXPECT_EQ(progress_.in_calls[0].size(), 3u);
  EXPECT_EQ(progress_.in_calls[1],
            (std::vector<std::string>{"/archives/b.deb", "/archives/c.deb"}));
}

TEST_F(RunTest, ConfigureByNameAfterAFailureLeavesOutWhatIsDone) {
  const auto foo = upgrade({.package = "foo", .version = "2.0", .preinst_fails = true});
  const auto dep = upgrade({.package = "dep", .version = "2.0"});
  upgrade({.package = "ess", .version = "2.0"});
  needs(dep, Side::New, foo, Side::New);
  begin();
  unpack_all();
  EXPECT_EQ(call(DpkgCall::Verb::Configure, {"ess:amd64", "foo:amd64", "dep:amd64"}, false, true)
                .exit_code,
            0);
  EXPECT_EQ(world_.state("ess"), "ii 2.0");
  EXPECT_EQ(world_.state("dep"), "ii 1.0");
}

TEST_F(RunTest, AFailureThatCannotBeWrittenDownIsToldAtOnce) {
  upgrade({.package = "a", .version = "2.0", .preinst_fails = true});
  upgrade({.package = "b", .version = "2.0"});
  begin();
  open_.id = 999;  // a plan that the store does not have, so that every write fails
  EXPECT_EQ(unpack_all().exit_code, 1);
  EXPECT_EQ(said_.size(), 2u) << "one line for the record, one for the package";
}

TEST_F(RunTest, WhereNoFurtherCallWillKnowTheRestIsDoneBeforeTheFailureIsTold) {
  upgrade({.package = "a", .version = "2.0", .preinst_fails = true});
  upgrade({.package = "b", .version = "2.0"});
  begin();
  record_holds_ = false;
  EXPECT_EQ(unpack_all().exit_code, 1);
  EXPECT_EQ(world_.state("a"), "ii 1.0");
  EXPECT_EQ(world_.state("b"), "ii 2.0");
}

TEST_F(RunTest, WithoutAFailureNothingIsDoneAheadOfItsCall) {
  upgrade({.package = "a", .version = "2.0"});
  begin();
  record_holds_ = false;
  EXPECT_EQ(unpack_all().exit_code, 0);
  EXPECT_EQ(world_.state("a"), "iU 2.0");
}

TEST_F(RunTest, OnlyTheLastCallOwesTheFailure) {
  upgrade({.package = "a", .version = "2.0", .preinst_fails = true});
  upgrade({.package = "b", .version = "2.0"});
  begin();
  unpack_all();
  EXPECT_FALSE(progress_.owed);
  configure_pending();
  EXPECT_TRUE(progress_.owed);
}

TEST_F(RunTest, ARecordThatCannotBeWrittenHarmsNoRunWithoutFailures) {
  upgrade({.package = "a", .version = "2.0"});
  begin();
  open_.id = 999;
  EXPECT_EQ(unpack_all().exit_code, 0);
  EXPECT_EQ(configure_pending().exit_code, 0);
  EXPECT_EQ(world_.state("a"), "ii 2.0");
}

TEST_F(RunTest, TheRecordSurvivesTheProcess) {
  upgrade({.package = "foo", .version = "2.0", .preinst_fails = true});
  begin();
  unpack_all();
  Frontend frontend;
  frontend.pid = 4711;
  frontend.start_time = 1;
  const auto again = store_->open_plan(frontend);
  ASSERT_TRUE(again);
  ASSERT_TRUE(*again);
  EXPECT_EQ((*again)->states[0], StepState::FailedOld);
  ASSERT_EQ((*again)->failures.size(), 1u);
  EXPECT_EQ((*again)->failures[0].message,
            "new foo package pre-installation script subprocess returned error exit status 3");
}

}  // namespace
}  // namespace aptkeep
