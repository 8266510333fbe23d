#include <algorithm>
#include <map>
#include <set>

#include "core/qmail_groups.h"
#include "core/qmail_owners.h"

namespace aptkeep::qmail {
namespace {

class Planner {
 public:
  Planner(const Tree& tree, const Request& request)
      : files_(tree.files),
        folders_(tree.folders),
        request_(request),
        groups_(files_, request.split) {
    for (std::size_t i = 0; i < files_.size(); ++i) {
      const Place& place = files_[i].place;
      taken_[place] = i;
      const Name name = read_name(place.name);
      const bool above = place.folder == kNoFolder && (place.name == "0" || name.number != 0);
      if (above && is_split(place.part, false) && name.number < request.split) {
        for_a_folder_[path_of(place)] = i;
      }
      if (place.part == Part::Mess && name.is == Name::Is::Number) {
        named_.emplace_back(name.number, place.folder);
      }
    }
    split_todo_ = std::any_of(folders_.begin(), folders_.end(), [](const Folder& folder) {
      return folder.path.starts_with("todo/") || folder.path.starts_with("intd/");
    });
  }

  Plan make() {
    adopt();
    groups_.settle();
    find_targets();
    find_blocked();
    look_at_messages();
    set_aside();
    look_at_strays();
    to_temporary_names();
    to_final_names();
    guess_other_split();
    plan_.messages = messages_without_second_names();
    return finish();
  }

 private:
  struct Move {
    std::size_t file = 0;
    Place to;
  };

  void find(What what, std::size_t file, std::string text, bool mended) {
    plan_.findings.push_back({what, path_of(files_[file].place), std::move(text), mended});
  }

  void rename(std::size_t file, Place to) {
    Action action{Action::Do::Rename,
                  path_of(files_[file].place),
                  path_of(to),
                  files_[file].inode,
                  0,
                  {},
                  true,
                  false};
    renames_.push_back(std::move(action));
    taken_.erase(files_[file].place);
    taken_[to] = file;
    files_[file].place = std::move(to);
  }

  void sync() {
    if (!renames_.empty() && renames_.back().what != Action::Do::Sync) renames_.push_back({});
  }

  void adopt() {
    for (const Adopted& one : groups_.adopted()) {
      const Place& mess = files_[groups_.messages()[one.message].mess].place;
      find(What::Apart, one.file, "belongs to the message " + path_of(mess), true);
      apart_.insert(one.file);
      rename(one.file, one.to);
      groups_.give(one.message, one.file);
    }
    sync();
  }

  static std::string folder_text(const Place& place) {
    return place.folder == kNoFolder ? "" : "/" + std::to_string(place.folder);
  }

  Place place_for(Part part, std::uint64_t inode) const {
    const bool split = is_split(part, split_todo_);
    const int folder = split ? static_cast<int>(inode % request_.split) : kNoFolder;
    return {part, folder, std::to_string(inode)};
  }

  // All files that are not where they belong, by message.
  void find_targets() {
    const auto& messages = groups_.messages();
    moves_.resize(messages.size());
    for (std::size_t m = 0; m < messages.size(); ++m) {
      for (const std::size_t i : messages[m].others) owner_[i] = m;
      owner_[messages[m].mess] = m;
      if (messages[m].two_names) continue;
      std::vector<std::size_t> all = messages[m].others;
      all.push_back(messages[m].mess);
      for (const std::size_t i : all) {
        Place to = place_for(files_[i].place.part, messages[m].inode);
        if (to != files_[i].place) moves_[m].push_back({i, std::move(to)});
      }
    }
  }

  // What is in the way of a message's move for good; npos: nothing.
  std::size_t obstacle(std::size_t m) const {
    std::set<Place> wanted;
    for (const Move& move : moves_[m]) {
      for (const Place& one : {move.to, files_[move.file].place}) {
        if (const auto found = for_a_folder_.find(path_of(one)); found != for_a_folder_.end()) {
          return found->second;
        }
        const auto in = for_a_folder_.find(to_string(one.part) + folder_text(one));
        if (in != for_a_folder_.end()) return in->second;
      }
      if (!wanted.insert(move.to).second) return move.file;
      const auto found = taken_.find(move.to);
      if (found == taken_.end()) continue;
      const std::size_t there = found->second;
      const auto owner = owner_.find(there);
      if (owner == owner_.end()) {
        const bool plain = files_[there].kind == Kind::Regular &&
                           read_name(files_[there].place.name).is == Name::Is::Number;
        if (!plain || move.to.part == Part::Mess) return there;
        continue;  // a stray: it is set aside
      }
      const auto& moves = moves_[owner->second];
      const bool leaves = std::any_of(moves.begin(), moves.end(),
                                      [&](const Move& other) { return other.file == there; });
      if (!leaves) return there;
    }
    return kNone;
  }

