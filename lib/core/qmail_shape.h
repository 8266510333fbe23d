// How a qmail queue's folders are numbered, and whether anything is in it. Part of
// core/qmail_queue.h.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/qmail_queue.h"

namespace aptkeep::qmail {

// Whether the part's files lie in numbered folders. A patch that is in wide use ("big-todo") splits
// todo and intd as well.
bool is_split(Part part, bool split_todo);

// Whether the queue is one of big-todo, by what is there: no file in it says so. Folders in todo
// alone don't, because an earlier queue-fix may have made them, or somebody else.
enum class Todo : std::uint8_t {
  Flat,   // plain qmail's, or not certain
  Split,  // todo and intd have all folders, gapless, and nothing lies beside them
  Mixed,  // all folders, and files beside them
};

class Shape {
 public:
  Shape(const Tree& tree, unsigned split);

  Todo todo() const { return todo_; }
  // A file in a folder of todo or intd that may be nobody's: where qmail is a plain one it does not
  // look there.
  bool is_odd(const Place& place) const;
  // Whether a message's file stays in a numbered folder. With Mixed it stays what it is.
  bool in_folder(const Place& place) const;

  // Neither messages nor anything that may be of one.
  bool is_empty() const { return empty_; }
  // The part has its first folders, and no other: those after may be of another split.
  bool ends_before(Part part, unsigned folder) const;

 private:
  using Folders = std::set<unsigned>;

  const Folders& of(Part part) const;
  bool is_gapless(Part part) const;
  bool covers(Part part, unsigned split) const;
  Todo find_todo(const std::vector<File>& files, unsigned split) const;

  std::map<Part, Folders> folders_;
  Todo todo_ = Todo::Flat;
  bool empty_ = true;
};

}  // namespace aptkeep::qmail
