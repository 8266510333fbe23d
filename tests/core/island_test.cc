#include "core/island.h"

#include <gtest/gtest.h>

namespace aptkeep {
namespace {

class IslandTest : public ::testing::Test {
 protected:
  std::uint32_t add(const std::string& name, const std::vector<std::string>& units = {},
                    const std::vector<std::string>& together = {}) {
    Step step;
    step.package = name + ":amd64";
    step.old_version = "1.0";
    step.new_version = "2.0";
    if (!units.empty() || !together.empty()) {
      step.island = Island{};
      step.island->units = units;
      step.island->together = together;
    }
    plan_.steps.push_back(step);
    const auto index = static_cast<std::uint32_t>(plan_.steps.size() - 1);
    call_.push_back(index);
    return index;
  }
  void clause(std::uint32_t owner, Side side, std::vector<Literal> any_of,
              ClauseKind kind = ClauseKind::Depends) {
    Clause made;
    made.owner_step = static_cast<std::int32_t>(owner);
    made.owner_side = side;
    made.kind = kind;
    made.any_of = std::move(any_of);
    plan_.clauses.push_back(made);
  }
  std::vector<std::vector<std::uint32_t>> groups() const { return island_groups(plan_, call_); }
  using Groups = std::vector<std::vector<std::uint32_t>>;

  Plan plan_;
  std::vector<std::uint32_t> call_;
};

TEST_F(IslandTest, WhatHasNoServicesIsInNone) {
  add("a");
  const auto daemon = add("daemon", {"daemon.service"});
  add("b");
  EXPECT_EQ(groups(), (Groups{{daemon}}));
}

TEST_F(IslandTest, WhatHasTheSameServicesGoesDownOnce) {
  const auto core = add("server-core", {"server.service"});
  add("lib");
  const auto other = add("other", {"other.service"});
  const auto server = add("server", {"server.service", "server@*.service"});
  EXPECT_EQ(groups(), (Groups{{other}, {core, server}}));
}

TEST_F(IslandTest, WhatNeedsTheNewVersionComesWithIt) {
  const auto map = add("daemon-map");
  const auto daemon = add("daemon", {"daemon.service"});
  const auto far = add("far");
  const auto loose = add("loose");
  clause(map, Side::New, {{daemon, Side::New}});
  clause(far, Side::New, {{map, Side::New}});
  clause(loose, Side::New, {{daemon, Side::New}, {daemon, Side::Old}});
  EXPECT_EQ(groups(), (Groups{{map, daemon, far}}));
}

TEST_F(IslandTest, WhatOtherwiseHasAnotherChoiceDoesNot) {
  const auto daemon = add("daemon", {"daemon.service"});
  const auto other = add("other");
  const auto either = add("either");
  clause(either, Side::New, {{daemon, Side::New}, {other, Side::New}});
  EXPECT_EQ(groups(), (Groups{{daemon}}));
}

TEST_F(IslandTest, WhatBreaksTheOldVersionWaitsForTheNewOne) {
  const auto breaks = add("breaks");
  const auto daemon = add("daemon", {"daemon.service"});
  clause(breaks, Side::New, {{daemon, Side::New}}, ClauseKind::Breaks);
  EXPECT_EQ(groups(), (Groups{{breaks, daemon}}));
}

TEST_F(IslandTest, WhatTheOldVersionNeedsAsItIsGoesWithIt) {
  const auto core = add("daemon-core");
  const auto daemon = add("daemon", {"daemon.service"});
  clause(daemon, Side::Old, {{core, Side::Old}});
  EXPECT_EQ(groups(), (Groups{{core, daemon}}));
}

TEST_F(IslandTest, IslandsThatShareAPackageAreOne) {
  const auto one = add("one", {"one.service"});
  const auto both = add("both");
  const auto two = add("two", {"two.service"});
  const auto alone = add("alone", {"alone.service"});
  clause(both, Side::New, {{one, Side::New}});
  clause(both, Side::New, {{two, Side::New}});
  EXPECT_EQ(groups(), (Groups{{one, both, two}, {alone}}));
}

TEST_F(IslandTest, SoAreThoseThatGoDownTogether) {
  const auto mail = add("mail", {"mail@.service"});
  const auto table = add("table", {}, {"mail@x.service"});
  EXPECT_EQ(groups(), (Groups{{mail, table}}));
}

TEST_F(IslandTest, WhatIsNotInTheCallIsNotWaitedFor) {
  const auto daemon = add("daemon", {"daemon.service"});
  const auto later = add("later");
  clause(later, Side::New, {{daemon, Side::New}});
  call_.pop_back();
  EXPECT_EQ(groups(), (Groups{{daemon}}));
}

TEST_F(IslandTest, WhatItWaitsForIsFound) {
  const auto first = add("first");
  const auto daemon = add("daemon", {"daemon.service"});
  const auto other = add("other");
  const auto lib = add("lib");
  const auto either = add("either");
  clause(daemon, Side::New, {{lib, Side::New}, {either, Side::New}});
  // To be unpacked before it.
  clause(lib, Side::New, {{first, Side::New}}, ClauseKind::Breaks);
  clause(other, Side::New, {{daemon, Side::New}});
  clause(daemon, Side::Old, {{other, Side::Old}});
  using Steps = std::vector<std::uint32_t>;
  EXPECT_EQ(needed_by(plan_, {daemon}, call_), (Steps{first, lib, either}));
  EXPECT_EQ(needed_by(plan_, {daemon}, Steps{other, lib}), Steps{lib});
  EXPECT_EQ(needed_by(plan_, {}, call_), Steps{});
}

TEST_F(IslandTest, IsTheSameWhenItIsReadAgain) {
  Island island;
  island.units = {"a.service", "b@.service"};
  island.together = {"c.service"};
  island.parked = {"a.socket"};
  island.backup = {"timeout=5 /bin/x 'a b'"};
  island.before = {"sh: true"};
  island.after = {"/bin/y"};
  island.checks = {"/bin/z -n"};
  island.why = "because it is so";
  EXPECT_EQ(island_from(island_lines(island)), island);
  EXPECT_EQ(island_from({}), std::nullopt);
}

TEST_F(IslandTest, UnitsAreNamedInThreeWays) {
  EXPECT_TRUE(is_unit_of("a.service", "a.service"));
  EXPECT_TRUE(is_unit_of("a@x.service", "a@.service"));
  EXPECT_TRUE(is_unit_of("a@15-main.service", "a@15-*.service"));
  EXPECT_FALSE(is_unit_of("a@14-main.service", "a@15-*.service"));
  EXPECT_FALSE(is_unit_of("b.service", "a.service"));
}

}  // namespace
}  // namespace aptkeep
