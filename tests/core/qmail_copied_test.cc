// A queue that is copied when it is half mended: all inode numbers are others then, or those that
// other messages had. Whose a file is must be told by names alone.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <numeric>

#include "qmail_toy.h"

namespace aptkeep::qmail {
namespace {

bool soak() {
  const char* const text = std::getenv("APTKEEP_SOAK");
  return text != nullptr && std::string(text) == "1";
}

unsigned seed() {
  const char* const text = std::getenv("APTKEEP_SEED");
  return text == nullptr ? 20261129U : static_cast<unsigned>(std::atol(text));
}

std::size_t below(std::mt19937& random, std::size_t most) {
  return std::uniform_int_distribution<std::size_t>(0, most - 1)(random);
}

// A queue, and who its messages are at any time.
struct Copied {
  Toy toy;
  std::vector<Known> messages;  // `inode` is the one that it has now

  void copy(std::mt19937& random) {
    std::vector<std::uint64_t> numbers(below(random, 2) == 0 ? 25 : 400);
    std::iota(numbers.begin(), numbers.end(), 1);
    if (below(random, 4) == 0) {  // as it is when the copy takes the place of what was copied
      numbers.clear();
      for (const Known& message : messages) numbers.push_back(message.inode);
    }
    std::shuffle(numbers.begin(), numbers.end(), random);
    std::map<std::uint64_t, std::uint64_t> now;
    for (Known& message : messages) {
      now[message.inode] = numbers[now.size()];
      message.inode = now[message.inode];
    }
    toy.relabel(now);
  }
};

const File* find_mess(const Copied& queue, const Known& message) {
  for (const auto& [path, file] : queue.toy.files()) {
    if (file.place.part == Part::Mess && file.inode == message.inode) return &file;
  }
  return nullptr;
}

// Whether the name of a message's mess file says that the other file is its.
bool claims(const Place& mess, const Place& other) {
  const Name name = read_name(mess.name);
  const Name its = read_name(other.name);
  if (its.is == Name::Is::Temporary) return !name.common.empty() && name.common == its.common;
  const std::uint64_t number =
      name.is == Name::Is::Temporary ? name.before.value_or(0) : name.number;
  if (its.is != Name::Is::Number || its.number != number) return false;
  return other.folder == kNoFolder || other.folder == mess.folder;
}

// Nothing is lost, and no message has what is another's, but where that is told.
void expect_own(const Copied& queue) {
  const Plan plan = queue.toy.plan();
  std::set<std::string> unclear;
  for (const Finding& finding : plan.findings) {
    if (finding.what == What::Unclear) unclear.insert(finding.path);
  }
  std::map<std::uint64_t, const Known*> owners;  // nullptr: found already
  for (const Known& message : queue.messages) {
    ASSERT_NE(find_mess(queue, message), nullptr) << "message " << message.before << " is lost";
    for (const auto& [part, inode] : message.others) owners[inode] = &message;
  }
  for (const auto& [path, file] : queue.toy.files()) {
    if (file.place.part == Part::Mess || file.place.part == Part::Lock) continue;
    const auto known = owners.find(file.inode);
    const Known* const owner = known == owners.end() ? nullptr : known->second;
    if (owner != nullptr) known->second = nullptr;
    if (unclear.contains(path)) continue;
    std::vector<const Known*> claimers;
    for (const Known& message : queue.messages) {
      if (claims(find_mess(queue, message)->place, file.place)) claimers.push_back(&message);
    }
    // In todo, intd and bounce two may have the number; then it counts what they have besides.
    const bool by_name = file.place.folder == kNoFolder && claimers.size() > 1;
    const bool its = std::find(claimers.begin(), claimers.end(), owner) != claimers.end();
    if (owner == nullptr || (!its && !claimers.empty()) || (claimers.size() > 1 && !by_name)) {
      EXPECT_TRUE(claimers.empty()) << path << " is another message's";
    } else {
      EXPECT_TRUE(its || !plan.all_well()) << path << " is of none any more, and nobody says so";
    }
  }
  for (const auto& [inode, owner] : owners) EXPECT_EQ(owner, nullptr) << inode << " is lost";
}

std::string told(const Toy& toy) {
  std::string text;
  for (const auto& [path, file] : toy.files()) {
    if (file.place.part != Part::Lock) text += path + " (" + std::to_string(file.inode) + ")\n";
  }
  return text;
}

// No qmail-send can start while anything has a temporary name.
void expect_no_lock_amid(const Toy& toy) {
  for (const auto& [path, file] : toy.files()) {
    const Name::Is name = read_name(file.place.name).is;
    const bool amid = name == Name::Is::Temporary || name == Name::Is::Arriving;
    EXPECT_FALSE(amid && toy.has("lock/sendmutex")) << path;
  }
}

// Killed after `kill`, copied, killed again, perhaps copied again, and so on. `story`: what came of
// it each time, if it is wanted.
void mend_with_copies(Copied queue, std::size_t kill, bool must_be_well, std::mt19937& random,
                      std::string* story) {
  const auto tell = [&](const char* what) {
    if (story != nullptr) *story += std::string("-- ") + what + ":\n" + told(queue.toy);
  };
  tell("found");
  for (std::size_t times = 0; times < 4; ++times) {
    const Plan plan = queue.toy.plan();
    queue.toy.apply(plan, times == 0 ? kill : below(random, plan.actions.size() + 1));
    tell("killed");
    if (times == 0 || below(random, 2) == 0) queue.copy(random);
    tell("perhaps copied");
    expect_own(queue);
    expect_no_lock_amid(queue.toy);
    if (testing::Test::HasFailure()) return;
  }
  queue.toy.apply(queue.toy.plan());
  tell("mended");
  expect_own(queue);
  expect_no_lock_amid(queue.toy);
  const Plan end = queue.toy.plan();
  EXPECT_TRUE(end.actions.empty());
  if (must_be_well) {
    EXPECT_TRUE(end.all_well()) << end.findings.front().path << " " << end.findings.front().text;
  }
  for (const Known& message : queue.messages) {
    const File* const mess = find_mess(queue, message);
    if (mess == nullptr || !end.all_well()) continue;
    EXPECT_EQ(mess->place.name, std::to_string(message.inode));
    EXPECT_EQ(mess->place.folder, static_cast<int>(message.inode % kToySplit));
  }
}

std::size_t mend_many(bool same_numbers, unsigned more_seed, std::mt19937& random) {
  std::size_t kills = 0;
  for (int round = 0; round < (soak() ? 2000 : 20); ++round) {
    const RandomQueue made = random_queue(random, same_numbers);
    const Copied queue{made.toy, made.messages};
    const std::size_t actions = made.toy.plan().actions.size();
    for (std::size_t kill = 0; kill <= actions; ++kill, ++kills) {
      std::mt19937 before = random;
      mend_with_copies(queue, kill, !same_numbers, random, nullptr);
      if (!testing::Test::HasFailure()) continue;
      std::string story;
      mend_with_copies(queue, kill, !same_numbers, before, &story);
      ADD_FAILURE() << "seed " << seed() + more_seed << ", round " << round << ", kill " << kill
                    << "\n"
                    << story;
      return kills;
    }
  }
  return kills;
}

// Messages with the numbers of others among them, in cycles.
TEST(QmailCopied, AllIsMendedWhereverItWasKilled) {
  std::mt19937 random(seed() + 3);
  EXPECT_GT(mend_many(false, 3, random), 200U);
}

// Two with the same number: what may be of either stays, and is told.
TEST(QmailCopied, NothingIsGivenToAnotherWhereNumbersCollide) {
  std::mt19937 random(seed() + 4);
  EXPECT_GT(mend_many(true, 4, random), 200U);
}

}  // namespace
}  // namespace aptkeep::qmail
