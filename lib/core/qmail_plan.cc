#include <algorithm>
#include <initializer_list>
#include <map>
#include <optional>
#include <set>

#include "core/qmail_groups.h"
#include "core/qmail_moves.h"
#include "core/qmail_owners.h"

namespace aptkeep::qmail {
namespace {

std::string folder_text(const Place& place) {
  return place.folder == kNoFolder ? "" : "/" + std::to_string(place.folder);
}

class Planner {
 public:
  Planner(const Tree& tree, const Request& request)
      : files_(tree.files),
        folders_(tree.folders),
        request_(request),
        shape_(tree, request.split),
        groups_(files_, request.split, shape_) {}

  Plan make() {
    guess_other_split();
    for (const Adopted& one : groups_.adopt()) {
      apart_.insert(one.file);
      groups_.give(one.message, one.file);
    }
    groups_.settle();
    moves_.emplace(files_, groups_, request_.split, shape_);
    for (std::size_t i = 0; i < files_.size() && !lost_; ++i) {
      if (is_lost_envelope(i)) lost_ = i;
    }
    for (std::size_t m = 0; m < groups_.messages().size(); ++m) look_at_message(m);
    find_half_renamed();
    set_aside();
    look_at_strays();
    look_beside_folders();
    look_at_what_is_none();
    moves_->rename_all();
    plan_.messages = messages_without_second_names();
    return finish();
  }

 private:
  void find(What what, std::size_t file, std::string text, bool mended) {
    plan_.findings.push_back({what, path_of(files_[file].place), std::move(text), mended});
  }

  void look_at_message(std::size_t m) {
    const Message& message = groups_.messages()[m];
    look_at_names(m);
    const auto stuck = moves_->blocked().find(m);
    if (stuck != moves_->blocked().end()) {
      find(What::Blocked, message.mess,
           "stays as it is, because of " + path_of(files_[stuck->second].place), false);
    }
    if (message.two_names) {
      find(What::TwoNames, message.mess,
           "is a message with two names: remove one of them, and what belongs to it", false);
    } else {
      look_at_envelope(message);
    }
    if (!moves_->of(m).empty()) note_number(message);
  }

  void look_at_names(std::size_t m) {
    const Message& message = groups_.messages()[m];
    const bool moves = !moves_->of(m).empty();
    const auto& all = moves ? moves_->of(m) : moves_->given_up(m);
    const bool with_mess = std::any_of(all.begin(), all.end(),
                                       [&](const Move& move) { return move.file == message.mess; });
    for (const Move& move : all) {
      const Name name = read_name(files_[move.file].place.name);
      const bool is_mess = move.file == message.mess;
      if (apart_.contains(move.file)) {
        find(What::Apart, move.file,
             "belongs to the message " + path_of(files_[message.mess].place), moves);
      } else if (name.is != Name::Is::Number) {
        find(What::Leftover, move.file,
             is_mess ? "was left on its way to another name"
                     : "was left, and belongs to message " + std::to_string(message.inode),
             moves);
      } else if (is_mess && name.number != message.inode) {
        find(What::Number, move.file, "has the inode number " + std::to_string(message.inode),
             moves);
      } else if (is_mess) {
        find(What::WrongFolder, move.file, "belongs in mess" + folder_text(move.to), moves);
      } else if (!with_mess) {
        find(What::WrongFolder, move.file,
             "belongs in " + std::string(to_string(move.to.part)) + folder_text(move.to), moves);
      }
    }
  }

