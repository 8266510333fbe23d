// A damaged file gives an error or the right data, and never a crash.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <random>

#include "samples.h"
#include "state/store.h"

namespace aptkeep {
namespace {

using namespace sample;

struct Everything {
  std::optional<std::vector<Keep>> keeps;
  std::optional<std::vector<RunSummary>> runs;
  std::optional<std::vector<Pin>> blocked;
  std::vector<std::optional<RunReport>> reports;
  std::optional<OpenPlan> plan;
};

template <typename T>
std::optional<T> value(Result<T> result) {
  return result.ok() ? std::optional<T>(std::move(*result)) : std::nullopt;
}

Everything read_all(Store& store) {
  Everything all;
  all.keeps = value(store.keeps());
  all.runs = value(store.runs(99));
  all.blocked = value(store.blocked());
  for (const std::int64_t run : {1, 2}) {
    const auto report = store.report(run);
    all.reports.push_back(report.ok() ? *report : std::nullopt);
  }
  const auto plan = store.open_plan(frontend(200));
  all.plan = plan.ok() ? *plan : std::nullopt;
  return all;
}

void expect_right(const Everything& seen, const Everything& right, const std::string& how) {
  EXPECT_TRUE(!seen.keeps || *seen.keeps == *right.keeps) << how;
  EXPECT_TRUE(!seen.runs || *seen.runs == *right.runs) << how;
  EXPECT_TRUE(!seen.blocked || *seen.blocked == *right.blocked) << how;
  for (std::size_t i = 0; i < seen.reports.size(); ++i) {
    EXPECT_TRUE(!seen.reports[i] || (seen.reports[i]->steps == right.reports[i]->steps &&
                                     seen.reports[i]->failures == right.reports[i]->failures))
        << how;
  }
  if (seen.plan) {
    EXPECT_EQ(seen.plan->plan.steps, right.plan->plan.steps) << how;
    EXPECT_EQ(seen.plan->plan.clauses, right.plan->plan.clauses) << how;
    EXPECT_EQ(seen.plan->states, right.plan->states) << how;
    EXPECT_EQ(seen.plan->failures, right.plan->failures) << how;
  }
}

// How many files.
int rounds() {
  return std::getenv("APTKEEP_SOAK") == nullptr ? 1500 : 20000;
}

class StoreDamageTest : public ::testing::Test {
 protected:
  void SetUp() override {
    {
      auto store = Store::open(folder_.path("good.db"), Store::Mode::ReadWrite);
      ASSERT_TRUE(store.ok());
      fill(*store);
      right_ = read_all(*store);
      // While it is open the log holds what the file does not.
      log_ = read_file(folder_.path("good.db-wal"));
    }
    file_ = read_file(folder_.path("good.db"));
    ASSERT_GT(file_.size(), 8192U);
    ASSERT_TRUE(right_.keeps && right_.plan && right_.reports[0]);
  }

  std::string damage(const std::string& whole, std::string& how) {
    std::string bytes = whole;
    const auto kind = random_() % 8;
    const std::size_t at = random_() % bytes.size();
    if (kind < 5) {
      for (auto left = random_() % 3 + 1; left > 0; --left) {
        const std::size_t where = random_() % bytes.size();
        bytes[where] = static_cast<char>(random_());
        how += " byte " + std::to_string(where);
      }
    } else if (kind == 5) {
      bytes.resize(at);
      how += " cut at " + std::to_string(at);
    } else {
      const std::size_t block = at / 512 * 512;
      bytes.replace(block, 512, std::min<std::size_t>(512, bytes.size() - block), '\0');
      how += " zeros at " + std::to_string(block);
    }
    return bytes;
  }

  // Fresh names: a log left over from the last file would heal this one.
  std::string place(const std::string& file, const std::string& log) {
    const std::string path = folder_.path("damaged.db");
    std::filesystem::remove(path + "-shm");
    std::filesystem::remove(path + "-wal");
    write_file(path, file);
    if (!log.empty()) {
      write_file(path + "-wal", log);
    }
    return path;
  }

  Folder folder_;
  std::string file_, log_;
  Everything right_;
  std::mt19937 random_{20240611};
};

TEST_F(StoreDamageTest, AReaderSeesTheRightDataOrAnError) {
  int opened = 0;
  int refused = 0;
  for (int i = 0; i < rounds(); ++i) {
    std::string how = "round " + std::to_string(i);
    const std::string path = place(damage(file_, how), "");
    auto store = Store::open(path, Store::Mode::ReadOnly);
    if (store.ok()) {
      ++opened;
      expect_right(read_all(*store), right_, how);
    } else {
      ++refused;
      EXPECT_EQ(store.error().message.find('\n'), std::string::npos);
    }
  }
  // Both ways were taken: the damage hits data, and pages that are free.
  EXPECT_GT(opened, 0);
  EXPECT_GT(refused, 0);
}

TEST_F(StoreDamageTest, AWriterSeesTheRightPlanOrAnError) {
  for (int i = 0; i < rounds(); ++i) {
    std::string how = "round " + std::to_string(i);
    const std::string path = place(damage(file_, how), "");
    auto store = Store::open(path, Store::Mode::ReadWrite);
    if (!store.ok()) {
      continue;
    }
    const Everything seen = read_all(*store);
    if (!seen.plan) {
      continue;
    }
    EXPECT_EQ(seen.plan->plan.steps, right_.plan->plan.steps) << how;
    EXPECT_EQ(seen.plan->plan.clauses, right_.plan->plan.clauses) << how;
    EXPECT_EQ(seen.plan->states, right_.plan->states) << how;
    EXPECT_EQ(seen.plan->failures, right_.plan->failures) << how;
    // Carrying on must neither crash nor make damage look whole.
    static_cast<void>(store->set_states(seen.plan->id, {{1, StepState::Done}}));
    static_cast<void>(store->begin_plan(frontend(300), {}, plan(), 3000));
    static_cast<void>(store->lift_keep("base:amd64", "retry", 3000));
    static_cast<void>(store->prune(1));
    const auto keeps = store->keeps();
    if (keeps.ok() && !keeps->empty()) {
      EXPECT_EQ(keeps->back(), right_.keeps->back()) << how;
    }
  }
}

TEST_F(StoreDamageTest, ADamagedLogNeverCrashesAReader) {
  ASSERT_FALSE(log_.empty());
  for (int i = 0; i < rounds() / 3; ++i) {
    std::string how = "round " + std::to_string(i);
    const std::string path = place("", damage(log_, how));
    auto store = Store::open(path, Store::Mode::ReadOnly);
    if (store.ok()) {
      const Everything seen = read_all(*store);
      // SQLite takes the log up to the first frame that is not whole: an earlier state.
      EXPECT_TRUE(!seen.blocked || seen.blocked->size() <= right_.blocked->size()) << how;
      EXPECT_TRUE(!seen.keeps || seen.keeps->empty() || *seen.keeps == *right_.keeps) << how;
    }
  }
}

}  // namespace
}  // namespace aptkeep
