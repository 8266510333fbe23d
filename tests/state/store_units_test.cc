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

}  // namespace
}  // namespace aptkeep