  void find_blocked() {
    for (bool found = true; found;) {
      found = false;
      for (std::size_t m = 0; m < moves_.size(); ++m) {
        const std::size_t there = moves_[m].empty() ? kNone : obstacle(m);
        if (there == kNone) continue;
        blocked_[m] = there;
        given_up_[m] = std::move(moves_[m]);
        moves_[m].clear();
        found = true;
      }
    }
  }

  void look_at_messages() {
    for (std::size_t m = 0; m < moves_.size(); ++m) {
      const Message& message = groups_.messages()[m];
      look_at_names(m);
      const auto stuck = blocked_.find(m);
      if (stuck != blocked_.end()) {
        find(What::Blocked, message.mess,
             "stays as it is, because of " + path_of(files_[stuck->second].place), false);
      }
      if (message.two_names) {
        find(What::TwoNames, message.mess,
             "is a message with two names: remove one of them, and what belongs to it", false);
      }
      const bool lacks =
          std::none_of(message.others.begin(), message.others.end(), [&](std::size_t i) {
            return files_[i].place.part == Part::Info || files_[i].place.part == Part::Todo;
          });
      if (lacks && !message.two_names) {
        find(What::NoEnvelope, message.mess,
             "has no envelope: qmail-send deletes it when it is 36 hours old", false);
      }
      if (!moves_[m].empty()) note_number(message);
    }
  }

  void look_at_names(std::size_t m) {
    const Message& message = groups_.messages()[m];
    const bool moves = !moves_[m].empty();
    const auto& all = moves ? moves_[m] : given_up_[m];
    for (const Move& move : all) {
      const Name name = read_name(files_[move.file].place.name);
      const bool is_mess = move.file == message.mess;
      if (apart_.contains(move.file)) continue;
      if (name.is == Name::Is::Temporary) {
        find(What::Leftover, move.file,
             is_mess ? "was left on its way to another name"
                     : "was left, and belongs to message " + std::to_string(message.inode),
             moves);
      } else if (is_mess && name.number != message.inode) {
        find(What::Number, move.file, "has the inode number " + std::to_string(message.inode),
             moves);
      } else if (is_mess) {
        find(What::WrongFolder, move.file, "belongs in mess" + folder_text(move.to), moves);
      }
    }
  }

  // For the logs, in which the message has its old number.
  void note_number(const Message& message) {
    std::set<std::uint64_t> before;
    std::vector<std::size_t> all = message.others;
    all.push_back(message.mess);
    for (const std::size_t i : all) {
      const Name name = read_name(files_[i].place.name);
      if (name.is == Name::Is::Temporary && name.before) before.insert(*name.before);
      if (name.is == Name::Is::Number && i == message.mess) before.insert(name.number);
    }
    before.erase(message.inode);
    for (const std::uint64_t number : before) plan_.renumbered.push_back({number, message.inode});
  }

  void look_at_strays() {
    for (const std::size_t i : groups_.strays()) {
      if (aside_.contains(i)) continue;
      const bool left = read_name(files_[i].place.name).is == Name::Is::Temporary;
      find(left ? What::Leftover : What::Stray, i, "belongs to no message", false);
    }
    for (std::size_t i = 0; i < files_.size(); ++i) {
      const File& file = files_[i];
      const Name::Is name = read_name(file.place.name).is;
      const bool looked_at = file.place.part != Part::Pid && file.place.part != Part::Lock;
      if (!looked_at || aside_.contains(i)) continue;
      if (name == Name::Is::Aside) {
        find(What::Unknown, i, "was set aside, because it belonged to no message", false);
      } else if (name == Name::Is::Unknown || file.kind != Kind::Regular) {
        find(What::Unknown, i, "is no file of qmail's", false);
      }
    }
  }

