#include "core/qmail_shape.h"

#include <algorithm>
#include <charconv>
#include <iterator>

namespace aptkeep::qmail {
namespace {

constexpr Part kTodo[] = {Part::Todo, Part::Intd};
constexpr Part kWithFolders[] = {Part::Mess,   Part::Info, Part::Local,
                                 Part::Remote, Part::Todo, Part::Intd};

bool is_todo(Part part) {
  return part == Part::Todo || part == Part::Intd;
}

// A message's, also on its way to another name.
bool is_of_a_message(const File& file) {
  if (file.place.part == Part::Pid || file.place.part == Part::Lock) return false;
  const Name::Is name = read_name(file.place.name).is;
  return file.kind == Kind::Regular && name != Name::Is::Unknown && name != Name::Is::Aside;
}

}  // namespace

bool is_split(Part part, bool split_todo) {
  if (is_todo(part)) return split_todo;
  return std::find(std::begin(kSplit), std::end(kSplit), part) != std::end(kSplit);
}

Shape::Shape(const Tree& tree, unsigned split) {
  for (const Folder& folder : tree.folders) {
    const auto slash = folder.path.find('/');
    if (slash == std::string::npos) continue;
    unsigned number = 0;
    const char* const end = folder.path.data() + folder.path.size();
    if (std::from_chars(folder.path.data() + slash + 1, end, number).ptr != end) continue;
    for (const Part part : kWithFolders) {
      if (folder.path.substr(0, slash) == to_string(part)) folders_[part].insert(number);
    }
  }
  empty_ = std::none_of(tree.files.begin(), tree.files.end(), is_of_a_message);
  todo_ = find_todo(tree.files, split);
}

const Shape::Folders& Shape::of(Part part) const {
  static const Folders kNone;
  const auto found = folders_.find(part);
  return found == folders_.end() ? kNone : found->second;
}

bool Shape::is_gapless(Part part) const {
  const Folders& all = of(part);
  return !all.empty() && *all.rbegin() + 1 == all.size();
}

bool Shape::covers(Part part, unsigned split) const {
  const Folders& all = of(part);
  return std::distance(all.begin(), all.lower_bound(split)) == static_cast<std::ptrdiff_t>(split);
}

bool Shape::ends_before(Part part, unsigned folder) const {
  return is_gapless(part) && folder >= of(part).size();
}

// With another split than the wanted one it is as many as the other parts have. They get the
// folders that are missing after todo and intd do, so that it is the same answer at any time.
Todo Shape::find_todo(const std::vector<File>& files, unsigned split) const {
  std::size_t others = 0;
  for (const Part part : kSplit) others = std::max(others, of(part).size());
  bool all = true;
  bool as_others = others != 0;
  for (const Part part : kTodo) {
    all = all && covers(part, split);
    as_others = as_others && is_gapless(part) && of(part).size() >= others;
  }
  const bool beside = std::any_of(files.begin(), files.end(), [](const File& file) {
    return is_todo(file.place.part) && file.place.folder == kNoFolder && is_of_a_message(file);
  });
  if (!beside) return all || as_others ? Todo::Split : Todo::Flat;
  return all ? Todo::Mixed : Todo::Flat;
}

bool Shape::is_odd(const Place& place) const {
  return is_todo(place.part) && place.folder != kNoFolder && todo_ == Todo::Flat;
}

bool Shape::in_folder(const Place& place) const {
  const bool mixed = todo_ == Todo::Mixed && place.folder != kNoFolder;
  return is_split(place.part, mixed || todo_ == Todo::Split);
}

}  // namespace aptkeep::qmail
