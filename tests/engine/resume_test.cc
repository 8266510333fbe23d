// What is done with a plan whose frontend was killed.
#include <algorithm>
#include <set>

#include "engine/finish.h"
#include "run_fixture.h"

namespace aptkeep {
namespace {

class ResumeTest : public RunTest {
 protected:
  ResumeTest() { with_snapshots_ = true; }

  // `killed`: the launcher has seen the driver die.
  Ending end_run(bool killed = false) {
    FinishPorts ports = finish_ports(memory_);
    if (killed) ports.driver_was_killed = [] { return true; };
    auto ending = finish_plan(open_.frontend, ports, (folder_ / "pins").string(), 2000);
    if (!ending) ADD_FAILURE() << ending.error().message;
    return ending ? std::move(*ending) : Ending{};
  }
  void record_failure_of_foo(std::uint32_t step) {
    Failure failure;
    failure.package = "foo:amd64";
    failure.step = static_cast<std::int32_t>(step);
    failure.version = "2.0";
    failure.old_version = "1.0";
    failure.phase = Phase::Configure;
    ASSERT_TRUE(store_->add_failure(open_.id, failure));
  }
  // Between the record of foo's failing postinst and its way back.
  void fail_foo_and_kill_the_driver() {
    Archive foo{"foo", "2.0"};
    foo.postinst_fails = true;
    const auto step = upgrade(foo);
    begin();
    unpack_all();
    record_failure_of_foo(step);
    ASSERT_TRUE(store_->set_states(open_.id, {{step, StepState::FailedNew}}));
    ASSERT_TRUE(world_.run({"--configure", "--pending"}));
  }
  // dpkg was killed amid bar, which needs foo, whose preinst will fail.
  void tear_bar() {
    Archive foo{"foo", "2.0"};
    foo.preinst_fails = true;
    const auto step = upgrade(foo);
    const auto bar = upgrade({"bar", "2.0", {"foo"}});
    needs(bar, Side::New, step, Side::New);
    begin();
    memory_.take({"foo:amd64", "bar:amd64"});
    world_.db["bar:amd64"].state = "iHR";
  }
  void resume_now() {
    FinishPorts ports = finish_ports(memory_);
    // As another process finds it: from the record, not from this one's memory.
    const auto found = store_->unended_plan();
    ASSERT_TRUE(found);
    ASSERT_TRUE(*found);
    open_ = **found;
    ports.is_file = [this](const std::string& path) { return !lost_.contains(path); };
    const Status done = resume(open_, ports);
    ASSERT_TRUE(done) << done.error().message;
  }
  CallEnd unpack(const std::vector<std::string>& names) {
    std::vector<std::string> archives;
    for (const auto& name : names) archives.push_back("/archives/" + name + ".deb");
    return call(DpkgCall::Verb::Unpack, archives, false, true);
  }

