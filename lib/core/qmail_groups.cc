#include "core/qmail_groups.h"

#include <algorithm>

namespace aptkeep::qmail {
namespace {

constexpr int kNobody = -1;

bool of_envelope(Part part) {
  return std::find(std::begin(kEnvelope), std::end(kEnvelope), part) != std::end(kEnvelope);
}

}  // namespace

bool is_other(Part part) {
  return part != Part::Mess && part != Part::Pid && part != Part::Lock;
}

Groups::Groups(const std::vector<File>& files, unsigned split) : files_(files), split_(split) {
  find_messages();
  find_two_names();
  give_temporaries();
}

void Groups::find_messages() {
  for (std::size_t i = 0; i < files_.size(); ++i) {
    const File& file = files_[i];
    if (file.place.part != Part::Mess || file.kind != Kind::Regular) continue;
    const Name name = read_name(file.place.name);
    if (name.is != Name::Is::Number && name.is != Name::Is::Temporary) continue;
    if (name.is == Name::Is::Number) {
      at_.insert_or_assign({name.number, file.place.folder}, messages_.size());
      by_number_[name.number].push_back(messages_.size());
    } else {
      temporary_[file.place.name].push_back(messages_.size());
      // What has its final name already waits for it there.
      at_.try_emplace({name.number, file.place.folder}, messages_.size());
      coming_[name.number].push_back(messages_.size());
    }
    by_inode_[file.inode] = messages_.size();
    messages_.push_back({i, file.inode, {}, false});
  }
}

void Groups::find_two_names() {
  std::map<std::uint64_t, std::vector<std::size_t>> same;
  for (std::size_t i = 0; i < messages_.size(); ++i) same[messages_[i].inode].push_back(i);
  for (const auto& [inode, names] : same) {
    if (names.size() < 2) continue;
    for (const std::size_t i : names) messages_[i].two_names = true;
  }
}

// A temporary name tells the new number, which is its message's inode unless the queue was copied
// since, and ours the old one too.
int Groups::owner_of_temporary(const std::string& text) const {
  const auto named = temporary_.find(text);
  if (named != temporary_.end() && named->second.size() == 1) {
    return static_cast<int>(named->second.front());
  }
  const Name name = read_name(text);
  if (const auto found = by_inode_.find(name.number); found != by_inode_.end()) {
    const Name called = read_name(files_[messages_[found->second].mess].place.name);
    const bool on_its_way = called.is == Name::Is::Temporary && called.number == name.number;
    const bool there = called.is == Name::Is::Number && called.number == name.number;
    const bool not_yet = called.is == Name::Is::Number && called.number == name.before;
    if (on_its_way || there || not_yet) return static_cast<int>(found->second);
  }
  if (!name.before) return kNobody;
  const auto found = by_number_.find(*name.before);
  if (found == by_number_.end() || found->second.size() != 1) return kNobody;
  const std::size_t only = found->second.front();
  return messages_[only].inode == *name.before ? kNobody : static_cast<int>(only);
}

void Groups::give_temporaries() {
  for (std::size_t i = 0; i < files_.size(); ++i) {
    const File& file = files_[i];
    if (!is_other(file.place.part) || file.kind != Kind::Regular) continue;
    if (read_name(file.place.name).is != Name::Is::Temporary) continue;
    const int owner = owner_of_temporary(file.place.name);
    if (owner < 0) {
      strays_.push_back(i);
    } else {
      messages_[static_cast<std::size_t>(owner)].others.push_back(i);
    }
  }
}

void Groups::give(std::size_t message, std::size_t file) {
  messages_[message].others.push_back(file);
}

bool Groups::has(const Message& message, Part part) const {
  return std::any_of(message.others.begin(), message.others.end(),
                     [&](std::size_t i) { return files_[i].place.part == part; });
}

bool Groups::lies_right(const Message& message) const {
  const Place& place = files_[message.mess].place;
  return place.name == std::to_string(message.inode) &&
         place.folder == static_cast<int>(message.inode % split_);
}

std::vector<Adopted> Groups::adopted() const {
  std::map<Numbered, std::map<Part, std::size_t>> envelopes;
  for (std::size_t i = 0; i < files_.size(); ++i) {
    const File& file = files_[i];
    const Name name = read_name(file.place.name);
    if (file.kind == Kind::Regular && of_envelope(file.place.part) && name.is == Name::Is::Number) {
      envelopes[{name.number, file.place.folder}][file.place.part] = i;
    }
  }
  std::vector<Adopted> all;
  for (const auto& [number, called] : by_number_) {
    // The one message of this number without an info, and the one info without a message.
    std::vector<int> lone;
    for (auto it = envelopes.lower_bound({number, INT32_MIN});
         it != envelopes.end() && it->first.first == number; ++it) {
      if (it->second.contains(Part::Info) && !at_.contains(it->first)) {
        lone.push_back(it->first.second);
      }
    }
    std::vector<std::size_t> lacking;
    for (const std::size_t i : called) {
      const auto own = envelopes.find({number, files_[messages_[i].mess].place.folder});
      const bool has_info = own != envelopes.end() && own->second.contains(Part::Info);
      if (!has_info && !has(messages_[i], Part::Info)) lacking.push_back(i);
    }
    if (lone.size() != 1 || lacking.size() != 1) continue;
    const Message& message = messages_[lacking.front()];
    const int target = static_cast<int>(message.inode % split_);
    const int folder = files_[message.mess].place.folder;
    const auto& from = envelopes.at({number, lone.front()});
    const auto own = envelopes.find({number, folder});
    const bool clear = std::none_of(from.begin(), from.end(), [&](const auto& one) {
      return has(message, one.first) || (own != envelopes.end() && own->second.contains(one.first));
    });
    if (!clear || message.two_names) continue;
    for (const Part part : kEnvelope) {
      const auto found = from.find(part);
      if (found == from.end()) continue;
      all.push_back(
          {found->second, lacking.front(), {part, target, temporary(number, message.inode)}});
    }
  }
  return all;
}

int Groups::owner_by_number(const File& file, const std::vector<std::size_t>& candidates) const {
  if (candidates.size() == 1) return static_cast<int>(candidates.front());
  // What has an info was preprocessed, and has no todo any more; a bounce only comes then.
  const bool wants_info = file.place.part == Part::Bounce;
  std::vector<std::size_t> fitting;
  for (const std::size_t i : candidates) {
    if (has(messages_[i], Part::Info) == wants_info) fitting.push_back(i);
  }
  if (fitting.size() == 1) return static_cast<int>(fitting.front());
  for (const std::size_t i : fitting) {
    if (lies_right(messages_[i])) return static_cast<int>(i);
  }
  return kNobody;
}

void Groups::settle() {
  std::vector<std::size_t> by_number;
  for (std::size_t i = 0; i < files_.size(); ++i) {
    const File& file = files_[i];
    if (!is_other(file.place.part) || file.kind != Kind::Regular) continue;
    const Name name = read_name(file.place.name);
    if (name.is != Name::Is::Number) continue;
    if (!of_envelope(file.place.part) && file.place.folder == kNoFolder) {
      by_number.push_back(i);
      continue;
    }
    const auto owner = at_.find({name.number, file.place.folder});
    if (owner == at_.end()) {
      strays_.push_back(i);
    } else {
      messages_[owner->second].others.push_back(i);
    }
  }
  // Needs to know which messages have an info.
  std::vector<std::pair<std::size_t, std::size_t>> given;
  for (const std::size_t i : by_number) {
    const std::uint64_t number = read_name(files_[i].place.name).number;
    std::vector<std::size_t> candidates;
    for (const auto* all : {&by_number_, &coming_}) {
      const auto found = all->find(number);
      if (found == all->end()) continue;
      candidates.insert(candidates.end(), found->second.begin(), found->second.end());
    }
    const int owner = candidates.empty() ? kNobody : owner_by_number(files_[i], candidates);
    if (owner >= 0) {
      given.emplace_back(owner, i);
      continue;
    }
    strays_.push_back(i);
    if (!candidates.empty()) ambiguous_.emplace_back(i, std::move(candidates));
  }
  for (const auto& [owner, i] : given) messages_[owner].others.push_back(i);
}

}  // namespace aptkeep::qmail
