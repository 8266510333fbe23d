// The end of a run, from the database's answer alone.
#include <gtest/gtest.h>

#include <algorithm>

#include "engine/finish.h"
#include "engine/plain.h"
#include "engine/undo.h"

namespace aptkeep {
namespace {

struct Case {
  OpenPlan open;
  DbSnapshot db;
  std::vector<Keep> active;

  Case() { open.flags.native_arch = "amd64"; }

  std::uint32_t step(const std::string& name, const std::string& old_version,
                     const std::string& new_version, const std::string& db_state,
                     const std::string& db_version) {
    Step made;
    made.package = name + ":amd64";
    made.action = new_version.empty()   ? Action::Remove
                  : old_version.empty() ? Action::Install
                                        : Action::Upgrade;
    made.old_version = old_version;
    made.new_version = new_version;
    open.plan.steps.push_back(made);
    open.states.push_back(StepState::Waiting);
    if (!db_state.empty()) db[made.package] = DbPackage{db_version, "amd64", db_state, false};
    return static_cast<std::uint32_t>(open.plan.steps.size() - 1);
  }
  void fails(std::uint32_t index, Phase phase, const std::string& script) {
    Failure failure;
    failure.package = open.plan.steps[index].package;
    failure.step = static_cast<std::int32_t>(index);
    failure.version = open.plan.steps[index].new_version;
    failure.old_version = open.plan.steps[index].old_version;
    failure.phase = phase;
    failure.script = script;
    failure.exit_code = 1;
    open.failures.push_back(failure);
  }
  void needs(std::uint32_t owner, std::uint32_t target) {
    Clause clause;
    clause.owner_step = static_cast<std::int32_t>(owner);
    clause.owner_side = Side::New;
    clause.owner = open.plan.steps[owner].package;
    clause.relation = "foo (= 2.0)";
    clause.any_of = {{target, Side::New}};
    open.plan.clauses.push_back(clause);
  }
  Ending fold() const { return aptkeep::fold(open, db, active, 77); }
};

TEST(Fold, APurgeThatFailedIsNotDoneWithTheFilesGone) {
  Case c;
  const auto gone = c.step("gone", "1.0", "", "ic", "1.0");
  const auto purged = c.step("purged", "1.0", "", "", "");
  const auto cleared = c.step("cleared", "", "", "ic", "1.0");  // was removed before
  for (const auto step : {gone, purged, cleared}) c.open.plan.steps[step].action = Action::Purge;
  c.fails(gone, Phase::Purge, "postrm");
  c.fails(cleared, Phase::Purge, "postrm");
  const auto ending = c.fold();
  EXPECT_EQ(ending.outcomes[gone].state, StepState::FailedNew);
  EXPECT_EQ(ending.outcomes[purged].state, StepState::Done);
  EXPECT_EQ(ending.outcomes[cleared].state, StepState::FailedNew);
  ASSERT_EQ(ending.keeps.size(), 2U);
  EXPECT_EQ(ending.keeps[0].phase, Phase::Purge);

  Case later;
  later.active = ending.keeps;
  later.db["gone:amd64"] = DbPackage{"1.0", "amd64", "ic", false};
  EXPECT_EQ(later.fold().lifted, std::vector<std::string>{"cleared:amd64"});
}

TEST(Fold, APurgeThatTheHookWasNotToldOfIsKnownByItsFailure) {
  Case c;
  const auto gone = c.step("gone", "1.0", "", "ic", "1.0");
  const auto removed = c.step("removed", "1.0", "", "ic", "1.0");
  c.fails(gone, Phase::Purge, "postrm");
  c.fails(removed, Phase::Remove, "postrm");
  const auto ending = c.fold();
  EXPECT_EQ(ending.outcomes[gone].state, StepState::FailedNew);
  EXPECT_EQ(ending.outcomes[removed].state, StepState::Done);
}

TEST(Fold, TheDatabaseDecidesWhatIsDone) {
  Case c;
  c.step("a", "1.0", "2.0", "ii", "2.0");
  c.step("b", "1.0", "", "", "");
  c.step("c", "1.0", "", "rc", "1.0");
  const Ending ending = c.fold();
  for (const auto& outcome : ending.outcomes) EXPECT_EQ(outcome.state, StepState::Done);
  EXPECT_TRUE(ending.keeps.empty());
  EXPECT_EQ(ending.note, "");
}

TEST(Fold, AFailedOneIsKeptWithItsCauseAndSoIsWhatNeedsIt) {
  Case c;
  const auto foo = c.step("foo", "1.0", "2.0", "ii", "1.0");
  const auto dep = c.step("dep", "1.0", "2.0", "ii", "1.0");
  c.fails(foo, Phase::Unpack, "preinst");
  c.needs(dep, foo);
  c.open.states[dep] = StepState::Kept;
  const Ending ending = c.fold();
  ASSERT_EQ(ending.keeps.size(), 2u);
  EXPECT_EQ(ending.keeps[0].package, "foo:amd64");
  EXPECT_TRUE(ending.keeps[0].failed);
  EXPECT_EQ(ending.keeps[0].script, "preinst");
  EXPECT_EQ(ending.keeps[1].root, "foo:amd64");
  EXPECT_FALSE(ending.keeps[1].failed);
  ASSERT_GE(ending.keeps[1].cause.size(), 2u);
  EXPECT_NE(ending.keeps[1].cause[0].find("foo (= 2.0)"), std::string::npos);
  EXPECT_EQ(ending.keeps[1].since, 77);
}

TEST(Fold, HalfConfiguredAndWhatWaitsForItAreToldApart) {
  Case c;
  const auto foo = c.step("foo", "1.0", "2.0", "iF", "2.0");
  const auto dep = c.step("dep", "1.0", "2.0", "iU", "2.0");
  c.fails(foo, Phase::Configure, "postinst");
  c.needs(dep, foo);
  const Ending ending = c.fold();
  EXPECT_EQ(ending.outcomes[foo].state, StepState::FailedNew);
  EXPECT_EQ(ending.outcomes[dep].state, StepState::Stranded);
  EXPECT_EQ(ending.keeps[0].db_state, "iF");
}

TEST(Fold, AnInterruptedRunBlamesNobody) {
  Case c;
  c.step("a", "1.0", "2.0", "ii", "2.0");
  c.step("b", "1.0", "2.0", "ii", "1.0");
  const Ending ending = c.fold();
  EXPECT_EQ(ending.outcomes[1].state, StepState::NotReached);
  EXPECT_TRUE(ending.keeps.empty());
  EXPECT_EQ(ending.note, "interrupted");
}

TEST(Fold, AHealedFailureIsNone) {
  Case c;
  const auto a = c.step("a", "1.0", "2.0", "ii", "2.0");
  c.fails(a, Phase::Unpack, "");
  c.open.failures[0].healed = true;
  EXPECT_TRUE(c.fold().keeps.empty());
}

TEST(Fold, AKeepEndsWithANewerVersionAndTakesItsDependentsAlong) {
  Case c;
  Keep foo;
  foo.package = foo.root = "foo:amd64";
  foo.version = "2.0";
  foo.old_version = "1.0";
  foo.failed = true;
  Keep dep = foo;
  dep.package = "dep:amd64";
  dep.failed = false;
  Keep other = foo;
  other.package = other.root = "other:amd64";
  c.active = {foo, dep, other};
  c.db["foo:amd64"] = DbPackage{"2.1", "amd64", "ii", false};
  c.db["dep:amd64"] = DbPackage{"1.0", "amd64", "ii", false};
  c.db["other:amd64"] = DbPackage{"1.0", "amd64", "ii", false};
  auto lifted = c.fold().lifted;
  std::sort(lifted.begin(), lifted.end());
  EXPECT_EQ(lifted, (std::vector<std::string>{"dep:amd64", "foo:amd64"}));
}

TEST(Fold, AKeepOfAnUnfinishedPackageEndsWhenItIsConfigured) {
  Case c;
  Keep foo;
  foo.package = foo.root = "foo:amd64";
  foo.version = "2.0";
  foo.old_version = "1.0";
  foo.failed = true;
  foo.db_state = "iF";
  c.active = {foo};
  c.db["foo:amd64"] = DbPackage{"2.0", "amd64", "iF", false};
  EXPECT_TRUE(c.fold().lifted.empty());
  c.db["foo:amd64"].state = "ii";
  EXPECT_EQ(c.fold().lifted, std::vector<std::string>{"foo:amd64"});
}

TEST(Fold, ATriggersHandlerOutsideThePlanIsKeptToo) {
  Case c;
  c.step("a", "1.0", "2.0", "ii", "2.0");
  Failure failure;
  failure.package = "handler:amd64";
  failure.version = "5";
  failure.phase = Phase::Trigger;
  failure.script = "postinst";
  c.open.failures.push_back(failure);
  c.db["handler:amd64"] = DbPackage{"5", "amd64", "iF", false};
  const Ending ending = c.fold();
  ASSERT_EQ(ending.keeps.size(), 1u);
  EXPECT_EQ(ending.keeps[0].package, "handler:amd64");
  EXPECT_EQ(ending.keeps[0].phase, Phase::Trigger);
}

TEST(Summary, NamesSecurityFirstAndSaysNothingWhenAllIsWell) {
  Case c;
  const auto a = c.step("a", "1.0", "2.0", "ii", "1.0");
  const auto b = c.step("b", "1.0", "2.0", "ii", "1.0");
  c.open.plan.steps[b].security = true;
  c.fails(a, Phase::Unpack, "preinst");
  c.fails(b, Phase::Unpack, "preinst");
  const std::string text = summary_text(c.fold(), "amd64", false);
  EXPECT_LT(text.find("  b kept at 1.0 (2.0 tried): preinst exit 1  SECURITY"), text.find("  a "));
  EXPECT_EQ(summary_text(Case().fold(), "amd64", false), "");
}

TEST(Summary, SaysWhyAFailedOneWasNotPutBack) {
  Case c;
  const auto db = c.step("db", "1.0", "2.0", "uF", "2.0");
  const auto old = c.step("old", "1.0", "2.0", "ii", "1.0");
  c.open.plan.steps[db].never_back = "its data were converted";
  c.open.plan.steps[old].never_back = "nothing had to be put back";
  c.fails(db, Phase::Configure, "postinst");
  c.fails(old, Phase::Unpack, "preinst");
  const std::string text = summary_text(c.fold(), "amd64", false);
  EXPECT_NE(text.find("  db 2.0 left unfinished (uF): postinst exit 1\n"
                      "    not put back, because its data were converted\n"),
            std::string::npos)
      << text;
  EXPECT_EQ(text.find("nothing had"), std::string::npos) << text;
}

TEST(Fold, SaysWhyWhatItLeavesBetweenWasNotPutBack) {
  Case c;
  const auto db = c.step("db", "1.0", "2.0", "iF", "2.0");
  const auto lost = c.step("lost", "1.0", "2.0", "iF", "2.0");
  const auto again = c.step("again", "1.0", "2.0", "iF", "2.0");
  c.open.plan.steps[db].never_back = "its data were converted";
  for (const auto step : {db, lost, again}) c.fails(step, Phase::Configure, "postinst");
  c.fails(again, Phase::Configure, "postinst");
  c.open.failures.back().version = "1.0";
  const Ending ending =
      fold(c.open, c.db, {}, 7, [](const std::string& package) { return package != "lost:amd64"; });
  ASSERT_EQ(ending.keeps.size(), 3u);
  EXPECT_EQ(ending.keeps[0].cause.back(), "db not put back, because its data were converted");
  EXPECT_EQ(ending.keeps[1].cause.back(), "lost not put back, because there is no snapshot of it");
  EXPECT_EQ(ending.keeps[2].cause.back(), "again not put back, because putting it back failed");
  c.open.flags.rollback = false;
  EXPECT_EQ(c.fold().keeps[1].cause.back(), "lost not put back, because rollback is switched off");
}

TEST(Fold, WhatAnEarlierRunLeftUnconfiguredIsLeftAlone) {
  Case c;
  const auto db = c.step("db", "2.0", "2.0", "uF", "2.0");
  c.open.plan.steps[db].action = Action::Configure;
  Keep before;
  before.package = "db:amd64";
  before.version = "2.0";
  before.failed = true;
  before.cause = {"db failed", "db not put back, because its data were converted"};
  c.active = {before};
  Ending ending = c.fold();
  EXPECT_TRUE(ending.keeps.empty());
  EXPECT_TRUE(ending.lifted.empty());
  EXPECT_EQ(ending.note, "") << "nobody interrupted anything";
  EXPECT_EQ(ending.outcomes[0].state, StepState::Kept);
  EXPECT_EQ(ending.outcomes[0].cause, before.cause);

  c.db["db:amd64"].state = "ui";
  EXPECT_EQ(c.fold().lifted, std::vector<std::string>{"db:amd64"}) << "somebody configured it";
  c.db["db:amd64"].state = "uF";

  const auto other = c.step("other", "1.0", "2.0", "ii", "1.0");
  c.fails(other, Phase::Unpack, "preinst");
  ending = c.fold();
  ASSERT_EQ(ending.keeps.size(), 1u) << "db's keep stays as it was";
  EXPECT_EQ(ending.keeps[0].package, "other:amd64");
  EXPECT_TRUE(ending.lifted.empty());
  EXPECT_EQ(
      summary_text(ending, "amd64", false).find("aptkeep: 0 of 1 package changes done, 1 not"), 0u);
}

TEST(Fold, ALaterTryLeavesTheReasonOfTheFirst) {
  Case c;
  const auto db = c.step("db", "2.0", "2.0", "uF", "2.0");
  c.open.plan.steps[db].action = Action::Configure;
  c.fails(db, Phase::Configure, "postinst");
  EXPECT_EQ(c.fold().keeps[0].cause.back(),
            "db not put back, because what it was before is not known");
  Keep before;
  before.package = "db:amd64";
  before.version = "2.0";
  before.cause = {"db failed", "db not put back, because its data were converted"};
  c.active = {before};
  EXPECT_EQ(c.fold().keeps[0].cause.back(), before.cause.back());
}

TEST(Fold, WhatAPersonHadPutBackHasNotFailed) {
  Case c;
  const auto foo = c.step("foo", "1.0", "2.0", "ii", "1.0");
  const auto dep = c.step("dep", "1.0", "2.0", "ii", "1.0");
  c.needs(dep, foo);
  c.open.states[dep] = StepState::Kept;
  c.fails(foo, Phase::Configure, "");
  c.open.failures.back().exit_code = -1;
  c.open.failures.back().message = kPutBackOnRequest;
  c.open.rolled_back = {true, true};
  const Ending ending = c.fold();
  ASSERT_EQ(ending.keeps.size(), 2u);
  EXPECT_EQ(ending.keeps[1].cause.back(), "foo put back on request");
  EXPECT_EQ(summary_text(ending, "amd64", false),
            "aptkeep: 2 of 2 package changes taken back:\n"
            "  foo put back to 1.0 (2.0 before): as you asked\n"
            "  and 1 more because of it, all put back\n"
            "aptkeep: see 'aptkeep status'\n");
}

TEST(Summary, SaysWhatWasPutBackAndWhatRemains) {
  Case c;
  const auto foo = c.step("foo", "1.0", "2.0", "ii", "1.0");
  const auto fresh = c.step("fresh", "", "2.0", "", "");
  c.fails(foo, Phase::Configure, "postinst");
  c.fails(fresh, Phase::Configure, "postinst");
  c.open.rolled_back = {true, true};
  c.open.remains[foo] = {"/etc/foo: mode 0600, was 0640"};
  const std::string text = summary_text(c.fold(), "amd64", false);
  EXPECT_NE(text.find("  foo put back to 1.0 (2.0 tried): postinst exit 1\n"
                      "    not as it was: /etc/foo: mode 0600, was 0640\n"
                      "  fresh 2.0 removed again: postinst exit 1\n"),
            std::string::npos)
      << text;
}

TEST(Summary, WhatFailsOutsideThePlanIsNoneOfItsChanges) {
  Case c;
  c.step("foo", "1.0", "2.0", "ii", "2.0");
  Failure failure;
  failure.package = "handler:amd64";
  failure.version = failure.old_version = "1.0";
  failure.phase = Phase::Configure;
  failure.script = "postinst";
  failure.exit_code = 1;
  c.open.failures.push_back(failure);
  c.db["handler:amd64"] = DbPackage{"1.0", "amd64", "iF", false};
  EXPECT_TRUE(summary_text(c.fold(), "amd64", false)
                  .starts_with("aptkeep: 1 of 1 package changes done, but 1 other package "
                               "failed:\n"));
  const auto bar = c.step("bar", "1.0", "2.0", "ii", "1.0");
  c.fails(bar, Phase::Unpack, "preinst");
  EXPECT_TRUE(summary_text(c.fold(), "amd64", false)
                  .starts_with("aptkeep: 1 of 2 package changes done, 1 not, and 1 other package "
                               "failed:\n"));
}

TEST(PlainDpkg, FailuresAreToldFromTheLogAndTheDatabase) {
  Case c;
  c.step("good", "1.0", "2.0", "ii", "2.0");
  c.step("putback", "1.0", "2.0", "ii", "1.0");
  c.step("half", "1.0", "2.0", "iF", "2.0");
  c.step("gone", "1.0", "", "", "");
  c.step("stays", "1.0", "", "ri", "1.0");
  c.step("unpacked", "1.0", "2.0", "iU", "2.0");
  const auto failures = failures_of_plain_call(c.open.plan.steps, c.db, false);
  ASSERT_EQ(failures.size(), 4u);
  EXPECT_EQ(failures[0].package, "putback:amd64");
  EXPECT_EQ(failures[0].phase, Phase::Unpack);
  EXPECT_EQ(failures[1].package, "half:amd64");
  EXPECT_EQ(failures[1].phase, Phase::Configure);
  EXPECT_EQ(failures[2].phase, Phase::Remove);
  EXPECT_EQ(failures[3].package, "unpacked:amd64");
  EXPECT_EQ(failures_of_plain_call(c.open.plan.steps, c.db, true).size(), 3u)
      << "after dpkg --unpack, unpacked is what was asked for";
}

TEST(PlainDpkg, OnlyCallsThatChangeThisSystemCount) {
  EXPECT_TRUE(changes_packages_here({"dpkg", "-i", "a.deb"}));
  EXPECT_TRUE(changes_packages_here({"dpkg", "--configure", "-a"}));
  EXPECT_FALSE(changes_packages_here({"dpkg", "--no-act", "-i", "a.deb"}));
  EXPECT_FALSE(changes_packages_here({"dpkg", "--root=/mnt", "-i", "a.deb"}));
  EXPECT_FALSE(changes_packages_here({"dpkg", "--root", "/mnt", "-i", "a.deb"}));
  EXPECT_FALSE(changes_packages_here({"dpkg", "--admindir=/mnt/var/lib/dpkg", "-i", "a.deb"}));
  EXPECT_TRUE(changes_packages_here({"dpkg", "--root=/", "-i", "a.deb"}));
  EXPECT_TRUE(changes_packages_here({"dpkg", "--admindir", "/var/lib/dpkg", "-i", "a.deb"}));
  EXPECT_FALSE(changes_packages_here({"dpkg", "-l"}));
}

}  // namespace
}  // namespace aptkeep
