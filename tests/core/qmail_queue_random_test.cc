// Random qmail queues: every message ends under its inode number with exactly its own files,
// nothing is lost, and whoever kills the mending at any point changes nothing of the end.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "qmail_toy.h"

namespace aptkeep::qmail {
namespace {

int rounds() {
  const char* const soak = std::getenv("APTKEEP_SOAK");
  return soak != nullptr && std::string(soak) == "1" ? 3000 : 150;
}

unsigned seed() {
  const char* const text = std::getenv("APTKEEP_SEED");
  return text == nullptr ? 20261129U : static_cast<unsigned>(std::atol(text));
}

std::string path_for(Part part, std::uint64_t inode, bool split_todo) {
  const bool todo = part == Part::Todo || part == Part::Intd;
  const bool folder = todo ? split_todo : part != Part::Bounce;
  const int number = folder ? static_cast<int>(inode % kToySplit) : kNoFolder;
  return path_of({part, number, std::to_string(inode)});
}

std::set<std::uint64_t> inodes(const Toy& toy) {
  std::set<std::uint64_t> all;
  for (const auto& [path, file] : toy.files()) {
    if (file.place.part != Part::Lock) all.insert(file.inode);
  }
  return all;
}

void expect_well(const RandomQueue& queue, const Toy& end) {
  EXPECT_EQ(inodes(queue.toy), inodes(end)) << "a file is lost";
  for (const Known& message : queue.messages) {
    EXPECT_EQ(end.inode_at(path_for(Part::Mess, message.inode, queue.split_todo)), message.inode);
    for (const Part part :
         {Part::Info, Part::Local, Part::Remote, Part::Todo, Part::Intd, Part::Bounce}) {
      const auto own = message.others.find(part);
      const std::uint64_t there = end.inode_at(path_for(part, message.inode, queue.split_todo));
      EXPECT_EQ(there, own == message.others.end() ? 0 : own->second)
          << path_for(part, message.inode, queue.split_todo) << " of message " << message.before;
    }
  }
  const Plan again = end.plan();
  EXPECT_TRUE(again.all_well()) << again.findings.front().path << again.findings.front().text;
  EXPECT_TRUE(again.actions.empty());
}

std::string told(const RandomQueue& queue) {
  std::string text;
  for (const auto& [path, file] : queue.toy.files()) {
    text += path + " (" + std::to_string(file.inode) + ")\n";
  }
  return text;
}

// All points at which it may be killed, and a second time at a random one.
void expect_same_end(const RandomQueue& queue, const Toy& end, std::mt19937& random) {
  const Plan plan = queue.toy.plan();
  for (std::size_t kill = 0; kill < plan.actions.size(); ++kill) {
    Toy cut = queue.toy;
    cut.apply(plan, kill);
    const Plan second = cut.plan();
    const std::size_t again =
        std::uniform_int_distribution<std::size_t>(0, second.actions.size())(random);
    Toy twice = cut;
    twice.apply(second, again);
    twice.apply(twice.plan());
    cut.apply(second);
    ASSERT_EQ(cut.summary(), end.summary()) << "killed before " << plan.actions[kill].path;
    ASSERT_EQ(twice.summary(), end.summary())
        << "killed before " << plan.actions[kill].path << " and after " << again;
  }
}

// A qmail-send can start only while all is as it was found, or as it will be.
void expect_locked(const RandomQueue& queue, const Toy& end) {
  const Plan plan = queue.toy.plan();
  Toy now = queue.toy;
  for (const Action& action : plan.actions) {
    if (now.has("lock/sendmutex")) {
      bool as_before = true;
      bool as_after = true;
      for (const auto& [path, file] : now.files()) {
        if (file.place.part == Part::Lock) continue;
        as_before = as_before && queue.toy.inode_at(path) == file.inode;
        as_after = as_after && end.inode_at(path) == file.inode;
      }
      EXPECT_TRUE(as_before || as_after) << "before " << action.path;
    }
    now.apply(action);
  }
}

// A check says that there is a fault where anything would be renamed.
void expect_told(const Plan& plan) {
  for (const Action& action : plan.actions) {
    EXPECT_FALSE(action.what == Action::Do::Rename && plan.all_well()) << action.path;
  }
}

TEST(QmailQueueRandom, EveryMessageGetsItsNumberWithItsOwnFiles) {
  std::mt19937 random(seed());
  std::size_t actions = 0;
  for (int round = 0; round < rounds(); ++round) {
    const RandomQueue queue = random_queue(random, false);
    SCOPED_TRACE("seed " + std::to_string(seed()) + ", round " + std::to_string(round) + "\n" +
                 told(queue));
    const Plan plan = queue.toy.plan();
    EXPECT_TRUE(plan.all_mended());
    expect_told(plan);
    EXPECT_EQ(plan.messages, queue.messages.size());
    Toy end = queue.toy;
    end.apply(plan);
    expect_well(queue, end);
    expect_locked(queue, end);
    expect_same_end(queue, end, random);
    if (HasFailure()) return;
    actions += plan.actions.size();
  }
  EXPECT_GT(actions, 1500U);
}

// What has another number afterwards is told, and nothing else.
TEST(QmailQueueRandom, TellsOldAndNewNumbers) {
  std::mt19937 random(seed() + 1);
  for (int round = 0; round < 1000; ++round) {
    const RandomQueue queue = random_queue(random, false);
    std::set<std::pair<std::uint64_t, std::uint64_t>> wanted;
    std::set<std::pair<std::uint64_t, std::uint64_t>> found;
    for (const Known& message : queue.messages) {
      if (message.before != message.inode) wanted.emplace(message.before, message.inode);
    }
    for (const auto& one : queue.toy.plan().renumbered) found.emplace(one.before, one.now);
    ASSERT_EQ(found, wanted);
  }
}

bool stays(const Plan& plan, const Known& message) {
  const std::string from =
      "mess/" + std::to_string(message.folder) + "/" + std::to_string(message.before);
  return std::any_of(plan.findings.begin(), plan.findings.end(), [&](const Finding& finding) {
    return finding.what == What::Blocked && finding.path == from;
  });
}

// Two messages may have the same number then, and what lies in todo may be either's: they stay, and
// so does who would come to where they are.
TEST(QmailQueueRandom, NothingIsLostWhereNumbersCollide) {
  std::mt19937 random(seed() + 2);
  std::size_t moved = 0;
  for (int round = 0; round < rounds(); ++round) {
    const RandomQueue queue = random_queue(random, true);
    SCOPED_TRACE("seed " + std::to_string(seed()) + ", round " + std::to_string(round) + "\n" +
                 told(queue));
    const Plan plan = queue.toy.plan();
    Toy end = queue.toy;
    end.apply(plan);
    EXPECT_EQ(inodes(queue.toy), inodes(end));
    std::size_t unclear = 0;
    for (const Finding& finding : plan.findings) unclear += finding.what == What::Unclear;
    for (const Known& message : queue.messages) {
      const bool stayed = stays(plan, message);
      moved += stayed ? 0 : 1;
      EXPECT_TRUE(!stayed || unclear != 0);
      for (const Part part : {Part::Mess, Part::Info, Part::Local, Part::Remote}) {
        const auto own = message.others.find(part);
        const std::uint64_t inode = part == Part::Mess            ? message.inode
                                    : own == message.others.end() ? 0
                                                                  : own->second;
        const Place old{part, message.folder, std::to_string(message.before)};
        EXPECT_EQ(
            end.inode_at(stayed ? path_of(old) : path_for(part, message.inode, queue.split_todo)),
            inode);
      }
    }
    for (const std::uint64_t stray : queue.strays) {
      for (const auto& [path, file] : end.files()) {
        const Name name = read_name(file.place.name);
        if (file.inode != stray || name.is != Name::Is::Number) continue;
        EXPECT_FALSE(end.has(path_for(Part::Mess, name.number, queue.split_todo))) << path;
      }
    }
    EXPECT_TRUE(end.plan().actions.empty());
    EXPECT_EQ(end.plan().all_well(), unclear == 0);
    expect_told(plan);
    expect_same_end(queue, end, random);
    if (HasFailure()) return;
  }
  EXPECT_GT(moved, 300U);
}

}  // namespace
}  // namespace aptkeep::qmail
