#include "core/qmail_moves.h"

#include <algorithm>
#include <deque>
#include <utility>

#include "core/qmail_shape.h"

namespace aptkeep::qmail {
namespace {

constexpr std::size_t kNone = static_cast<std::size_t>(-1);

}  // namespace

Moves::Moves(std::vector<File>& files, const Groups& groups, unsigned split, const Shape& shape)
    : files_(files), groups_(groups), split_(split), shape_(shape) {
  for (std::size_t i = 0; i < files_.size(); ++i) {
    const Place& place = files_[i].place;
    const Name name = read_name(place.name);
    taken_[place] = i;
    names_.insert(place.name);
    names_.insert(name.common);
    const bool above = place.folder == kNoFolder && (place.name == "0" || name.number != 0);
    if (above && is_split(place.part, false) && name.number < split_) {
      for_a_folder_[path_of(place)] = i;
    }
  }
  find_targets();
  find_blocked();
}

void Moves::find_targets() {
  const auto& messages = groups_.messages();
  moves_.resize(messages.size());
  given_up_.resize(messages.size());
  for (std::size_t m = 0; m < messages.size(); ++m) {
    for (const std::size_t i : messages[m].others) owner_[i] = m;
    owner_[messages[m].mess] = m;
    common_.push_back(messages[m].common.empty() ? new_common(messages[m]) : messages[m].common);
    if (messages[m].two_names) continue;
    std::vector<std::size_t> all = messages[m].others;
    all.push_back(messages[m].mess);
    for (const std::size_t i : all) {
      Place to = place_for(files_[i].place, messages[m].inode);
      if (to != files_[i].place) moves_[m].push_back({i, std::move(to)});
    }
  }
}

// No file has it yet, nor another message, or it would say that this one is the owner.
std::string Moves::new_common(const Message& message) {
  std::uint64_t now = message.inode;
  std::string name = temporary(message.number, now);
  while (!names_.insert(name).second) name = temporary(message.number, ++now);
  return name;
}

// Of what lies at `place` now.
Place Moves::place_for(const Place& place, std::uint64_t inode) const {
  const int folder = shape_.in_folder(place) ? static_cast<int>(inode % split_) : kNoFolder;
  return {place.part, folder, std::to_string(inode)};
}

// Of a message's mess file, while its other files get the name that they have in common.
Place Moves::leaving(std::size_t message) const {
  const Place& place = files_[mess(message)].place;
  if (read_name(place.name).is != Name::Is::Number) return place;
  return {Part::Mess, place.folder, common_[message]};
}

// The same, while they get their last ones.
Place Moves::coming(std::size_t message) const {
  const std::uint64_t inode = groups_.messages()[message].inode;
  Place place = place_for(files_[mess(message)].place, inode);
  place.name = arriving(inode, common_[message]);
  return place;
}

Place Moves::on_its_way(std::size_t message, const Move& move) const {
  return {move.to.part, move.to.folder, common_[message]};
}

// A message that stays where files with this one's new number would be its.
std::size_t Moves::claimed_by(std::size_t message) const {
  for (const std::size_t other : groups_.numbered(groups_.messages()[message].inode)) {
    if (other != message && moves_[other].empty()) return mess(other);
  }
  return kNone;
}

std::size_t Moves::taken_by_other(const Place& place, std::size_t file) const {
  const auto found = taken_.find(place);
  return found == taken_.end() || found->second == file ? kNone : found->second;
}

std::size_t Moves::in_for_a_folder(const Place& place) const {
  const std::string path = path_of(place);
  for (const std::string& one : {path, path.substr(0, path.rfind('/'))}) {
    if (const auto found = for_a_folder_.find(one); found != for_a_folder_.end()) {
      return found->second;
    }
  }
  return kNone;
}

bool Moves::leaves(std::size_t file, std::size_t message) const {
  return std::any_of(moves_[message].begin(), moves_[message].end(),
                     [&](const Move& move) { return move.file == file; });
}

std::size_t Moves::obstacle(const Move& move) const {
  for (const Place& one : {move.to, files_[move.file].place}) {
    if (const std::size_t file = in_for_a_folder(one); file != kNone) return file;
  }
  const auto found = taken_.find(move.to);
  if (found == taken_.end()) return kNone;
  const std::size_t there = found->second;
  const auto owner = owner_.find(there);
  if (owner != owner_.end()) return leaves(there, owner->second) ? kNone : there;
  const bool plain = files_[there].kind == Kind::Regular &&
                     read_name(files_[there].place.name).is == Name::Is::Number;
  // A stray is set aside.
  return !plain || move.to.part == Part::Mess ? there : kNone;
}

// What is in the way of a message's move for good; kNone: nothing.
std::size_t Moves::obstacle(std::size_t message) const {
  const std::size_t own = mess(message);
  for (const std::size_t file : {claimed_by(message), taken_by_other(leaving(message), own),
                                 taken_by_other(coming(message), own)}) {
    if (file != kNone) return file;
  }
  std::set<Place> wanted;
  for (const Move& move : moves_[message]) {
    if (!wanted.insert(move.to).second) return move.file;
    const std::size_t amid =
        move.file == own ? kNone : taken_by_other(on_its_way(message, move), move.file);
    if (amid != kNone) return amid;
    if (const std::size_t file = obstacle(move); file != kNone) return file;
  }
  return kNone;
}

void Moves::block(std::size_t message, std::size_t because_of) {
  blocked_[message] = because_of;
  given_up_[message] = std::exchange(moves_[message], {});
}

void Moves::find_blocked() {
  for (const auto& [message, file] : groups_.doubtful()) {
    if (!moves_[message].empty()) block(message, file);
  }
  // One that stays is in the way of those that were to get its places, or its number, and of no
  // others: to look at all again for each would take hours for a chain through a large queue.
  std::multimap<Place, std::size_t> wanting;
  std::multimap<std::uint64_t, std::size_t> by_inode;
  std::deque<std::size_t> open;
  for (std::size_t m = 0; m < moves_.size(); ++m) {
    for (const Move& move : moves_[m]) wanting.emplace(move.to, m);
    by_inode.emplace(groups_.messages()[m].inode, m);
    open.push_back(m);
  }
  const auto look_again = [&open](const auto& range) {
    for (auto one = range.first; one != range.second; ++one) open.push_back(one->second);
  };
  for (; !open.empty(); open.pop_front()) {
    const std::size_t m = open.front();
    const std::size_t there = moves_[m].empty() ? kNone : obstacle(m);
    if (there == kNone) continue;
    block(m, there);
    for (const Move& move : given_up_[m]) look_again(wanting.equal_range(files_[move.file].place));
    look_again(by_inode.equal_range(groups_.messages()[m].number));
  }
}

void Moves::rename(std::size_t file, Place to) {
  Action action;
  action.what = Action::Do::Rename;
  action.path = path_of(files_[file].place);
  action.to = path_of(to);
  action.inode = files_[file].inode;
  actions_.push_back(std::move(action));
  taken_.erase(files_[file].place);
  taken_[to] = file;
  files_[file].place = std::move(to);
}

void Moves::sync() {
  if (!actions_.empty() && actions_.back().what != Action::Do::Sync) actions_.push_back({});
}

void Moves::rename_to(std::size_t file, Place to) {
  if (files_[file].place != to) rename(file, std::move(to));
}

template <typename Step>
void Moves::for_all(Step step) {
  for (std::size_t m = 0; m < moves_.size(); ++m) {
    if (!moves_[m].empty()) step(m);
  }
  sync();
}

template <typename To>
void Moves::rename_others(To to) {
  for_all([&](std::size_t m) {
    for (const Move& move : moves_[m]) {
      if (move.file != mess(m)) rename_to(move.file, to(m, move));
    }
  });
}

// One message's new number may be another's old one, so each step ends for all before the next one
// begins; at no point has a name two owners (core/qmail_queue.h, Name).
void Moves::rename_all() {
  for_all([this](std::size_t m) { rename_to(mess(m), leaving(m)); });
  rename_others([this](std::size_t m, const Move& move) { return on_its_way(m, move); });
  for_all([this](std::size_t m) { rename_to(mess(m), coming(m)); });
  rename_others([](std::size_t, const Move& move) { return move.to; });
  for_all([this](std::size_t m) {
    rename_to(mess(m), place_for(files_[mess(m)].place, groups_.messages()[m].inode));
  });
}

}  // namespace aptkeep::qmail
