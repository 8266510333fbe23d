#include "core/qmail_owners.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <map>
#include <string>

namespace aptkeep::qmail {
namespace {

// As qmail's installer makes them (hier.c), and as qmail-queue (umask 033) and qmail-send (077)
// make files. A message's group is that of whoever called qmail-queue.
struct Rule {
  Part part;
  bool of_sender;  // qmails, else qmailq
  std::uint32_t folder_mode;
  std::uint32_t file_mode;
  bool any_group;
};
constexpr Rule kRules[] = {
    {Part::Mess, false, 0750, 0644, true},   {Part::Info, true, 0700, 0600, false},
    {Part::Local, true, 0700, 0600, false},  {Part::Remote, true, 0700, 0600, false},
    {Part::Todo, false, 0750, 0644, true},   {Part::Intd, false, 0700, 0644, true},
    {Part::Bounce, true, 0700, 0600, false}, {Part::Pid, false, 0700, 0644, true},
    {Part::Lock, false, 0750, 0644, true},
};
constexpr std::uint64_t kTcptoSize = 1024;  // tcpto.h
constexpr const char* kTcpto = "tcpto";
constexpr const char* kTrigger = "trigger";

const Rule& rule_of(Part part) {
  return *std::find_if(std::begin(kRules), std::end(kRules),
                       [part](const Rule& rule) { return rule.part == part; });
}

std::string octal(std::uint32_t mode) {
  std::string text;
  for (; mode != 0; mode /= 8) text.insert(text.begin(), static_cast<char>('0' + mode % 8));
  return "0" + text;
}

class Framer {
 public:
  Framer(Plan& plan, const Renamed& queue, const Request& request)
      : plan_(plan), queue_(queue), request_(request) {
    for (const Folder& folder : queue_.folders) folders_[folder.path] = folder;
    for (std::size_t i = 0; i < queue_.files.size(); ++i) {
      const File& file = queue_.files[i];
      if (file.place.part == Part::Lock) locks_[file.place.name] = &file;
      if (file.kind == Kind::Regular) ++names_[file.inode];
    }
  }

  void frame(std::vector<Action> renames) {
    look_at_folders();
    look_at_files();
    look_at_locks();
    auto& all = plan_.actions;
    const bool half = !queue_.half_renamed.empty();
    const bool have = locks_.contains(kMutex);
    const bool away = locks_.contains(kMutexAway);
    // With any rename the lock goes away, and comes back last.
    const bool lock_goes = have && (!renames.empty() || (half && away));
    tell_of_lock(away, lock_goes);
    if (lock_goes) all.push_back(lock_rename(kMutex, kMutexAway));
    if (lock_goes) all.push_back({});
    append(std::move(made_));
    append(std::move(renames));
    append(std::move(set_));
    if (half && (lock_goes || away)) {
      for (Action& action : last_) {
        if (action.path == lock_path(kMutex)) action.path = lock_path(kMutexAway);
      }
    } else if (lock_goes || away) {
      all.push_back({});
      all.push_back(lock_rename(kMutexAway, kMutex));
    } else if (!have && mutex_is_made_) {
      all.push_back({});
    }
    append(std::move(last_));
  }

 private:
  void tell_of_lock(bool away, bool lock_goes) {
    const std::string& half = queue_.half_renamed;
    if (half.empty()) {
      if (!away) return;
      plan_.findings.push_back(
          {What::CutOff, lock_path(kMutexAway), "tells of mending that was not finished", true});
    } else if (away || lock_goes) {
      plan_.findings.push_back({What::CutOff, lock_path(kMutexAway),
                                "stays, and no qmail-send can start, because " + half +
                                    " is half renamed: decide what is its, then run --fix again",
                                false});
    }
  }

  void append(std::vector<Action> more) {
    plan_.actions.insert(plan_.actions.end(), std::make_move_iterator(more.begin()),
                         std::make_move_iterator(more.end()));
  }

  static std::string lock_path(const char* name) { return path_of({Part::Lock, kNoFolder, name}); }

