// Units as a run found them, and what became of them.
#include <gtest/gtest.h>

#include "samples.h"

namespace aptkeep {
namespace {

using namespace sample;

TEST(StoreUnitsTest, WhatARunRecordedFirstStays) {
  Folder folder;
  auto store = Store::open(folder.path("state.db"), Store::Mode::ReadWrite);
  ASSERT_TRUE(store.ok()) << store.error().message;
  ASSERT_TRUE(store->note_units(1, {{"b.service", "b:amd64", "active (running)", true, "", ""},
                                    {"a.socket", "", "active (listening)", true, "", ""}}));
  ASSERT_TRUE(store->note_units(1, {{"b.service", "b:amd64", "inactive (dead)", false, "", ""},
                                    {"c.service", "c:amd64", "failed (failed)", true, "", ""}}));
  ASSERT_TRUE(store->note_units(2, {{"b.service", "b:amd64", "inactive (dead)", false, "", ""}}));
  const auto units = store->units(1);
  ASSERT_TRUE(units.ok());
  ASSERT_EQ(units->size(), 3U);
  EXPECT_EQ((*units)[0].name, "a.socket");
  EXPECT_EQ((*units)[0].package, "");
  EXPECT_EQ((*units)[1].state, "active (running)");
  EXPECT_TRUE((*units)[1].wanted);
  EXPECT_EQ((*units)[2].package, "c:amd64");
  EXPECT_FALSE(store->units(2)->front().wanted);
  EXPECT_TRUE(store->units(3)->empty());
}

TEST(StoreUnitsTest, WhatBecameOfThemIsReadBackAndReported) {
  Folder folder;
  auto store = Store::open(folder.path("state.db"), Store::Mode::ReadWrite);
  ASSERT_TRUE(store.ok());
  const auto plan = store->begin_plan(frontend(100), {}, {}, 1000);
  ASSERT_TRUE(plan.ok());
  const auto run = store->run_of_process(frontend(100));
  ASSERT_TRUE(run.ok());
  UnitRecord unit{"b.service", "b:amd64", "active (running)",   true,
                  "",          "",        {"timeout=5 /bin/x"}, {"/bin/y a", "/bin/z"},
                  1234};
  ASSERT_TRUE(store->note_units(*run, {unit}));
  unit.trouble = "does not start again";
  unit.journal = "two\nlines\n";
  ASSERT_TRUE(store->set_units(*run, {unit}));
  auto reader = Store::open(folder.path("state.db"), Store::Mode::ReadOnly);
  ASSERT_TRUE(reader.ok()) << reader.error().message;
  const auto report = reader->report(*run);
  ASSERT_TRUE(report.ok() && *report);
  ASSERT_EQ((*report)->units.size(), 1U);
  EXPECT_EQ((*report)->units[0].trouble, unit.trouble);
  EXPECT_EQ((*report)->units[0].journal, unit.journal);
  EXPECT_EQ((*report)->units[0].checks, unit.checks);
  EXPECT_EQ((*report)->units[0].probes, unit.probes);
  EXPECT_EQ((*report)->units[0].never_since, 1234);
}

UnitRecord unit(const std::string& name, bool ran, const std::string& trouble = "") {
  return {name, "foo:amd64", ran ? "active (running)" : "inactive (dead)", ran, trouble, ""};
}

TEST(StoreUnitsTest, WhatEarlierRunsHaveLeftDownIsFound) {
  Folder folder;
  auto store = Store::open(folder.path("state.db"), Store::Mode::ReadWrite);
  ASSERT_TRUE(store.ok());
  const std::string why = std::string(kStaysDown) + "foo refuses its configuration";
  ASSERT_TRUE(store->note_units(
      1,
      {unit("old.service", true, why), unit("twice.service", true, why), unit("well.service", true),
       unit("up.service", true, why), unit("broken.service", true, "does not start again")}));
  // Up again by the third run; the fifth knows nothing of either.
  ASSERT_TRUE(store->note_units(2, {unit("twice.service", true, why + ", still")}));
  ASSERT_TRUE(store->note_units(3, {unit("up.service", true), unit("old.service", false)}));
  ASSERT_TRUE(store->note_units(4, {unit("newest.service", true, why),
                                    unit("half.service", true, std::string(kNotConfigured))}));
  const auto left = store->units_left_down(5);
  ASSERT_TRUE(left.ok()) << left.error().message;
  std::vector<std::string> found;
  for (const auto& [run, units] : *left) {
    for (const UnitRecord& one : units) found.push_back(std::to_string(run) + " " + one.name);
  }
  EXPECT_EQ(found, (std::vector<std::string>{"4 half.service", "4 newest.service",
                                             "2 twice.service", "1 old.service"}));
  EXPECT_EQ(left->at(2).front().trouble, why + ", still");
  EXPECT_FALSE(store->units_left_down(4)->contains(4));
}

}  // namespace
}  // namespace aptkeep
