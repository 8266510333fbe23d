// Ways back that fail: those of others go well all the same, and what stays new has what it needs.
#include <set>

#include "engine/finish.h"
#include "engine/undo.h"
#include "rollback_fixture.h"

namespace aptkeep {
namespace {

class FailedReturnTest : public RollbackTest {
 protected:
  void adapt(CallPorts& ports) override {
    if (with_forward_) ports.forward = &forward_;
  }
  Archive failing(const std::string& name) {
    Archive archive{name, "2.0"};
    archive.postinst_fails = true;
    return archive;
  }
  // All went well some time ago, and a person wants these back.
  void take_back(const std::set<std::uint32_t>& asked) {
    std::vector<std::string> all;
    for (const Step& step : plan_.steps) all.push_back(step.package);
    memory_.take(all);
    for (const Step& step : plan_.steps) world_.db[step.package] = {"2.0", "amd64", "ii", false};
    if (with_forward_) forward_.take(all);
    begin();
    open_.states.assign(plan_.steps.size(), StepState::Done);
    for (const std::uint32_t step : asked) ask_back(step);
    configure_pending();
  }
  Ending ending() const { return fold(open_, world_.db, {}, 77); }
  std::string summary() const { return summary_text(ending(), "amd64", false); }

  fake::Memory forward_{world_};
  bool with_forward_ = false;
};

TEST_F(FailedReturnTest, OneOfSeveralInACallHarmsNoOther) {
  for (const char* name : {"a", "b", "c", "d"}) upgrade(failing(name));
  memory_.old_preinst_fails = {"b:amd64"};
  memory_.old_postinst_fails = {"c:amd64"};
  begin();
  unpack_all();
  EXPECT_EQ(configure_pending().exit_code, 1);
  EXPECT_EQ(world_.state("a"), "ii 1.0");
  EXPECT_EQ(world_.state("b"), "iF 2.0");
  EXPECT_EQ(world_.state("c"), "iF 1.0");
  EXPECT_EQ(world_.state("d"), "ii 1.0");
  const Ending end = ending();
  EXPECT_TRUE(is_back(end.outcomes[0]));
  EXPECT_FALSE(is_back(end.outcomes[1]));
  EXPECT_FALSE(is_back(end.outcomes[2]));
}

// The new one was configured by name, and alone, in the same call; and it goes back for both.
TEST_F(FailedReturnTest, WhatIsBackIsConfiguredThoughAnotherIsNot) {
  Archive foo{"foo", "2.0"};
  Archive bar{"bar", "2.0"};
  foo.postinst_fails = bar.postinst_fails = true;
  foo_ = upgrade(foo);
  other_ = upgrade({"other", "2.0"});
  const auto bar_step = upgrade(bar);
  needs(foo_, Side::Old, other_, Side::Old);
  needs(bar_step, Side::Old, other_, Side::Old);
  memory_.old_preinst_fails = {"foo:amd64"};
  memory_.old_postinst_fails = {"bar:amd64"};
  begin();
  unpack_all();
  configure_pending();
  EXPECT_EQ(world_.state("foo"), "iF 2.0");
  EXPECT_EQ(world_.state("bar"), "iF 1.0");
  EXPECT_EQ(world_.state("other"), "ii 1.0");
}

// New packages are removed first; what cannot follow would be left without one that it needs.
TEST_F(FailedReturnTest, ANewPackageIsThereAgainForWhatCannotGoBack) {
  const auto foo = upgrade(failing("foo"));
  const auto newer = upgrade({"newer", "2.0"}, true);
  needs(foo, Side::New, newer, Side::New);
  const auto gone = upgrade({"gone", "2.0"}, true);
  needs(gone, Side::New, foo, Side::New);
  needs(newer, Side::New, foo, Side::New);
  memory_.old_preinst_fails = {"foo:amd64"};
  begin();
  unpack_all();
  EXPECT_EQ(configure_pending().exit_code, 1);
  EXPECT_EQ(world_.state("foo"), "iF 2.0");
  EXPECT_EQ(world_.state("newer").substr(3), "2.0");
  EXPECT_EQ(world_.state("gone").substr(3), "2.0");
  EXPECT_TRUE(said("unpacking the new newer, gone again, because of what cannot go back"));
  EXPECT_FALSE(open_.rolled_back[newer]);
}

// Not even when it was told as removed already, and foo tried once more.
TEST_F(FailedReturnTest, ANewPackageIsThereAgainAfterASecondTry) {
  const auto foo = upgrade(failing("foo"));
  const auto newer = upgrade({"newer", "2.0"}, true);
  needs(foo, Side::New, newer, Side::New);
  needs(newer, Side::New, foo, Side::New);
  memory_.old_preinst_killed["foo:amd64"] = 2;
  begin();
  unpack_all();
  configure_pending();
  EXPECT_EQ(world_.state("foo"), "iF 2.0");
  EXPECT_EQ(world_.state("newer").substr(3), "2.0");
  EXPECT_FALSE(open_.rolled_back[newer]);
  const auto again = store_->open_plan(open_.frontend);
  ASSERT_TRUE(again && *again);
  EXPECT_FALSE((*again)->rolled_back[newer]);
}

// foo needs three newcomers, and its old version cannot be unpacked; `spoil`: the second's archive.
// The others are there again all the same.
class NewcomerTest : public FailedReturnTest {
 protected:
  void play(const std::function<void(const std::string& archive)>& spoil) {
    const auto foo = upgrade(failing("foo"));
    std::vector<std::uint32_t> newcomers;
    for (const char* name : {"one", "two", "three"}) {
      newcomers.push_back(upgrade({name, "2.0"}, true));
      needs(foo, Side::New, newcomers.back(), Side::New);
      needs(newcomers.back(), Side::New, foo, Side::New);
    }
    memory_.old_preinst_fails = {"foo:amd64"};
    begin();
    unpack_all();
    spoil(plan_.steps[newcomers[1]].archive);
    configure_pending();
    EXPECT_EQ(world_.state("one").substr(3), "2.0");
    EXPECT_EQ(world_.state("two"), "");
    EXPECT_EQ(world_.state("three").substr(3), "2.0");
    EXPECT_TRUE(said("unable to have the new two again"));
  }
};

TEST_F(NewcomerTest, OneThatCannotBeHadAgainHarmsNoOther) {
  play([&](const std::string& archive) { world_.archives[archive].preinst_fails = true; });
}

TEST_F(NewcomerTest, OneWhoseArchiveIsGoneHarmsNoOther) {
  play([&](const std::string& archive) { world_.archives.erase(archive); });
}

// apt would have it installed anew in each run, or do nothing where that is not to be had.
TEST_F(FailedReturnTest, NothingIsLeftHalfInstalled) {
  const auto foo = upgrade(failing("foo"));
  const auto lib = upgrade({"lib", "2.0"});
  needs(foo, Side::New, lib, Side::New);
  needs(lib, Side::New, foo, Side::New);
  memory_.old_preinst_fails = memory_.old_abort_fails = {"foo:amd64"};
  begin();
  unpack_all();
  EXPECT_EQ(configure_pending().exit_code, 1);
  EXPECT_EQ(world_.state("foo"), "iU 2.0");
  EXPECT_EQ(world_.state("lib").substr(3), "2.0");
  EXPECT_TRUE(said("unpacking the new foo again"));
  EXPECT_EQ(open_.states[foo], StepState::FailedNew);
}

// Its files are in the way of bar's old ones, so that it is removed first.
TEST_F(FailedReturnTest, ByHandANewPackageIsThereAgain) {
  const auto bar = upgrade({"bar", "2.0"});
  const auto moved = upgrade({"moved", "2.0"}, true);
  needs(bar, Side::New, moved, Side::New);
  memory_.in_the_way = {"moved:amd64"};
  memory_.old_preinst_fails = {"bar:amd64"};
  take_back({moved});
  EXPECT_EQ(world_.state("bar"), "ii 2.0");
  EXPECT_EQ(world_.state("moved"), "ii 2.0");
  EXPECT_TRUE(ending().keeps.empty());
  EXPECT_EQ(summary(), "");
  for (const auto& outcome : ending().outcomes) EXPECT_FALSE(is_back(outcome));
}

// Also where its archive is gone: apt removes them by itself.
TEST_F(FailedReturnTest, ByHandANewPackageIsThereAgainWithoutItsArchive) {
  const auto bar = upgrade({"bar", "2.0"});
  const auto moved = upgrade({"moved", "2.0"}, true);
  needs(bar, Side::New, moved, Side::New);
  plan_.steps[moved].archive.clear();
  memory_.in_the_way = {"moved:amd64"};
  memory_.old_preinst_fails = {"bar:amd64"};
  with_forward_ = true;
  take_back({moved});
  EXPECT_EQ(world_.state("moved"), "ii 2.0");
  EXPECT_EQ(std::ranges::count(forward_.log, "settle moved:amd64"), 1);
  EXPECT_EQ(std::ranges::count(forward_.log, "complete moved:amd64"), 1);
}

// Nothing is kept of it then: the pin would have apt remove bar.
TEST_F(FailedReturnTest, ByHandWhatIsMissedIsNotKeptAway) {
  const auto bar = upgrade({"bar", "2.0"});
  const auto moved = upgrade({"moved", "2.0"}, true);
  needs(bar, Side::New, moved, Side::New);
  plan_.steps[moved].archive.clear();
  memory_.in_the_way = {"moved:amd64"};
  memory_.old_preinst_fails = {"bar:amd64"};
  take_back({moved});
  EXPECT_EQ(world_.state("moved"), "");
  EXPECT_TRUE(said("unable to have the new moved again: there is no archive of it"));
  EXPECT_TRUE(ending().keeps.empty());
  EXPECT_EQ(summary(),
            "aptkeep: 1 of 2 package changes taken back:\n"
            "  taken back: moved (removed)\n"
            "  not taken back: bar 2.0\n"
            "aptkeep: see 'aptkeep status'\n");
}

TEST_F(FailedReturnTest, ByHandItIsToldWhichAreBack) {
  const auto stays = upgrade({"stays", "2.0"});
  const auto back = upgrade({"back", "2.0"});
  const auto half = upgrade({"half", "2.0"});
  const auto waits = upgrade({"waits", "2.0"});
  const auto with = upgrade({"with", "2.0"});
  needs(waits, Side::New, half, Side::New);
  needs(waits, Side::Old, half, Side::Old);
  needs(with, Side::New, back, Side::New);
  world_.depends["waits"] = {"half"};
  memory_.old_preinst_fails = {"stays:amd64"};
  memory_.old_postinst_fails = {"half:amd64"};
  take_back({stays, back, half});
  EXPECT_EQ(world_.state("stays"), "ii 2.0");
  EXPECT_EQ(world_.state("back"), "ii 1.0");
  EXPECT_EQ(world_.state("with"), "ii 1.0");
  EXPECT_EQ(world_.state("half"), "iF 1.0");
  EXPECT_EQ(world_.state("waits"), "iU 1.0");
  const std::string text = summary();
  EXPECT_TRUE(
      text.starts_with("aptkeep: 2 of 5 package changes taken back:\n"
                       "  back put back to 1.0 (2.0 before): as you asked\n"
                       "  half 1.0 left unfinished (iF): to be put back, which failed\n"))
      << text;
  EXPECT_TRUE(
      text.ends_with("  taken back: with 1.0\n"
                     "  left unfinished: waits 1.0 (iU)\n"
                     "  not taken back: stays 2.0\n"
                     "aptkeep: see 'aptkeep status'\n"))
      << text;
}

// Nothing else was to go back.
TEST_F(FailedReturnTest, ByHandWhatWentBackForOneThatCannotIsNewAgain) {
  const auto foo = upgrade({"foo", "2.0"});
  const auto newer = upgrade({"newer", "2.0"}, true);
  const auto with = upgrade({"with", "2.0"});
  needs(foo, Side::New, newer, Side::New);
  needs(with, Side::New, foo, Side::New);
  world_.prerm_fails = {"newer"};
  with_forward_ = true;
  take_back({newer});
  EXPECT_EQ(world_.state("foo"), "ii 2.0");
  EXPECT_EQ(world_.state("with"), "ii 2.0");
  EXPECT_EQ(world_.state("newer").substr(1), "i 2.0");
  EXPECT_TRUE(ending().keeps.empty());
}

// The old version is configured, and fails when its triggers are processed.
TEST_F(FailedReturnTest, WhatBecomesUnfinishedAfterItsWayBackIsNotBack) {
  StepOutcome outcome;
  outcome.step.old_version = "1.0";
  outcome.step.new_version = "2.0";
  outcome.db_version = "1.0";
  outcome.db_state = "iF";
  outcome.rolled_back = true;
  EXPECT_FALSE(is_back(outcome));
  outcome.db_state = "it";
  EXPECT_TRUE(is_back(outcome));
  outcome.rolled_back = false;
  EXPECT_FALSE(is_back(outcome));
}

}  // namespace
}  // namespace aptkeep