  static Action lock_rename(const char* from, const char* to) {
    return {Action::Do::Rename, lock_path(from), lock_path(to), 0, 0, {}, true, true, false};
  }

  Owner wanted(bool of_sender, std::uint32_t mode) const {
    if (!request_.ids) return {0, 0, mode};
    return {of_sender ? request_.ids->qmails : request_.ids->qmailq, request_.ids->qmail_group,
            mode};
  }

  void look_at_folders() {
    look_at_folder("", wanted(false, 0750), "");
    const bool split_todo = queue_.shape.todo() == Todo::Split;
    // Before those of the other parts (Shape::find_todo).
    for (const Part part : {Part::Todo, Part::Intd}) {
      if (split_todo) look_at_split(rule_of(part));
    }
    for (const Rule& rule : kRules) {
      look_at_folder(to_string(rule.part), wanted(rule.of_sender, rule.folder_mode), "");
      if (is_split(rule.part, false)) look_at_split(rule);
    }
    look_at_other_folders();
  }

  void look_at_split(const Rule& rule) {
    const std::string name = to_string(rule.part);
    const Owner owner = wanted(rule.of_sender, rule.folder_mode);
    for (unsigned i = 0; i < request_.split; ++i) {
      // Nothing is lost where there is nothing: no reason against an upgrade.
      const bool of_other = queue_.shape.is_empty() && queue_.shape.ends_before(rule.part, i);
      look_at_folder(name + "/" + std::to_string(i), owner, name, of_other);
    }
  }

  // Of another split, or of todo and intd where these are not split: qmail passes over them.
  void look_at_other_folders() {
    for (const auto& [path, folder] : folders_) {
      const auto slash = path.find('/');
      if (slash == std::string::npos) continue;
      unsigned number = 0;
      const char* const end = path.data() + path.size();
      if (std::from_chars(path.data() + slash + 1, end, number).ptr != end) continue;
      const bool of_todo = path.starts_with("todo/") || path.starts_with("intd/");
      if (of_todo && queue_.shape.todo() == Todo::Flat) {
        plan_.findings.push_back({What::Unknown, path,
                                  "is no folder of qmail's without the big-todo patch, and not all "
                                  "of that's are there: remove it when nothing is in it",
                                  false});
        continue;
      }
      if (number < request_.split) continue;
      plan_.findings.push_back({What::Unknown, path,
                                "is not of a split of " + std::to_string(request_.split) +
                                    ": remove it when nothing is in it",
                                false});
    }
  }

  // `like`: the folder whose owner is taken where the ids are not known.
  void look_at_folder(const std::string& path, const Owner& owner, const std::string& like,
                      bool of_other_split = false) {
    const auto found = folders_.find(path);
    if (found != folders_.end()) {
      const std::size_t before = set_.size();
      compare(path, found->second.owner, owner, false, found->second.inode);
      if (set_.size() != before) set_.back().folder = true;
      return;
    }
    if (queue_.for_a_folder.contains(path)) {
      plan_.findings.push_back({What::Blocked, path, "is no folder: move it away", false});
      return;
    }
    const auto model = folders_.find(like);
    const bool known = request_.ids.has_value() || (!like.empty() && model != folders_.end());
    if (of_other_split) {
      plan_.findings.push_back({What::OtherSplit, path,
                                "is missing: the queue is empty, and is one of another split",
                                known});
    } else {
      plan_.findings.push_back({What::Missing, path, "is missing", known});
    }
    if (!known) return;
    Owner made = owner;
    if (!request_.ids) made = {model->second.owner.user, model->second.owner.group, owner.mode};
    made_.push_back({Action::Do::MakeFolder, path, "", 0, 0, made, true, false, false});
  }

