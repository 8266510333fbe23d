// Which files of a qmail queue belong to which message. Part of core/qmail_queue.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/qmail_queue.h"

namespace aptkeep::qmail {

struct Message {
  std::size_t mess = 0;  // an index into the files, as all below
  std::uint64_t inode = 0;
  std::vector<std::size_t> others;  // its files in the other parts
  bool two_names = false;           // the same file is there under another name: left alone
};

// An envelope that lies in another folder than its message, which has none.
struct Adopted {
  std::size_t file = 0;
  std::size_t message = 0;  // an index into Groups::messages()
  Place to;                 // by a temporary name
};

// The message's other files are found by its number, which says nothing by itself where two
// messages have the same one: one in the folder where its number belongs, and one that is not. In
// split parts the folder decides then; in the others, what the message lacks.
class Groups {
 public:
  // `files` must outlive it; those of the places that adopted() names may be changed before
  // settle().
  Groups(const std::vector<File>& files, unsigned split);

  // In the order in which they are to be renamed: an envelope's info last, so that after any part
  // of it the rest is found the same way.
  std::vector<Adopted> adopted() const;

  void give(std::size_t message, std::size_t file);

  // Finds the owners of all that has a plain number.
  void settle();

  const std::vector<Message>& messages() const { return messages_; }
  // Named like a message's file, and of none.
  const std::vector<std::size_t>& strays() const { return strays_; }
  // Of these, those that could be one of several messages'.
  const std::vector<std::pair<std::size_t, std::vector<std::size_t>>>& ambiguous() const {
    return ambiguous_;
  }

 private:
  using Numbered = std::pair<std::uint64_t, int>;  // number, folder

  void find_messages();
  void find_two_names();
  void give_temporaries();
  int owner_of_temporary(const std::string& name) const;
  int owner_by_number(const File& file, const std::vector<std::size_t>& candidates) const;
  bool has(const Message& message, Part part) const;
  bool lies_right(const Message& message) const;

  const std::vector<File>& files_;
  unsigned split_;
  std::vector<Message> messages_;
  std::map<Numbered, std::size_t> at_;  // -> message; a plain name goes before one on its way
  std::map<std::uint64_t, std::vector<std::size_t>> by_number_;  // plain ones -> messages
  std::map<std::uint64_t, std::vector<std::size_t>> coming_;     // on their way to the number
  std::map<std::string, std::vector<std::size_t>> temporary_;    // on their way -> messages
  std::map<std::uint64_t, std::size_t> by_inode_;                // -> message
  std::vector<std::size_t> strays_;
  std::vector<std::pair<std::size_t, std::vector<std::size_t>>> ambiguous_;
};

// Of the parts that have a message's files beside mess.
bool is_other(Part part);

}  // namespace aptkeep::qmail
