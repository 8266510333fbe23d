// Random runs: packages that need each other, some of which fail.
#pragma once

#include <map>
#include <random>
#include <set>

#include "../core/toy_seed.h"
#include "run_fixture.h"

namespace aptkeep {

class RandomRunTest : public RunTest {
 protected:
  void adapt(CallPorts& ports) override { ports.snapshots = &*old_; }
  bool one_in(unsigned chances) { return random_() % chances == 0; }
  std::uint32_t any() { return static_cast<std::uint32_t>(random_() % plan_.steps.size()); }

  // "OWNER needs the TARGET of its own side"; a newcomer has no old one.
  void relate(std::uint32_t owner, std::uint32_t target) {
    const auto fresh = [&](std::uint32_t step) { return plan_.steps[step].old_version.empty(); };
    if (owner == target) return;
    const std::string name = bare(owner);
    if (!one_in(3)) {
      needs(owner, Side::New, target, Side::New);
      // Without circles: the dpkg in memory does not break them.
      if (owner > target)
        world_.archives[plan_.steps[owner].archive].depends.push_back(bare(target));
    }
    if (!one_in(3) && !fresh(owner) && !fresh(target)) {
      needs(owner, Side::Old, target, Side::Old);
      if (owner > target) world_.depends[name].push_back(bare(target));
    }
    linked_[owner].insert(target);
    linked_[target].insert(owner);
  }
  std::string bare(std::uint32_t step) const {
    return plan_.steps[step].package.substr(0, plan_.steps[step].package.find(':'));
  }

  void make_world() {
    world_ = World{};
    plan_ = Plan{};
    linked_.clear();
    said_.clear();
    old_.emplace(world_);
    const std::size_t count = 2 + random_() % 6;
    for (std::size_t i = 0; i < count; ++i) upgrade({"p" + std::to_string(i), "2.0"}, one_in(4));
    for (std::size_t i = random_() % (2 * count); i > 0; --i) relate(any(), any());
  }
  std::set<std::uint32_t> fail_some() {
    std::set<std::uint32_t> failing;
    for (std::uint32_t i = 0; i < plan_.steps.size(); ++i) {
      if (!one_in(3)) continue;
      world_.archives[plan_.steps[i].archive].postinst_fails = true;
      failing.insert(i);
    }
    return failing;
  }

  bool is_torn(std::uint32_t step) const {
    const auto entry = world_.db.find(plan_.steps[step].package);
    return entry != world_.db.end() && entry->second.state.size() > 2;
  }
  bool is_new(std::uint32_t step) const {
    const auto entry = world_.db.find(plan_.steps[step].package);
    return entry != world_.db.end() && entry->second.version == "2.0";
  }
  bool is_whole(std::uint32_t step) const {
    const auto entry = world_.db.find(plan_.steps[step].package);
    return entry == world_.db.end() || entry->second.configured();
  }
  bool is_linked_to_any(std::uint32_t step, const std::set<std::uint32_t>& ones) const {
    std::set<std::uint32_t> reached = ones;
    std::vector<std::uint32_t> left(ones.begin(), ones.end());
    while (!left.empty()) {
      const std::uint32_t one = left.back();
      left.pop_back();
      const auto links = linked_.find(one);
      if (links == linked_.end()) continue;
      for (const std::uint32_t other : links->second) {
        if (reached.insert(other).second) left.push_back(other);
      }
    }
    return reached.contains(step);
  }

  // apt would do something yet, and whoever is not whole has failed or waits for such a one.
  void expect_usable() {
    for (const Clause& clause : plan_.clauses) {
      const auto owner = static_cast<std::uint32_t>(clause.owner_step);
      const std::uint32_t target = clause.any_of[0].step;
      if (is_new(owner) != (clause.owner_side == Side::New)) continue;
      if (!world_.db.contains(clause.owner)) continue;
      EXPECT_EQ(is_new(target), clause.any_of[0].side == Side::New)
          << clause.owner << " has lost " << clause.relation;
    }
    std::set<std::uint32_t> excused;
    for (const Failure& failure : open_.failures) {
      if (!failure.healed) excused.insert(static_cast<std::uint32_t>(failure.step));
    }
    for (std::uint32_t i = 0; i < plan_.steps.size(); ++i) {
      EXPECT_FALSE(is_torn(i)) << bare(i);
      if (is_whole(i)) continue;
      bool waits = excused.contains(i);
      for (const Clause& clause : plan_.clauses) {
        const bool own = clause.owner_step == static_cast<std::int32_t>(i) &&
                         is_new(i) == (clause.owner_side == Side::New);
        waits = waits || (own && !is_whole(clause.any_of[0].step));
      }
      EXPECT_TRUE(waits) << bare(i) << " is " << world_.state(bare(i)) << " for nothing";
    }
  }

  std::string story() const {
    std::string text;
    for (std::uint32_t i = 0; i < plan_.steps.size(); ++i)
      text += bare(i) + ": " + world_.state(bare(i)) + "\n";
    for (const Clause& clause : plan_.clauses) {
      text += clause.owner + (clause.owner_side == Side::New ? " 2.0" : " 1.0") + " needs " +
              clause.relation + "\n";
    }
    for (const std::string& line : said_) text += "  " + line + "\n";
    for (const auto& call : world_.calls) {
      text += " ";
      for (const std::string& arg : call) text += " " + arg;
      text += "\n";
    }
    return text;
  }

  std::mt19937_64 random_;
  std::optional<fake::Memory> old_;
  std::map<std::uint32_t, std::set<std::uint32_t>> linked_;
};

}  // namespace aptkeep
