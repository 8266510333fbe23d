#include "qmail_toy.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <charconv>

namespace aptkeep::qmail {
namespace {

constexpr Part kAll[] = {Part::Remote, Part::Local, Part::Info, Part::Todo, Part::Intd,
                         Part::Bounce, Part::Mess,  Part::Pid,  Part::Lock};
constexpr std::uint64_t kOthers = 1000;  // inodes of what is no mess file

bool split(Part part) {
  return std::find(std::begin(kSplit), std::end(kSplit), part) != std::end(kSplit);
}

Owner owner_in(Part part) {
  const bool sender =
      part == Part::Info || part == Part::Local || part == Part::Remote || part == Part::Bounce;
  return {sender ? kToyIds.qmails : kToyIds.qmailq, kToyIds.qmail_group, sender ? 0600U : 0644U};
}

Owner folder_owner(Part part) {
  Owner owner = owner_in(part);
  owner.mode = part == Part::Mess || part == Part::Todo || part == Part::Lock ? 0750 : 0700;
  return owner;
}

std::size_t below(std::mt19937& random, std::size_t most) {
  return std::uniform_int_distribution<std::size_t>(0, most - 1)(random);
}

}  // namespace

Place place(const std::string& path) {
  Place place;
  const auto first = path.find('/');
  const auto last = path.rfind('/');
  for (const Part part : kAll) {
    if (path.substr(0, first) == to_string(part)) place.part = part;
  }
  if (first != last) {
    std::from_chars(path.data() + first + 1, path.data() + last, place.folder);
  }
  place.name = path.substr(last + 1);
  return place;
}

Toy with(const std::map<std::string, std::uint64_t>& files) {
  Toy toy;
  for (const auto& [path, inode] : files) toy.put(place(path), inode);
  return toy;
}

Told told(const Plan& plan, What what) {
  Told all;
  for (const Finding& finding : plan.findings) {
    if (finding.what == what) all.push_back(finding.path + " " + finding.text);
  }
  return all;
}

Toy::Toy() {
  folders_[""] = {kToyIds.qmailq, kToyIds.qmail_group, 0750};
  for (const Part part : kAll) {
    folders_[to_string(part)] = folder_owner(part);
    for (unsigned i = 0; split(part) && i < kToySplit; ++i) {
      folders_[std::string(to_string(part)) + "/" + std::to_string(i)] = folder_owner(part);
    }
  }
  put(place("lock/sendmutex"), kOthers + 1);
  put(place("lock/tcpto"), kOthers + 2);
  put(place("lock/trigger"), kOthers + 3);
  file("lock/sendmutex").owner = {kToyIds.qmails, kToyIds.qmail_group, 0600};
  file("lock/tcpto").owner.user = kToyIds.qmailr;
  file("lock/tcpto").size = 1024;
  file("lock/trigger").owner = {kToyIds.qmails, kToyIds.qmail_group, 0622};
  file("lock/trigger").kind = Kind::Fifo;
}

void Toy::put(const Place& place, std::uint64_t inode) {
  File file;
  file.place = place;
  file.inode = inode;
  file.owner = owner_in(place.part);
  ASSERT_TRUE(files_.emplace(path_of(place), file).second) << path_of(place);
  // Of another split.
  const std::string path = path_of(place);
  const std::string folder = path.substr(0, path.rfind('/'));
  if (!folders_.contains(folder)) folders_[folder] = folder_owner(place.part);
}

void Toy::add_folders(Part part, unsigned count) {
  for (unsigned i = 0; i < count; ++i) {
    folders_[std::string(to_string(part)) + "/" + std::to_string(i)] = folder_owner(part);
  }
}

Tree Toy::tree() const {
  Tree tree;
  for (const auto& [path, owner] : folders_) tree.folders.push_back({path, owner, 0});
  for (const auto& [path, file] : files_) tree.files.push_back(file);
  return tree;
}

void Toy::relabel(const std::map<std::uint64_t, std::uint64_t>& inodes) {
  for (auto& [path, file] : files_) {
    if (file.place.part == Part::Mess) file.inode = inodes.at(file.inode);
  }
}

Plan Toy::plan() const {
  return qmail::plan(tree(), {kToySplit, kToyIds});
}

std::uint64_t Toy::inode_at(const std::string& path) const {
  const auto found = files_.find(path);
  return found == files_.end() ? 0 : found->second.inode;
}

void Toy::apply(const Action& action) {
  switch (action.what) {
    case Action::Do::MakeFolder:
      ASSERT_TRUE(folders_.emplace(action.path, action.owner).second) << action.path;
      return;
    case Action::Do::MakeFile:
    case Action::Do::MakeFifo: {
      put(place(action.path), kOthers + 500 + files_.size());
      file(action.path).owner = action.owner;
      file(action.path).size = action.size;
      file(action.path).kind = action.what == Action::Do::MakeFile ? Kind::Regular : Kind::Fifo;
      return;
    }
    case Action::Do::SetOwner:
      if (const auto found = folders_.find(action.path); found != folders_.end()) {
        found->second = action.owner;
        return;
      }
      ASSERT_TRUE(files_.contains(action.path)) << action.path;
      file(action.path).owner = action.owner;
      return;
    case Action::Do::Rename: {
      const auto found = files_.find(action.path);
      ASSERT_NE(found, files_.end()) << action.path;
      ASSERT_TRUE(action.inode == 0 || action.inode == found->second.inode) << action.path;
      ASSERT_TRUE(action.replace || !files_.contains(action.to)) << action.to;
      ASSERT_TRUE(folders_.contains(action.to.substr(0, action.to.rfind('/')))) << action.to;
      File moved = found->second;
      moved.place = place(action.to);
      files_.erase(found);
      files_[action.to] = moved;
      return;
    }
    case Action::Do::Sync:
      return;
  }
}

void Toy::apply(const Plan& plan, std::size_t most) {
  for (std::size_t i = 0; i < std::min(most, plan.actions.size()); ++i) {
    apply(plan.actions[i]);
    if (testing::Test::HasFatalFailure()) return;
  }
}

std::map<std::string, std::string> Toy::summary() const {
  std::map<std::string, std::string> all;
  const auto told = [](const Owner& owner) {
    return std::to_string(owner.user) + ":" + std::to_string(owner.group) + " " +
           std::to_string(owner.mode);
  };
  for (const auto& [path, owner] : folders_) all[path] = told(owner);
  for (const auto& [path, file] : files_) {
    const bool made = file.inode >= kOthers + 500;
    all[path] = std::to_string(made ? 0 : file.inode) + " " + told(file.owner);
  }
  return all;
}

namespace {

class Maker {
 public:
  Maker(std::mt19937& random, bool same_numbers) : random_(random), same_(same_numbers) {}

