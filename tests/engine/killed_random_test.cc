// Random runs whose driver is killed between any two things that others can see of it: a record
// that is written, or a dpkg that begins or ends.
#include <sqlite3.h>

#include <algorithm>
#include <vector>

#include "engine/finish.h"
#include "random_runs_fixture.h"

namespace aptkeep {
namespace {

std::function<void()> after_commit;  // of any connection

int on_trace(unsigned, void*, void* statement, void*) {
  const char* const sql = sqlite3_sql(static_cast<sqlite3_stmt*>(statement));
  if (sql != nullptr && std::string(sql) == "COMMIT" && after_commit) after_commit();
  return 0;
}

int on_open(sqlite3* db, const char**, const void*) {
  return sqlite3_trace_v2(db, SQLITE_TRACE_PROFILE, on_trace, nullptr);
}

class KilledRandomTest : public RandomRunTest {
 protected:
  // All that is left of a run whose driver was killed, or of what was to finish it.
  struct Remains {
    std::filesystem::path record;
    World world;
    fake::Memory snapshots;
    enum class At { Unpacking, Configuring, Finishing } at;
  };

  KilledRandomTest() { sqlite3_auto_extension(reinterpret_cast<void (*)()>(on_open)); }
  ~KilledRandomTest() override {
    after_commit = nullptr;
    sqlite3_reset_auto_extension();
  }

  void keep_remains() {
    if (!one_in(at_ == Remains::At::Finishing ? 20 : 4)) return;
    const auto folder = folder_ / std::to_string(remains_.size());
    std::filesystem::create_directories(folder);
    for (const char* const end : {"", "-wal"})
      std::filesystem::copy_file(record_.string() + end, folder / ("state.db" + std::string(end)));
    remains_.push_back({folder / "state.db", world_, *old_, at_});
  }

  void watch(Remains::At at) {
    at_ = at;
    after_commit = [this] { keep_remains(); };
    world_.before_call = [this](const auto&) { keep_remains(); };
    world_.after_call = [this] { keep_remains(); };
  }
  void unwatch() {
    after_commit = nullptr;
    world_.before_call = nullptr;
    world_.after_call = nullptr;
  }

  void play() {
    remains_.clear();
    for (const auto& entry : std::filesystem::directory_iterator(folder_))
      std::filesystem::remove_all(entry);
    record_ = folder_ / "state.db";
    open_store(record_);
    begin();
    watch(Remains::At::Unpacking);
    unpack_all();
    watch(Remains::At::Configuring);
    configure_pending();
    unwatch();
  }

  // What the launcher and the frontend still do when the driver has been killed.
  void live_on(Remains::At at) {
    if (at == Remains::At::Configuring && one_in(2)) {
      ASSERT_TRUE(world_.run({"--configure", "--pending"}));
    }
    // A driver that had neither saved nor recorded anything may not have worked at all: where that
    // was the frontend's last call, the run ends as stock's.
    const bool all_new =
        std::ranges::all_of(plan_.steps, [](const Step& step) { return step.old_version.empty(); });
    if (at == Remains::At::Unpacking && (all_new || one_in(2))) {
      read_plan();
      configure_pending();
    }
  }

  void read_plan() {
    const auto plan = store_->plan(open_.id);
    ASSERT_TRUE(plan && *plan);
    open_ = **plan;
  }

  // As the hook does it at the end of the frontend's run, when the launcher has told of the death;
  // or `aptkeep resume`, when that was killed too.
  void finish(const Remains& remains) {
    world_ = remains.world;
    old_.emplace(remains.snapshots);
    said_.clear();
    record_ = remains.record;
    open_store(record_);
    unwatch();
    live_on(remains.at);
    FinishPorts ports = finish_ports(*old_);
    ports.driver_was_killed = [] { return true; };
    read_plan();
    watch(Remains::At::Finishing);
    if (remains.at == Remains::At::Finishing) {
      ASSERT_TRUE(resume(open_, ports));
    }
    const auto ending = finish_plan(open_.frontend, ports, (folder_ / "pins").string(), 2000);
    unwatch();
    ASSERT_TRUE(ending) << ending.error().message;
    read_plan();
  }

  // What was cleared out of an old version's way, and all that settle() sees to besides.
  void expect_settled_before_completed() {
    std::set<std::string> unsettled;
    for (const std::string& line : old_->log) {
      const std::string what = line.substr(0, line.find(' '));
      const std::string package = line.substr(line.find(' ') + 1);
      if (what == "clear") unsettled.insert(package);
      if (what == "settle" || what == "unsettle") unsettled.erase(package);
      EXPECT_FALSE(what == "complete" && unsettled.contains(package)) << package;
    }
  }

  void expect_nothing_half_done(const World& before, const std::set<std::uint32_t>& failing) {
    expect_usable();
    expect_settled_before_completed();
    for (std::uint32_t i = 0; i < plan_.steps.size(); ++i) {
      EXPECT_TRUE(is_whole(i)) << bare(i) << " is " << world_.state(bare(i));
      EXPECT_FALSE(failing.contains(i) && is_new(i)) << bare(i);
      const bool begun = before.state(bare(i)).ends_with("2.0");
      EXPECT_TRUE(!begun || is_linked_to_any(i, failing) || is_new(i)) << bare(i);
    }
    if (HasFailure()) ADD_FAILURE() << story();
  }

  std::filesystem::path record_;
  std::vector<Remains> remains_;
  Remains::At at_ = Remains::At::Unpacking;
};

TEST_F(KilledRandomTest, NothingStaysHalfDone) {
  std::seed_seq seeds{toy::seed_of_run(), std::uint64_t{33}};
  random_.seed(seeds);
  for (std::uint64_t round = toy::rounds(50); round > 0 && !HasFailure(); --round) {
    make_world();
    const auto failing = fail_some();
    for (const std::uint32_t step : failing) {  // or before, and is torn
      Archive& archive = world_.archives[plan_.steps[step].archive];
      archive.preinst_fails = archive.abort_upgrade_fails = one_in(3);
    }
    if (one_in(4)) world_.killed_configuring = bare(any());
    play();
    // More come while they are finished.
    for (std::size_t i = 0; i < remains_.size() && !HasFailure(); ++i) {
      const Remains remains = remains_[i];
      finish(remains);
      expect_nothing_half_done(remains.world, failing);
    }
  }
}

}  // namespace
}  // namespace aptkeep