  // A mail that is just coming has none, nor has one that qmail-queue gave up, or that is delivered
  // and not yet removed. But qmail removes info after local, remote and bounce, and mess after
  // info.
  void look_at_envelope(const Message& message) {
    if (has(message, {Part::Info, Part::Todo})) return;
    const std::string deleted = "qmail-send deletes it when it is 36 hours old";
    if (const auto maybe = doubtful_envelope(message)) {
      find(What::LostEnvelope, message.mess,
           "is one of the messages that may have " + path_of(files_[*maybe].place) +
               " for their envelope",
           false);
      return;
    }
    if (has(message, {Part::Local, Part::Remote, Part::Bounce})) {
      find(What::LostEnvelope, message.mess,
           "has recipients, but neither info nor todo: " + deleted, false);
    } else if (lost_) {
      find(What::LostEnvelope, message.mess,
           "has no envelope, and " + path_of(files_[*lost_].place) + " may be it: " + deleted,
           false);
    } else {
      find(What::NoEnvelope, message.mess, "has no envelope: " + deleted, false);
    }
  }

  // An info or todo that may be its, or another message's.
  std::optional<std::size_t> doubtful_envelope(const Message& message) const {
    for (const std::size_t i : groups_.unclear()) {
      const Place& place = files_[i].place;
      const bool fits = place.part == Part::Todo || place.part == Part::Info;
      if (fits && read_name(place.name).number == message.number) return i;
    }
    return {};
  }

  bool has(const Message& message, std::initializer_list<Part> parts) const {
    return std::any_of(message.others.begin(), message.others.end(), [&](std::size_t i) {
      return std::find(parts.begin(), parts.end(), files_[i].place.part) != parts.end();
    });
  }

  // What stays under a temporary name, or without knowing whose it is.
  void find_half_renamed() {
    const auto on_its_way = [&](std::size_t i) {
      const Name name = read_name(files_[i].place.name);
      return name.is == Name::Is::Temporary || name.is == Name::Is::Arriving;
    };
    for (std::size_t m = 0; m < groups_.messages().size() && half_renamed_.empty(); ++m) {
      const Message& message = groups_.messages()[m];
      const bool half = on_its_way(message.mess) ||
                        std::any_of(message.others.begin(), message.others.end(), on_its_way);
      if (half && moves_->of(m).empty()) half_renamed_ = path_of(files_[message.mess].place);
    }
    for (const std::size_t i : groups_.strays()) {
      if (half_renamed_.empty() && on_its_way(i)) half_renamed_ = path_of(files_[i].place);
    }
  }

  // Something that a message without an envelope may have lost.
  bool is_lost_envelope(std::size_t file) const {
    const Part part = files_[file].place.part;
    const Name::Is name = read_name(files_[file].place.name).is;
    if (files_[file].kind != Kind::Regular || moves_->owners().contains(file)) return false;
    if (part == Part::Todo) return name == Name::Is::Temporary;
    return part == Part::Info && name != Name::Is::Unknown;
  }

  // For the logs, in which the message has its old number.
  void note_number(const Message& message) {
    const Name name = read_name(files_[message.mess].place.name);
    const auto before = name.is == Name::Is::Number ? name.number : name.before.value_or(0);
    if (before != 0 && before != message.inode) {
      plan_.renumbered.push_back({before, message.inode});
    }
  }

  // What belongs to no message, and would to one that gets its number.
  void set_aside() {
    std::set<std::uint64_t> coming;
    for (std::size_t m = 0; m < groups_.messages().size(); ++m) {
      if (!moves_->of(m).empty()) coming.insert(groups_.messages()[m].inode);
    }
    for (const std::size_t i : groups_.strays()) {
      const Name name = read_name(files_[i].place.name);
      if (name.is != Name::Is::Number || !coming.contains(name.number)) continue;
      Place to = files_[i].place;
      to.name = "aptkeep-aside-" + std::to_string(name.number);
      for (int more = 2; moves_->taken(to); ++more) {
        to.name = "aptkeep-aside-" + std::to_string(name.number) + "-" + std::to_string(more);
      }
      find(What::InTheWay, i, "is of no message, and is set aside as " + to.name, true);
      aside_.insert(i);
      moves_->rename(i, std::move(to));
    }
    moves_->sync();
  }

