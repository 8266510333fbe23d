// The pins file says what is kept, whole at every instant.
#include "engine/pins_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "samples.h"

namespace aptkeep {
namespace {

using namespace sample;

class PinsFileTest : public ::testing::Test {
 protected:
  PinsFileTest()
      : store_(std::move(*Store::open(folder_.path("state.db"), Store::Mode::ReadWrite))) {
    std::filesystem::create_directory(folder_.path("preferences.d"));
  }

  void keep_only(const std::vector<Keep>& keeps, const std::vector<Failure>& failures = {}) {
    const Plan small{{{"x:amd64", Action::Upgrade, "1", "2", "/x.deb", false, 1}}, {}};
    const auto plan = store_.begin_plan(frontend(++pid_), {}, small, 1000);
    ASSERT_TRUE(plan.ok());
    for (const Failure& failure : failures) ASSERT_TRUE(store_.add_failure(*plan, failure).ok());
    std::vector<std::string> lifted;
    const auto before = store_.keeps();
    for (const Keep& keep : *before) {
      lifted.push_back(keep.package);
    }
    ASSERT_TRUE(
        store_.end_plan(*plan, outcomes(small, StepState::Kept), keeps, lifted, "", 1001).ok());
  }

  std::vector<std::string> files() {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path("preferences.d"))) {
      names.push_back(entry.path().filename());
    }
    return names;
  }

  Folder folder_;
  Store store_;
  std::string path_ = folder_.path("preferences.d/aptkeep.pref");
  std::int64_t pid_ = 100;
};

TEST_F(PinsFileTest, OnlyWhatFailedAndMayBePinnedIs) {
  Keep failed = keep("failed:amd64", "2.0", true);
  failed.exit_code = 1;
  Keep waits = keep("waits:amd64", "2.0", false);
  Keep reinstall = keep("reinstall:amd64", "2.0", true);
  reinstall.db_state = "iHR";
  Keep removal = keep("removal:amd64", "", true);
  Keep same = keep("same:amd64", "1.0", true);
  const std::vector<Pin> pins = pins_of({waits, failed, reinstall, removal, same});
  const std::vector<Pin> expected = {
      {"failed:amd64", "2.0", "its preinst failed with exit status 1"}};
  EXPECT_EQ(pins, expected);
}

// That its old version failed too is told by the run's failures.
TEST_F(PinsFileTest, WhatCameBackUnconfiguredIsPinned) {
  Keep foo = keep("x:amd64", "2.0", true);
  foo.db_state = "uF";
  Keep dep = keep("dep:amd64", "2.0", false);
  dep.root = foo.package;
  dep.db_state = "uU";
  Failure first = failure(foo.package, 0);
  Failure back = first;
  back.version = "1.0";
  keep_only({foo, dep}, {first});
  EXPECT_FALSE(store_.keeps()->front().back_unconfigured);
  ASSERT_TRUE(write_pins(store_, {}, path_).ok());
  EXPECT_TRUE(files().empty());
  keep_only({foo, dep}, {first, back});
  ASSERT_TRUE(write_pins(store_, {}, path_).ok());
  EXPECT_NE(read_file(path_).find("Pin: version 2.0\n"), std::string::npos);
  back.healed = true;
  keep_only({foo, dep}, {first, back});
  ASSERT_TRUE(write_pins(store_, {}, path_).ok());
  EXPECT_TRUE(files().empty());
  // It was configured, and failed in its trigger then.
  back.healed = false;
  back.phase = Phase::Trigger;
  keep_only({foo, dep}, {first, back});
  ASSERT_TRUE(write_pins(store_, {}, path_).ok());
  EXPECT_FALSE(files().empty());
}

