// A message's envelope, or a part of it, in another folder than the message: qmail would not find
// its sender or some of its recipients there. Where todo and intd are split, so are these. Part of
// core/qmail_groups.h.
#include <algorithm>

#include "core/qmail_groups.h"

namespace aptkeep::qmail {

// Where the folder says which message's it is, as it does of an envelope.
bool Groups::is_split_todo(const Place& place) const {
  return (place.part == Part::Todo || place.part == Part::Intd) && place.folder != kNoFolder &&
         shape_.todo() == Todo::Split;
}

Groups::Envelopes Groups::envelopes() const {
  Envelopes all;
  for (std::size_t i = 0; i < files_.size(); ++i) {
    const File& file = files_[i];
    const Name name = read_name(file.place.name);
    const bool in_folder = of_envelope(file.place.part) || is_split_todo(file.place);
    if (file.kind == Kind::Regular && in_folder && name.is == Name::Is::Number) {
      all[{name.number, file.place.folder}][file.place.part] = i;
    }
  }
  return all;
}

// Neither has it, nor is it there under its number in the message's folder.
bool Groups::lacks(const Message& message, Part part, const Envelopes& all) const {
  const auto own = all.find({message.number, files_[message.mess].place.folder});
  return !has(message, part) && (own == all.end() || !own->second.contains(part));
}

// Not yet preprocessed: qmail-send makes the lists of its recipients anew.
std::set<std::uint64_t> Groups::with_todo() const {
  std::set<std::uint64_t> numbers;
  for (const File& file : files_) {
    const Name name = read_name(file.place.name);
    const bool counts = file.place.part == Part::Todo && file.kind == Kind::Regular &&
                        !shape_.is_odd(file.place) && name.is == Name::Is::Number;
    if (counts) numbers.insert(name.number);
  }
  for (const Message& message : messages_) {
    if (has(message, Part::Todo)) numbers.insert(message.number);
  }
  return numbers;
}

// qmail-send makes a message's envelope when its mess file is there. What is older was of another
// message that had the number before: its recipients must not get this one.
bool Groups::is_younger(std::size_t file, const Message& message) const {
  return files_[file].modified >= files_[message.mess].modified;
}

// The one message of this number without an info, and the one info without a message, with what
// lies in its folder.
void Groups::adopt_whole(std::uint64_t number, const Messages& called, const Envelopes& all,
                         std::vector<Adopted>& adopted) const {
  std::vector<int> lone;
  for (auto it = all.lower_bound({number, INT32_MIN}); it != all.end() && it->first.first == number;
       ++it) {
    if (it->second.contains(Part::Info) && !at_.contains(it->first)) {
      lone.push_back(it->first.second);
    }
  }
  Messages lacking;
  for (const std::size_t i : called) {
    if (lacks(messages_[i], Part::Info, all)) lacking.push_back(i);
  }
  if (lone.size() != 1 || lacking.size() != 1 || any_of_queue_fix(called) ||
      doubtful_.contains(lacking.front())) {
    return;
  }
  const Message& message = messages_[lacking.front()];
  const auto& from = all.at({number, lone.front()});
  const bool clear = std::all_of(from.begin(), from.end(), [&](const auto& one) {
    return lacks(message, one.first, all) && is_younger(one.second, message);
  });
  if (!clear || message.two_names) return;
  for (const Part part : kEnvelope) {
    const auto found = from.find(part);
    if (found != from.end()) adopted.push_back({found->second, lacking.front()});
  }
}

// The only one of its kind, and the only message: then it is its. An info alone came with
// adopt_whole() where it is as clear as that. `missed`: by whom of these.
void Groups::adopt_part(const Messages& astray, const Messages& called, bool missed,
                        std::vector<Adopted>& adopted) {
  if (!missed) return;
  const std::size_t first = called.front();
  if (files_[astray.front()].place.part != Part::Info && astray.size() == 1 && is_certain(called) &&
      !messages_[first].two_names && !doubtful_.contains(first) &&
      is_younger(astray.front(), messages_[first])) {
    adopted.push_back({astray.front(), first});
    return;
  }
  for (const std::size_t file : astray) {
    astray_.insert(file);
    doubt(file, called);
  }
}

// Those of a number in folders where no message has it.
std::vector<std::size_t> Groups::astray_of(std::uint64_t number, Part part, const Envelopes& all,
                                           const std::set<std::size_t>& given) const {
  Messages astray;
  for (auto it = all.lower_bound({number, INT32_MIN}); it != all.end() && it->first.first == number;
       ++it) {
    const auto found = it->second.find(part);
    const bool free = found != it->second.end() && !given.contains(found->second);
    if (free && !at_.contains(it->first)) astray.push_back(found->second);
  }
  return astray;
}

std::vector<Adopted> Groups::adopt() {
  const Envelopes all = envelopes();
  const std::set<std::uint64_t> todos = with_todo();
  std::vector<Adopted> adopted;
  for (const auto& [number, called] : by_number_) {
    std::vector<Adopted> whole;
    adopt_whole(number, called, all, whole);
    std::set<std::size_t> given;
    std::set<std::pair<std::size_t, Part>> have;
    for (const Adopted& one : whole) {
      given.insert(one.file);
      have.emplace(one.message, files_[one.file].place.part);
    }
    adopted.insert(adopted.end(), whole.begin(), whole.end());
    for (const Part part : {Part::Remote, Part::Local, Part::Info, Part::Todo, Part::Intd}) {
      const Messages astray = astray_of(number, part, all, given);
      const bool is_new = called.size() == 1 && todos.contains(number) && of_envelope(part);
      if (astray.empty() || is_new) continue;
      const bool missed = std::any_of(called.begin(), called.end(), [&](std::size_t i) {
        return lacks(messages_[i], part, all) && !have.contains({i, part});
      });
      adopt_part(astray, called, missed, adopted);
    }
  }
  return adopted;
}

}  // namespace aptkeep::qmail
