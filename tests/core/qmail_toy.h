// A qmail queue in memory: what the plans' actions do to it, and random ones whose messages are
// known.
#pragma once

#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "core/qmail_queue.h"

namespace aptkeep::qmail {

inline constexpr unsigned kToySplit = 3;
inline constexpr Ids kToyIds{71, 72, 73, 70};

class Toy {
 public:
  Toy();  // an empty queue, all as it should be

  // Mode and owner as they should be. Fails the test where something is there already.
  void put(const Place& place, std::uint64_t inode);

  Tree tree() const;
  Plan plan() const;

  // Fails the test where the action is not possible, or would lose a file.
  void apply(const Action& action);
  // The first `most` of them.
  void apply(const Plan& plan, std::size_t most = SIZE_MAX);

  bool has(const std::string& path) const { return files_.contains(path); }
  std::uint64_t inode_at(const std::string& path) const;
  const std::map<std::string, File>& files() const { return files_; }
  File& file(const std::string& path) { return files_.at(path); }
  // Numbered folders from 0 on, of a part that has none.
  void add_folders(Part part, unsigned count);
  void remove_folder(const std::string& path) { folders_.erase(path); }
  void remove_file(const std::string& path) { files_.erase(path); }
  // As a copy has it: mess files with other inode numbers.
  void relabel(const std::map<std::uint64_t, std::uint64_t>& inodes);

  // path -> inode, and owners: what two ends have to have in common.
  std::map<std::string, std::string> summary() const;

 private:
  std::map<std::string, Owner> folders_;
  std::map<std::string, File> files_;
};

Place place(const std::string& path);

// An empty queue and these: path -> inode.
Toy with(const std::map<std::string, std::uint64_t>& files);

// "path text" of each such finding.
using Told = std::vector<std::string>;
Told told(const Plan& plan, What what);

struct Known {
  std::uint64_t inode = 0;
  std::uint64_t before = 0;              // the number that it is found under
  int folder = kNoFolder;                // in mess
  std::map<Part, std::uint64_t> others;  // inodes of its other files
};

struct RandomQueue {
  Toy toy;
  std::vector<Known> messages;
  std::set<std::uint64_t> strays;  // inodes
  bool split_todo = false;         // one of big-todo
};

// `same_numbers`: two messages may have the same one, in different folders.
RandomQueue random_queue(std::mt19937& random, bool same_numbers);

}  // namespace aptkeep::qmail