TEST_F(PinsFileTest, TheFileSaysTheKeepsAndTheBlockedVersions) {
  keep_only({keep("foo:amd64", "2.0", true)});
  const mode_t before = ::umask(077);
  const Status written = write_pins(store_, {{"bar:amd64", "3.0", "would remove foo"}}, path_);
  ::umask(before);
  ASSERT_TRUE(written.ok()) << written.error().message;
  const std::string text = read_file(path_);
  EXPECT_NE(text.find("Pin: version 2.0\n"), std::string::npos) << text;
  EXPECT_NE(text.find("Pin: version 3.0\n"), std::string::npos) << text;
  EXPECT_EQ(text, render_pins({{"foo:amd64", "2.0", "its preinst failed with exit status 3"},
                               {"bar:amd64", "3.0", "would remove foo"}}));
  struct stat info {};
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777U, 0644U);
  EXPECT_EQ(files(), std::vector<std::string>{"aptkeep.pref"});
}

TEST_F(PinsFileTest, WithoutPinsThereIsNoFile) {
  EXPECT_TRUE(write_pins(store_, {}, path_).ok());
  write_file(path_, "old");
  EXPECT_TRUE(write_pins(store_, {}, path_).ok());
  EXPECT_EQ(files(), std::vector<std::string>{});
  const Status nowhere = write_pins(store_, {}, folder_.path("state.db/x"));
  ASSERT_FALSE(nowhere.ok());
  EXPECT_EQ(nowhere.error().message,
            "unable to remove " + folder_.path("state.db/x") + ": Not a directory");
}

TEST_F(PinsFileTest, WhatCannotBeWrittenLeavesTheOldFile) {
  keep_only({keep("foo:amd64", "2.0", true)});
  const std::string missing = folder_.path("missing/aptkeep.pref");
  const Status status = write_pins(store_, {}, missing);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().message, "unable to write " + missing + ": No such file or directory");
  // A folder in its place: the new file is complete, and only the rename fails.
  std::filesystem::create_directory(path_);
  EXPECT_FALSE(write_pins(store_, {}, path_).ok());
  EXPECT_EQ(files(), std::vector<std::string>{"aptkeep.pref"}) << "no temporary file stays";
}

TEST_F(PinsFileTest, ALinkIsReplacedNotFollowed) {
  write_file(folder_.path("precious"), "precious");
  std::filesystem::create_symlink(folder_.path("precious"), path_);
  keep_only({keep("foo:amd64", "2.0", true)});
  ASSERT_TRUE(write_pins(store_, {}, path_).ok());
  EXPECT_FALSE(std::filesystem::is_symlink(path_));
  EXPECT_EQ(read_file(folder_.path("precious")), "precious");
}

TEST_F(PinsFileTest, AReaderNeverSeesHalfAFile) {
  keep_only({keep("foo:amd64", "2.0", true)});
  const std::vector<Pin> many(200, Pin{"bar:amd64", "3.0", "would remove foo"});
  ASSERT_TRUE(write_pins(store_, {}, path_).ok());
  const std::string few_text = read_file(path_);
  ASSERT_TRUE(write_pins(store_, many, path_).ok());
  const std::string many_text = read_file(path_);
  std::atomic<bool> done = false;
  std::atomic<int> torn = 0;
  std::thread reader([&] {
    while (!done) {
      const std::string text = read_file(path_);
      torn += text == few_text || text == many_text ? 0 : 1;
    }
  });
  for (int i = 0; i < 200; ++i) {
    EXPECT_TRUE(write_pins(store_, i % 2 == 0 ? std::vector<Pin>{} : many, path_).ok());
  }
  done = true;
  reader.join();
  EXPECT_EQ(torn, 0);
}

// An unpacked package may wait for whatever failed; not when somebody has removed it.
TEST_F(PinsFileTest, WhatIsGoneHindersNoPin) {
  Keep left = keep("left:amd64", "2.0", true);
  left.db_state = "iU";
  keep_only({left, keep("foo:amd64", "2.0", true)});
  const auto pinned = [&] {
    std::string names;
    const auto keeps = store_.keeps();
    for (const Pin& pin : pins_of(*keeps)) names += pin.package + ";";
    return names;
  };
  EXPECT_EQ(pinned(), "left:amd64;");
  ASSERT_TRUE(store_.note_gone({"left:amd64", "never:amd64"}).ok());
  EXPECT_EQ(pinned(), "left:amd64;foo:amd64;");
  EXPECT_EQ(store_.keeps()->front().attempts, 1);
}

}  // namespace
}  // namespace aptkeep