  // What belongs to no message, and would to one that gets its number.
  void set_aside() {
    std::set<std::uint64_t> coming;
    for (std::size_t m = 0; m < moves_.size(); ++m) {
      if (!moves_[m].empty()) coming.insert(groups_.messages()[m].inode);
    }
    std::set<std::size_t> unclear;
    for (const auto& [file, candidates] : groups_.ambiguous()) {
      if (std::any_of(candidates.begin(), candidates.end(),
                      [&](std::size_t m) { return !moves_[m].empty(); })) {
        unclear.insert(file);
      }
    }
    for (const std::size_t i : groups_.strays()) {
      const Name name = read_name(files_[i].place.name);
      const bool in_the_way = name.is == Name::Is::Number && coming.contains(name.number);
      if (!in_the_way && !unclear.contains(i)) continue;
      Place to = files_[i].place;
      to.name = "aptkeep-aside-" + std::to_string(name.number);
      for (int more = 2; taken_.contains(to); ++more) {
        to.name = "aptkeep-aside-" + std::to_string(name.number) + "-" + std::to_string(more);
      }
      find(What::InTheWay, i,
           in_the_way ? "is of no message, and is set aside as " + to.name
                      : "may be of more than one message, and is set aside as " + to.name,
           true);
      aside_.insert(i);
      rename(i, std::move(to));
    }
    sync();
  }

  void to_temporary_names() {
    for (const bool mess : {false, true}) {
      for (const auto& moves : moves_) {
        for (const Move& move : moves) {
          const File& file = files_[move.file];
          const Name name = read_name(file.place.name);
          if ((file.place.part == Part::Mess) != mess || name.is != Name::Is::Number) continue;
          Place to = move.to;
          to.name = temporary(name.number, read_name(to.name).number);
          rename(move.file, std::move(to));
        }
      }
      sync();
    }
  }

  void to_final_names() {
    for (const bool mess : {true, false}) {
      for (const auto& moves : moves_) {
        for (const Move& move : moves) {
          if ((files_[move.file].place.part == Part::Mess) == mess) rename(move.file, move.to);
        }
      }
      sync();
    }
  }

  std::size_t messages_without_second_names() const {
    std::set<std::uint64_t> inodes;
    for (const Message& message : groups_.messages()) inodes.insert(message.inode);
    return inodes.size();
  }

  // The smallest split that explains where all messages in a wrong folder lie.
  void guess_other_split() {
    std::vector<std::pair<std::uint64_t, int>> wrong;
    for (const auto& [number, folder] : named_) {
      if (folder != static_cast<int>(number % request_.split)) wrong.emplace_back(number, folder);
    }
    constexpr std::size_t kFew = 3;
    if (wrong.size() < kFew) return;
    for (unsigned split = 1; split <= 1000; ++split) {
      if (!std::all_of(wrong.begin(), wrong.end(), [split](const auto& one) {
            return one.second == static_cast<int>(one.first % split);
          })) {
        continue;
      }
      plan_.other_split = split;
      plan_.of_other_split = wrong.size();
      return;
    }
  }

  Plan finish() {
    std::vector<std::size_t> owned;
    for (const auto& [file, m] : owner_) {
      if (!groups_.messages()[m].two_names && !blocked_.contains(m)) owned.push_back(file);
    }
    frame(plan_, {files_, folders_, owned, for_a_folder_, split_todo_}, request_,
          std::move(renames_));
    return std::move(plan_);
  }

  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  std::vector<File> files_;
  std::vector<Folder> folders_;
  Request request_;
  Groups groups_;
  bool split_todo_ = false;
  std::map<Place, std::size_t> taken_;
  std::map<std::size_t, std::size_t> owner_;    // file -> message
  std::vector<std::vector<Move>> moves_;        // by message
  std::map<std::size_t, std::size_t> blocked_;  // message -> the file in its way
  std::map<std::size_t, std::vector<Move>> given_up_;
  std::map<std::string, std::size_t> for_a_folder_;   // files where a folder has to be
  std::set<std::size_t> apart_;                       // told already
  std::set<std::size_t> aside_;                       // strays that give way
  std::vector<std::pair<std::uint64_t, int>> named_;  // as they were found: number, folder
  std::vector<Action> renames_;
  Plan plan_;
};

}  // namespace

Plan plan(const Tree& tree, const Request& request) {
  return Planner(tree, request).make();
}

}  // namespace aptkeep::qmail
