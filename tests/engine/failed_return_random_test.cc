// Random runs in which ways back fail at random: what apt would find in the end.
#include "engine/undo.h"
#include "random_runs_fixture.h"

namespace aptkeep {
namespace {

class FailedReturnRandomTest : public RandomRunTest {
 protected:
  void adapt(CallPorts& ports) override {
    RandomRunTest::adapt(ports);
    if (new_) ports.forward = &*new_;
  }

  void fail_ways_back() {
    for (const Step& step : plan_.steps) {
      if (one_in(3)) old_->old_preinst_fails.insert(step.package);
      if (one_in(4)) old_->old_abort_fails.insert(step.package);
      if (one_in(3)) old_->old_postinst_fails.insert(step.package);
      if (one_in(4)) old_->old_preinst_killed[step.package] = one_in(2) ? 1 : 2;
      if (one_in(4)) old_->in_the_way.insert(step.package);
      if (one_in(5)) old_->archive_fails.insert(step.package);
      if (one_in(6)) world_.prerm_fails.insert(step.package.substr(0, step.package.find(':')));
    }
  }

  void expect_others_new(const std::set<std::uint32_t>& failing) {
    for (std::uint32_t i = 0; i < plan_.steps.size(); ++i) {
      if (is_linked_to_any(i, failing)) continue;
      EXPECT_EQ(world_.state(bare(i)), "ii 2.0") << bare(i);
    }
  }

  // Nobody is old who could be new: with it, what is new would still have what it needs.
  void expect_least() {
    std::set<std::string> failed;
    for (const Failure& failure : open_.failures) {
      if (!failure.healed) failed.insert(failure.package);
    }
    for (std::uint32_t i = 0; i < plan_.steps.size(); ++i) {
      if (is_new(i) || failed.contains(plan_.steps[i].package)) continue;
      bool has_reason = false;
      for (const Clause& clause : plan_.clauses) {
        const auto owner = static_cast<std::uint32_t>(clause.owner_step);
        const std::uint32_t target = clause.any_of[0].step;
        has_reason = has_reason ||
                     (owner == i && clause.owner_side == Side::New &&
                      (!is_new(target) || !is_whole(target))) ||
                     (target == i && clause.owner_side == Side::Old && !is_new(owner));
      }
      EXPECT_TRUE(has_reason) << bare(i) << " is old for nothing";
    }
  }

  std::optional<fake::Memory> new_;  // by hand
};

TEST_F(FailedReturnRandomTest, InARun) {
  std::seed_seq seeds{toy::seed_of_run(), std::uint64_t{31}};
  random_.seed(seeds);
  for (std::uint64_t round = toy::rounds(100); round > 0 && !HasFailure(); --round) {
    make_world();
    fail_ways_back();
    const auto failing = fail_some();
    begin();
    unpack_all();
    configure_pending();
    expect_usable();
    expect_others_new(failing);
    expect_least();
    EXPECT_LT(world_.calls.size(), 12 * plan_.steps.size() + 10);
    if (HasFailure()) ADD_FAILURE() << story();
  }
}

TEST_F(FailedReturnRandomTest, ByHand) {
  std::seed_seq seeds{toy::seed_of_run(), std::uint64_t{32}};
  random_.seed(seeds);
  for (std::uint64_t round = toy::rounds(100); round > 0 && !HasFailure(); --round) {
    make_world();
    fail_ways_back();
    new_.emplace(world_);
    std::vector<std::string> all;
    for (const Step& step : plan_.steps) all.push_back(step.package);
    old_->take(all);
    for (Step& step : plan_.steps) {
      const Archive& archive = world_.archives[step.archive];
      world_.db[step.package] = {"2.0", "amd64", "ii", false};
      world_.depends[archive.package] = archive.depends;
      if (one_in(2)) continue;
      new_->take({step.package});
      step.archive.clear();
    }
    begin();
    open_.states.assign(plan_.steps.size(), StepState::Done);
    const std::uint32_t asked = any();
    ask_back(asked);
    configure_pending();
    expect_usable();
    expect_others_new({asked});
    expect_least();
    if (HasFailure()) ADD_FAILURE() << story();
  }
}

}  // namespace
}  // namespace aptkeep