  void look_at_strays() {
    const std::set<std::size_t> unclear(groups_.unclear().begin(), groups_.unclear().end());
    for (const std::size_t i : groups_.strays()) {
      if (aside_.contains(i)) continue;
      const Name name = read_name(files_[i].place.name);
      if (groups_.odd().contains(i)) {
        find(What::Unclear, i,
             "lies where qmail does not look without the big-todo patch, and not all of that's "
             "folders are there: it is left as it is, with its message",
             false);
      } else if (name.is == Name::Is::Temporary) {
        std::string whose = std::to_string(name.number);
        if (name.before) whose = std::to_string(*name.before) + " or " + whose;
        find(What::Leftover, i,
             "was left, and no name tells whether it is message " + whose +
                 "'s: give it its message's number",
             false);
      } else if (groups_.astray().contains(i)) {
        find(What::Unclear, i,
             "may belong to a message in another folder, which is not certain: these are left as "
             "they are",
             false);
      } else if (unclear.contains(i)) {
        find(What::Unclear, i, "may be of more than one message: these are left as they are",
             false);
      } else {
        find(What::Stray, i, "belongs to no message", false);
      }
    }
  }

  // Either these or those are not found by qmail.
  void look_beside_folders() {
    for (std::size_t i = 0; i < files_.size() && shape_.todo() == Todo::Mixed; ++i) {
      const Place& place = files_[i].place;
      const bool flat = place.folder == kNoFolder && files_[i].kind == Kind::Regular &&
                        read_name(place.name).is == Name::Is::Number;
      if ((place.part != Part::Todo && place.part != Part::Intd) || !flat) continue;
      find(
          What::WrongFolder, i,
          "lies beside folders as the big-todo patch has them: if qmail has it, move this into its "
          "folder, or else remove the folders",
          false);
    }
  }

  void look_at_what_is_none() {
    for (std::size_t i = 0; i < files_.size(); ++i) {
      const File& file = files_[i];
      const Name::Is name = read_name(file.place.name).is;
      const bool looked_at = file.place.part != Part::Pid && file.place.part != Part::Lock;
      if (!looked_at || aside_.contains(i)) continue;
      if (name == Name::Is::Aside) {
        find(What::Unknown, i, "was set aside, because it belonged to no message", false);
      } else if (name == Name::Is::Unknown || file.kind != Kind::Regular ||
                 (name == Name::Is::Arriving && file.place.part != Part::Mess)) {
        find(What::Unknown, i, "is no file of qmail's", false);
      }
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
    for (const File& file : files_) {
      const Name name = read_name(file.place.name);
      if (file.place.part != Part::Mess || file.kind != Kind::Regular) continue;
      if (name.is != Name::Is::Number) continue;
      ++plan_.named;
      if (file.place.folder != static_cast<int>(name.number % request_.split)) {
        wrong.emplace_back(name.number, file.place.folder);
      }
    }
    plan_.misplaced = wrong.size();
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
    for (const auto& [file, m] : moves_->owners()) {
      if (!groups_.messages()[m].two_names && !moves_->blocked().contains(m)) owned.push_back(file);
    }
    frame(plan_, {files_, folders_, owned, moves_->for_a_folder(), shape_, half_renamed_}, request_,
          moves_->take_actions());
    return std::move(plan_);
  }

  std::vector<File> files_;
  std::vector<Folder> folders_;
  Request request_;
  Shape shape_;
  Groups groups_;
  std::string half_renamed_;
  std::optional<Moves> moves_;
  std::optional<std::size_t> lost_;  // the first file that may be a lost envelope
  std::set<std::size_t> apart_;      // files of a message in another folder
  std::set<std::size_t> aside_;      // strays that give way
  Plan plan_;
};

}  // namespace

Plan plan(const Tree& tree, const Request& request) {
  return Planner(tree, request).make();
}

}  // namespace aptkeep::qmail