  void compare(const std::string& path, const Owner& is, const Owner& owner, bool any_group,
               std::uint64_t inode) {
    Owner to = owner;
    if (any_group || !request_.ids) to.group = is.group;
    if (!request_.ids) to.user = is.user;
    if (to == is) return;
    const bool ids = to.user != is.user || to.group != is.group;
    if (ids) {
      plan_.findings.push_back({What::Owner, path,
                                "is of user " + std::to_string(is.user) + ", group " +
                                    std::to_string(is.group) + ", and should be of " +
                                    std::to_string(to.user) + ", " + std::to_string(to.group),
                                true});
    }
    if (to.mode != is.mode) {
      plan_.findings.push_back(
          {What::Mode, path, "has mode " + octal(is.mode) + ", and should have " + octal(to.mode),
           true});
    }
    set_.push_back({Action::Do::SetOwner, path, "", inode, 0, to, ids, false, false});
  }

  // A file that has names elsewhere might be anybody's, laid here by who may write to the queue:
  // its owner is not changed.
  void look_at_files() {
    for (const std::size_t i : queue_.owned) {
      const File& file = queue_.files[i];
      const Rule& rule = rule_of(file.place.part);
      const Owner owner = wanted(rule.of_sender, rule.file_mode);
      const std::size_t before = set_.size();
      const std::size_t found = plan_.findings.size();
      compare(path_of(file.place), file.owner, owner, rule.any_group, file.inode);
      if (set_.size() == before || file.links <= names_.at(file.inode)) continue;
      set_.pop_back();
      plan_.findings.resize(found);
      plan_.findings.push_back({What::Hidden, path_of(file.place),
                                "has another name outside of the queue: its wrong owner or mode "
                                "is left as it is",
                                false});
    }
  }

  void look_at_locks() {
    const bool known = request_.ids.has_value();
    const Owner tcpto{known ? request_.ids->qmailr : 0, known ? request_.ids->qmail_group : 0,
                      0644};
    look_at_lock(kTcpto, Kind::Regular, tcpto, kTcptoSize);
    look_at_lock(kTrigger, Kind::Fifo, wanted(true, 0622), 0);
    look_at_lock(kMutex, Kind::Regular, wanted(true, 0600), 0);
  }

  void look_at_lock(const char* name, Kind kind, const Owner& owner, std::uint64_t size) {
    const std::string path = lock_path(name);
    auto found = locks_.find(name);
    if (found == locks_.end() && std::string(name) == kMutex) found = locks_.find(kMutexAway);
    if (found == locks_.end()) {
      const bool is_mutex = std::string(name) == kMutex;
      const bool known = request_.ids.has_value() && !(is_mutex && !queue_.half_renamed.empty());
      plan_.findings.push_back({What::Missing, path, "is missing", known});
      if (!known) return;
      const auto what = kind == Kind::Fifo ? Action::Do::MakeFifo : Action::Do::MakeFile;
      last_.push_back({what, path, "", 0, size, owner, true, false, false});
      mutex_is_made_ = mutex_is_made_ || is_mutex;
      return;
    }
    const File& file = *found->second;
    if (file.kind != kind || (size != 0 && file.size != size)) {
      plan_.findings.push_back(
          {What::Blocked, path,
           kind == Kind::Fifo  ? "is no fifo: move it away"
           : file.kind != kind ? "is no file: move it away"
                               : "does not have " + std::to_string(size) + " bytes: move it away",
           false});
      return;
    }
    if (file.links != 1) return;
    // Last of all: the lock is away before.
    const std::size_t before = set_.size();
    compare(path, file.owner, owner, false, file.inode);
    if (set_.size() == before) return;
    last_.push_back(std::move(set_.back()));
    set_.pop_back();
  }

  Plan& plan_;
  const Renamed& queue_;
  const Request& request_;
  std::map<std::string, Folder> folders_;
  std::map<std::string, const File*> locks_;
  std::map<std::uint64_t, std::uint64_t> names_;  // inode -> how many in the queue
  std::vector<Action> made_;                      // folders
  std::vector<Action> set_;
  std::vector<Action> last_;  // lock files
  bool mutex_is_made_ = false;
};

}  // namespace

void frame(Plan& plan, const Renamed& queue, const Request& request, std::vector<Action> renames) {
  Framer(plan, queue, request).frame(std::move(renames));
}

}  // namespace aptkeep::qmail