  std::set<std::string> lost_;  // archives that are gone
};

TEST_F(ResumeTest, WhatIsUnpackedIsConfigured) {
  upgrade({"foo", "2.0"});
  upgrade({"bar", "2.0", {"foo"}});
  begin();
  unpack_all();
  resume_now();
  EXPECT_EQ(world_.state("foo"), "ii 2.0");
  EXPECT_EQ(world_.state("bar"), "ii 2.0");
}

TEST_F(ResumeTest, WhatWasNotBegunAndIsNotNeededIsLeftAlone) {
  upgrade({"foo", "2.0"});
  upgrade({"bar", "2.0"});
  begin();
  unpack({"foo"});
  resume_now();
  EXPECT_EQ(world_.state("foo"), "ii 2.0");
  EXPECT_EQ(world_.state("bar"), "ii 1.0");
}

TEST_F(ResumeTest, WhatTheUnpackedNeedIsUnpackedToo) {
  const auto foo = upgrade({"foo", "2.0", {"bar"}});
  const auto bar = upgrade({"bar", "2.0"});
  upgrade({"other", "2.0"});
  needs(foo, Side::New, bar, Side::New);
  begin();
  unpack({"foo"});
  resume_now();
  EXPECT_EQ(world_.state("foo"), "ii 2.0");
  EXPECT_EQ(world_.state("bar"), "ii 2.0");
  EXPECT_EQ(world_.state("other"), "ii 1.0");
}

TEST_F(ResumeTest, WhatCannotBeFinishedGoesBack) {
  const auto foo = upgrade({"foo", "2.0", {"bar"}});
  const auto bar = upgrade({"bar", "2.0"});
  needs(foo, Side::New, bar, Side::New);
  world_.depends["foo"] = {};
  begin();
  unpack({"foo"});
  lost_ = {"/archives/bar.deb"};
  resume_now();
  EXPECT_EQ(world_.state("foo"), "ii 1.0");
  EXPECT_EQ(world_.state("bar"), "ii 1.0");
}

TEST_F(ResumeTest, WhatDpkgWasAmidOfIsUnpackedAgain) {
  upgrade({"foo", "2.0"});
  begin();
  world_.db["foo:amd64"].state = "iHR";
  resume_now();
  EXPECT_EQ(world_.state("foo"), "ii 2.0");
}

TEST_F(ResumeTest, WhatDpkgWasAmidOfGoesBackWhereItsArchiveIsGone) {
  upgrade({"foo", "2.0"});
  begin();
  memory_.take({"foo:amd64"});
  world_.db["foo:amd64"].state = "iHR";
  lost_ = {"/archives/foo.deb"};
  resume_now();
  EXPECT_EQ(world_.state("foo"), "ii 1.0");
}

TEST_F(ResumeTest, WhatWasOnItsWayBackArrives) {
  Archive foo{"foo", "2.0"};
  foo.postinst_fails = true;
  const auto step = upgrade(foo);
  const auto depv = upgrade({"depv", "2.0", {"foo"}});
  needs(depv, Side::New, step, Side::New);
  needs(depv, Side::Old, step, Side::Old);
  begin();
  unpack_all();
  // Killed when foo's old version was unpacked, and depv's was not.
  record_failure_of_foo(step);
  ASSERT_TRUE(
      store_->set_states(open_.id, {{step, StepState::Returning}, {depv, StepState::Returning}}));
  const auto archive = memory_.archive("foo:amd64");
  ASSERT_TRUE(archive && world_.run({"--unpack", *archive}));
  resume_now();
  EXPECT_EQ(world_.state("foo"), "ii 1.0");
  EXPECT_EQ(world_.state("depv"), "ii 1.0");
  EXPECT_EQ(std::count(memory_.log.begin(), memory_.log.end(), "complete foo:amd64"), 1);
}

// The driver was killed, and dpkg went on alone: apt's run ends as if nothing had happened.
TEST_F(ResumeTest, WhatDpkgAloneBroughtBackIsCompletedAtTheEnd) {
  const auto foo = upgrade({"foo", "2.0"});
  upgrade({"bar", "2.0"});
  begin();
  unpack_all();
  ASSERT_TRUE(store_->set_states(open_.id, {{foo, StepState::Returning}}));
  const auto archive = memory_.archive("foo:amd64");
  ASSERT_TRUE(archive && world_.run({"--unpack", *archive}));
  ASSERT_TRUE(world_.run({"--configure", "--pending"}));
  ASSERT_EQ(world_.state("foo"), "ii 1.0");
  end_run();
  const std::vector<std::string> last{memory_.log.end() - 2, memory_.log.end()};
  EXPECT_EQ(last, (std::vector<std::string>{"settle foo:amd64", "complete foo:amd64"}));
}

TEST_F(ResumeTest, AWayBackThatDpkgsDeathCutOffIsGoneAtTheEnd) {
  Archive foo{"foo", "2.0"};
  foo.postinst_fails = true;
  upgrade(foo);
  begin();
  unpack_all();
  world_.killed_at = "foo";
  world_.kills = 2;  // the driver itself tries again once
  configure_pending();
  ASSERT_EQ(world_.state("foo"), "iHR 2.0");
  const Ending ending = end_run();
  EXPECT_EQ(world_.state("foo"), "ii 1.0");
  EXPECT_EQ(ending.keeps.size(), 1u);
}

// The driver and dpkg were killed amid bar; the next call's driver kept it for foo's sake.
TEST_F(ResumeTest, WhatIsKeptAndTornIsMendedAtTheEnd) {
  tear_bar();
  unpack({"foo"});
  configure_pending();
  end_run();
  EXPECT_EQ(world_.state("foo"), "ii 1.0");
  EXPECT_EQ(world_.state("bar"), "ii 1.0");
}

TEST_F(ResumeTest, WhatHadFailedBeforeTheDriverWasKilledGoesBackAtTheEnd) {
  fail_foo_and_kill_the_driver();
  ASSERT_EQ(world_.state("foo"), "iF 2.0");
  end_run(true);
  EXPECT_EQ(world_.state("foo"), "ii 1.0");
}

// As above, with the launcher killed as well, so that nobody can say so.
TEST_F(ResumeTest, WhatHadFailedGoesBackThoughNobodyToldOfTheDriversDeath) {
  fail_foo_and_kill_the_driver();
  end_run();
  EXPECT_EQ(world_.state("foo"), "ii 1.0");
}

// dpkg was killed when all but its last triggers was done.
TEST_F(ResumeTest, TriggersThatAreLeftAreProcessedAtTheEnd) {
  upgrade({.package = "foo", .version = "2.0", .trigger_fails = true});
  begin();
  unpack_all();
  ASSERT_TRUE(world_.run({"--no-triggers", "--configure", "--pending"}));
  ASSERT_EQ(world_.state("foo"), "it 2.0");
  end_run();
  EXPECT_EQ(world_.state("foo"), "ii 1.0");
}

// Its way back has failed: that is the end of it, not the driver's.
TEST_F(ResumeTest, WhatCouldNotGoBackIsNotTriedAgainAtTheEnd) {
  Archive foo{"foo", "2.0"};
  foo.postinst_fails = true;
  upgrade(foo);
  memory_.old_postinst_fails.insert("foo:amd64");
  begin();
  unpack_all();
  configure_pending();
  ASSERT_EQ(world_.state("foo"), "iF 1.0");
  const auto calls = world_.calls.size();
  end_run();
  EXPECT_EQ(world_.calls.size(), calls);
}

TEST_F(ResumeTest, WhatIsTornAndCannotBeFinishedAfterAllGoesBack) {
  tear_bar();
  resume_now();
  EXPECT_EQ(world_.state("foo"), "ii 1.0");
  EXPECT_EQ(world_.state("bar"), "ii 1.0");
}

TEST_F(ResumeTest, AFailureInWhatIsFinishedGoesBackAsInAnyRun) {
  Archive foo{"foo", "2.0"};
  foo.postinst_fails = true;
  upgrade(foo);
  upgrade({"bar", "2.0"});
  begin();
  unpack_all();
  resume_now();
  EXPECT_EQ(world_.state("foo"), "ii 1.0");
  EXPECT_EQ(world_.state("bar"), "ii 2.0");
}

TEST_F(ResumeTest, ADpkgThatIsKilledInItIsNotItsEnd) {
  upgrade({"foo", "2.0"});
  upgrade({"bar", "2.0", {"foo"}});
  begin();
  unpack_all();
  world_.killed_configuring = "foo";
  resume_now();
  EXPECT_EQ(world_.state("foo"), "ii 2.0");
  EXPECT_EQ(world_.state("bar"), "ii 2.0");
}

TEST_F(ResumeTest, TwiceIsAsGoodAsOnce) {
  upgrade({"foo", "2.0"});
  begin();
  unpack_all();
  resume_now();
  const auto calls = world_.calls.size();
  resume_now();
  EXPECT_EQ(world_.state("foo"), "ii 2.0");
  EXPECT_LE(world_.calls.size(), calls + 2);
}

}  // namespace
}  // namespace aptkeep
