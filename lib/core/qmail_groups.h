// Which files of a qmail queue belong to which message. Part of core/qmail_queue.h.
//
// By names alone: inode numbers say where a message has to go, never whose a file is, because a
// queue may be copied at any time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/qmail_queue.h"
#include "core/qmail_shape.h"

namespace aptkeep::qmail {

struct Message {
  std::size_t mess = 0;  // an index into the files, as all below
  std::uint64_t inode = 0;
  std::uint64_t number = 0;         // its other files may have this one for a name
  std::string common;               // or this; empty: none has
  std::vector<std::size_t> others;  // its files in the other parts
  bool two_names = false;           // the same file is there under another name: left alone
  bool of_queue_fix = false;        // "999.tmp": what has the number may be another's as well
};

// A part of an envelope in another folder than its message, which lacks it.
struct Adopted {
  std::size_t file = 0;
  std::size_t message = 0;  // an index into Groups::messages()
};

// Two messages may have the same number: one in the folder where it belongs, and one that is not.
// In split parts the folder decides then; in the others, what the message lacks.
class Groups {
 public:
  // `files` and `shape` must outlive it.
  Groups(const std::vector<File>& files, unsigned split, const Shape& shape);

  // In the order in which they are to be renamed: an envelope's info last, so that after any part
  // of it the rest is found the same way. What may be of one, and of nobody knows which one or
  // whether, is in doubt from then on.
  std::vector<Adopted> adopt();

  void give(std::size_t message, std::size_t file);

  // Finds the owners of all that has a plain number.
  void settle();

  const std::vector<Message>& messages() const { return messages_; }
  // The messages whose other files may have this number.
  const std::vector<std::size_t>& numbered(std::uint64_t number) const;
  // Named like a message's file, and of none that is certain.
  const std::vector<std::size_t>& strays() const { return strays_; }
  // Of these, those that could be one of several messages'.
  const std::vector<std::size_t>& unclear() const { return unclear_; }
  // Unclear ones in other folders than the messages that they may be of.
  const std::set<std::size_t>& astray() const { return astray_; }
  // Strays that may be a message's if qmail looks there at all (core/qmail_shape.h).
  const std::set<std::size_t>& odd() const { return odd_; }
  // message -> a file that may be its, or another's. They are not to be renamed, because then
  // nobody could tell any more.
  const std::map<std::size_t, std::size_t>& doubtful() const { return doubtful_; }

 private:
  using Numbered = std::pair<std::uint64_t, int>;  // number, folder
  using Messages = std::vector<std::size_t>;

  void find_messages();
  void find_two_names();
  void give_temporaries();
  int owner_by_inode(const Name& name) const;
  int owner_by_number(const File& file, const Messages& candidates) const;
  void settle_split(std::size_t file, const Name& name);
  void settle_by_number(const Messages& files);
  void doubt(std::size_t file, const Messages& messages);
  void leave_odd(std::size_t file, const Name& name);
  bool doubt_all_called(std::size_t file, const Name& name);
  bool has(const Message& message, Part part) const;
  bool any_of_queue_fix(const Messages& messages) const;
  bool is_certain(const Messages& owners) const;

  using Envelopes = std::map<Numbered, std::map<Part, std::size_t>>;
  Envelopes envelopes() const;
  bool is_younger(std::size_t file, const Message& message) const;
  bool is_split_todo(const Place& place) const;
  bool lacks(const Message& message, Part part, const Envelopes& all) const;
  std::set<std::uint64_t> with_todo() const;
  void adopt_whole(std::uint64_t number, const Messages& called, const Envelopes& all,
                   std::vector<Adopted>& adopted) const;
  void adopt_part(const Messages& astray, const Messages& called, bool missed,
                  std::vector<Adopted>& adopted);
  Messages astray_of(std::uint64_t number, Part part, const Envelopes& all,
                     const std::set<std::size_t>& given) const;

  const std::vector<File>& files_;
  unsigned split_;
  const Shape& shape_;
  std::vector<Message> messages_;
  std::map<Numbered, Messages> at_;
  std::map<std::uint64_t, Messages> by_number_;
  std::map<std::string, Messages> by_common_;
  std::vector<std::size_t> strays_;
  std::vector<std::size_t> unclear_;
  std::map<std::size_t, std::size_t> doubtful_;
  std::set<std::size_t> odd_;
  std::set<std::size_t> astray_;
};

bool of_envelope(Part part);

// Of the parts that have a message's files beside mess.
bool is_other(Part part);

}  // namespace aptkeep::qmail
