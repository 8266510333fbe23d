// Which files of a qmail queue are renamed, to what, and in which order. Part of
// core/qmail_queue.h.
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/qmail_groups.h"
#include "core/qmail_queue.h"

namespace aptkeep::qmail {

struct Move {
  std::size_t file = 0;  // an index into the files, as all below
  Place to;              // its last place
};

class Moves {
 public:
  // `files`, `groups` (settled) and `shape` must outlive it; a file's place is changed by what
  // renames it.
  Moves(std::vector<File>& files, const Groups& groups, unsigned split, const Shape& shape);

  // Of a message's files, those that are not where they belong: what is moved, and what would be
  // if nothing were in the way.
  const std::vector<Move>& of(std::size_t message) const { return moves_[message]; }
  const std::vector<Move>& given_up(std::size_t message) const { return given_up_[message]; }
  // message -> the file because of which it is not moved
  const std::map<std::size_t, std::size_t>& blocked() const { return blocked_; }
  // file -> message
  const std::map<std::size_t, std::size_t>& owners() const { return owner_; }
  // Files that lie where a folder has to be, by path.
  const std::map<std::string, std::size_t>& for_a_folder() const { return for_a_folder_; }

  bool taken(const Place& place) const { return taken_.contains(place); }
  void rename(std::size_t file, Place to);
  // What was renamed is on disk before what will be.
  void sync();
  // All messages' files to their last places.
  void rename_all();
  std::vector<Action> take_actions() { return std::move(actions_); }

 private:
  void find_targets();
  void find_blocked();
  void block(std::size_t message, std::size_t because_of);
  std::size_t obstacle(std::size_t message) const;
  std::size_t obstacle(const Move& move) const;
  std::size_t in_for_a_folder(const Place& place) const;
  std::size_t claimed_by(std::size_t message) const;
  std::size_t taken_by_other(const Place& place, std::size_t file) const;
  bool leaves(std::size_t file, std::size_t message) const;

  std::string new_common(const Message& message);
  Place place_for(const Place& place, std::uint64_t inode) const;
  Place leaving(std::size_t message) const;
  Place coming(std::size_t message) const;
  Place on_its_way(std::size_t message, const Move& move) const;
  std::size_t mess(std::size_t message) const { return groups_.messages()[message].mess; }
  void rename_to(std::size_t file, Place to);
  template <typename Step>
  void for_all(Step step);
  template <typename To>
  void rename_others(To to);

  std::vector<File>& files_;
  const Groups& groups_;
  unsigned split_;
  const Shape& shape_;
  std::map<Place, std::size_t> taken_;
  std::set<std::string> names_;               // that are in use
  std::map<std::size_t, std::size_t> owner_;  // file -> message
  std::vector<std::vector<Move>> moves_;      // by message, as those below
  std::vector<std::vector<Move>> given_up_;
  std::vector<std::string> common_;
  std::map<std::size_t, std::size_t> blocked_;
  std::map<std::string, std::size_t> for_a_folder_;
  std::vector<Action> actions_;
};

}  // namespace aptkeep::qmail