  RandomQueue make() {
    made_.split_todo = below(random_, 5) == 0;
    for (const Part part : {Part::Todo, Part::Intd}) {
      if (made_.split_todo) made_.toy.add_folders(part, kToySplit);
    }
    const std::size_t count = 1 + below(random_, 8);
    while (inodes_.size() < count) inodes_.insert(1 + below(random_, 20));
    std::vector<std::uint64_t> numbers(inodes_.begin(), inodes_.end());
    std::shuffle(numbers.begin(), numbers.end(), random_);
    std::size_t i = 0;
    for (const std::uint64_t inode : inodes_) add(inode, numbers[i++]);
    add_strays();
    spoil_owners();
    return std::move(made_);
  }

 private:
  // `number`: one of the inodes, so that there are cycles.
  void add(std::uint64_t inode, std::uint64_t number) {
    Known message{inode, 0, kNoFolder, {}};
    for (int tries = 0;; ++tries) {
      const std::size_t way = below(random_, 4);
      message.before = way == 0 ? inode : way == 1 ? 1 + below(random_, 25) : number;
      const unsigned other = below(random_, 3) == 0 ? kToySplit + 2 : kToySplit;
      folder_ = static_cast<int>(message.before % other);
      const bool free =
          !made_.toy.has(path_of({Part::Mess, folder_, std::to_string(message.before)}));
      if (free && (same_ || !numbers_.contains(message.before))) break;
      if (tries > 50) return;
    }
    numbers_.insert(message.before);
    made_.toy.put(at(Part::Mess, message), inode);
    message.folder = folder_;
    // Now and then the envelope lies elsewhere.
    if (!same_ && below(random_, 6) == 0) folder_ = (folder_ + 1) % static_cast<int>(kToySplit);
    const std::size_t state = below(random_, 4);
    if (state == 1) {
      other(message, Part::Intd, 2);
      other(message, Part::Todo, 1);
    }
    if (state >= 2) {
      other(message, Part::Info, 1);
      other(message, Part::Local, 2);
      other(message, Part::Remote, 2);
      other(message, Part::Bounce, 3);
    }
    made_.messages.push_back(std::move(message));
  }

  bool in_folder(Part part) const {
    return split(part) || (made_.split_todo && (part == Part::Todo || part == Part::Intd));
  }

  Place at(Part part, const Known& message) const {
    return {part, in_folder(part) ? folder_ : kNoFolder, std::to_string(message.before)};
  }

  // One time in `chance`.
  void other(Known& message, Part part, std::size_t chance) {
    if (below(random_, chance) != 0) return;
    Place place = at(part, message);
    // Now and then a part of an envelope lies elsewhere.
    const bool envelope =
        std::find(std::begin(kEnvelope), std::end(kEnvelope), part) != std::end(kEnvelope);
    if (!same_ && envelope && below(random_, 8) == 0) {
      place.folder = static_cast<int>(below(random_, kToySplit + 1));
    }
    if (made_.toy.has(path_of(place))) return;
    made_.toy.put(place, ++next_);
    message.others[part] = next_;
  }

  // None with an info, which a message without one might take for its own.
  void add_strays() {
    constexpr Part kParts[] = {Part::Local, Part::Remote, Part::Bounce, Part::Todo, Part::Intd};
    for (std::size_t i = below(random_, 5); i > 0; --i) {
      const std::uint64_t number = 1 + below(random_, 25);
      if (numbers_.contains(number)) continue;
      const Part part = kParts[below(random_, std::size(kParts))];
      const Place place{part, in_folder(part) ? static_cast<int>(number % kToySplit) : kNoFolder,
                        std::to_string(number)};
      if (made_.toy.has(path_of(place))) continue;
      made_.toy.put(place, ++next_);
      made_.strays.insert(next_);
    }
  }

  void spoil_owners() {
    for (const auto& [path, file] : std::map(made_.toy.files())) {
      if (below(random_, 10) == 0) made_.toy.file(path).owner.user = 0;
      if (below(random_, 10) == 0) made_.toy.file(path).owner.mode = 0666;
    }
    if (below(random_, 8) == 0) made_.toy.remove_file("lock/tcpto");
    if (below(random_, 8) == 0) made_.toy.remove_file("lock/sendmutex");
  }

  std::mt19937& random_;
  bool same_;
  RandomQueue made_;
  std::set<std::uint64_t> inodes_;
  std::set<std::uint64_t> numbers_;
  std::uint64_t next_ = kOthers + 10;
  int folder_ = 0;
};

}  // namespace

RandomQueue random_queue(std::mt19937& random, bool same_numbers) {
  return Maker(random, same_numbers).make();
}

}  // namespace aptkeep::qmail
