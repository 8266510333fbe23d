#include "core/qmail_groups.h"

#include <algorithm>

namespace aptkeep::qmail {
namespace {

constexpr int kNobody = -1;

}  // namespace

bool of_envelope(Part part) {
  return std::find(std::begin(kEnvelope), std::end(kEnvelope), part) != std::end(kEnvelope);
}

bool is_other(Part part) {
  return part != Part::Mess && part != Part::Pid && part != Part::Lock;
}

Groups::Groups(const std::vector<File>& files, unsigned split, const Shape& shape)
    : files_(files), split_(split), shape_(shape) {
  find_messages();
  find_two_names();
  give_temporaries();
}

void Groups::find_messages() {
  for (std::size_t i = 0; i < files_.size(); ++i) {
    const File& file = files_[i];
    if (file.place.part != Part::Mess || file.kind != Kind::Regular) continue;
    const Name name = read_name(file.place.name);
    if (name.is == Name::Is::Unknown || name.is == Name::Is::Aside) continue;
    const bool on_its_way = name.is == Name::Is::Temporary;
    const std::uint64_t number = on_its_way ? name.before.value_or(name.number) : name.number;
    const std::size_t message = messages_.size();
    at_[{number, file.place.folder}].push_back(message);
    by_number_[number].push_back(message);
    if (!name.common.empty()) by_common_[name.common].push_back(message);
    messages_.push_back(
        {i, file.inode, number, name.common, {}, false, on_its_way && !name.before});
  }
}

void Groups::find_two_names() {
  std::map<std::uint64_t, Messages> same;
  for (std::size_t i = 0; i < messages_.size(); ++i) same[messages_[i].inode].push_back(i);
  for (const auto& [inode, names] : same) {
    if (names.size() < 2) continue;
    for (const std::size_t i : names) messages_[i].two_names = true;
  }
}

// "999.tmp" without such a mess file: queue-fix renames mess first, and 999 is the inode number.
int Groups::owner_by_inode(const Name& name) const {
  if (name.before) return kNobody;
  const auto found = at_.find({name.number, static_cast<int>(name.number % split_)});
  if (found == at_.end() || found->second.size() != 1) return kNobody;
  const std::size_t only = found->second.front();
  return messages_[only].inode == name.number ? static_cast<int>(only) : kNobody;
}

void Groups::give_temporaries() {
  for (std::size_t i = 0; i < files_.size(); ++i) {
    const File& file = files_[i];
    if (!is_other(file.place.part) || file.kind != Kind::Regular) continue;
    const Name name = read_name(file.place.name);
    if (shape_.is_odd(file.place) &&
        (name.is == Name::Is::Temporary || name.is == Name::Is::Number)) {
      leave_odd(i, name);
      continue;
    }
    if (name.is != Name::Is::Temporary) continue;
    const auto named = by_common_.find(name.common);
    int owner = kNobody;
    if (named == by_common_.end()) {
      owner = owner_by_inode(name);
    } else if (named->second.size() == 1) {
      owner = static_cast<int>(named->second.front());
    } else {
      doubt(i, named->second);
    }
    if (owner >= 0) {
      messages_[static_cast<std::size_t>(owner)].others.push_back(i);
      continue;
    }
    strays_.push_back(i);
    doubt_all_called(i, name);
  }
}

// Nobody knows whether qmail looks there, so it is not renamed, nor is its message without it.
void Groups::leave_odd(std::size_t file, const Name& name) {
  strays_.push_back(file);
  bool of_one = doubt_all_called(file, name);
  if (const auto named = by_common_.find(name.common); named != by_common_.end()) {
    doubt(file, named->second);
    of_one = true;
  }
  if (of_one) odd_.insert(file);
}

void Groups::doubt(std::size_t file, const Messages& messages) {
  for (const std::size_t message : messages) doubtful_.try_emplace(message, file);
}

// Nothing is renamed from or to a number that is in a name whose message is not known.
bool Groups::doubt_all_called(std::size_t file, const Name& name) {
  bool any = false;
  for (std::size_t i = 0; i < messages_.size(); ++i) {
    for (const std::uint64_t number : {name.number, name.before.value_or(name.number)}) {
      if (messages_[i].number != number && messages_[i].inode != number) continue;
      doubt(file, {i});
      any = true;
    }
  }
  return any;
}

void Groups::give(std::size_t message, std::size_t file) {
  messages_[message].others.push_back(file);
}

const std::vector<std::size_t>& Groups::numbered(std::uint64_t number) const {
  static const Messages kNone;
  const auto found = by_number_.find(number);
  return found == by_number_.end() ? kNone : found->second;
}

bool Groups::has(const Message& message, Part part) const {
  return std::any_of(message.others.begin(), message.others.end(),
                     [&](std::size_t i) { return files_[i].place.part == part; });
}

// It gives that name to what has its new one taken, in each part for itself; so at that point a
// file with the number may be of this message, or of the one that had it.
bool Groups::any_of_queue_fix(const Messages& messages) const {
  return std::any_of(messages.begin(), messages.end(),
                     [&](std::size_t i) { return messages_[i].of_queue_fix; });
}

bool Groups::is_certain(const Messages& owners) const {
  return owners.size() == 1 && !any_of_queue_fix(owners);
}

// What has an info was preprocessed, and has no todo any more; a bounce only comes then.
int Groups::owner_by_number(const File& file, const Messages& candidates) const {
  if (any_of_queue_fix(candidates)) return kNobody;
  if (candidates.size() == 1) return static_cast<int>(candidates.front());
  const bool wants_info = file.place.part == Part::Bounce;
  Messages fitting;
  for (const std::size_t i : candidates) {
    if (has(messages_[i], Part::Info) == wants_info) fitting.push_back(i);
  }
  return fitting.size() == 1 ? static_cast<int>(fitting.front()) : kNobody;
}

void Groups::settle_split(std::size_t file, const Name& name) {
  const auto owners = at_.find({name.number, files_[file].place.folder});
  if (owners != at_.end() && is_certain(owners->second)) {
    messages_[owners->second.front()].others.push_back(file);
    return;
  }
  strays_.push_back(file);
  if (astray_.contains(file)) unclear_.push_back(file);
  if (owners == at_.end()) return;
  unclear_.push_back(file);
  doubt(file, owners->second);
}

void Groups::settle_by_number(const Messages& files) {
  std::vector<std::pair<std::size_t, std::size_t>> given;
  for (const std::size_t i : files) {
    const Messages& candidates = numbered(read_name(files_[i].place.name).number);
    const int owner = candidates.empty() ? kNobody : owner_by_number(files_[i], candidates);
    if (owner >= 0) {
      given.emplace_back(owner, i);
      continue;
    }
    strays_.push_back(i);
    if (candidates.empty()) continue;
    unclear_.push_back(i);
    doubt(i, candidates);
  }
  for (const auto& [owner, i] : given) messages_[owner].others.push_back(i);
}

void Groups::settle() {
  std::vector<bool> taken(files_.size());
  for (const Message& message : messages_) {
    for (const std::size_t i : message.others) taken[i] = true;
  }
  Messages by_number;
  for (std::size_t i = 0; i < files_.size(); ++i) {
    const File& file = files_[i];
    if (taken[i] || !is_other(file.place.part) || file.kind != Kind::Regular) continue;
    const Name name = read_name(file.place.name);
    if (name.is != Name::Is::Number || shape_.is_odd(file.place)) continue;
    if (!of_envelope(file.place.part) && file.place.folder == kNoFolder) {
      by_number.push_back(i);
    } else {
      settle_split(i, name);
    }
  }
  // Needs to know which messages have an info.
  settle_by_number(by_number);
}

}  // namespace aptkeep::qmail
