// What stood in the way of a package that goes back: put aside, and kept there for good unless the
// failed version brought it, as it is.
#include "adapters/snapshot_aside.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "adapters/snapshot_sums.h"

namespace aptkeep::snapshot {
namespace {

constexpr const char* kSibling = ".aptkeep-aside";
constexpr std::string_view kUnconfigured = ".dpkg-new";
constexpr int kDeepest = 200;

// All that is below a folder and no folder itself, as paths relative to it; and folders that could
// not be looked into.
void gather(int folder, const std::string& prefix, int depth, std::vector<std::string>& found) {
  const int inner = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(inner < 0 ? nullptr : fdopendir(inner), closedir);
  if (!dir || depth > kDeepest) {
    found.push_back(prefix);
    return;
  }
  while (const dirent* entry = readdir(dir.get())) {
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    const Fd below(openat(folder, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (below.open()) {
      gather(below.get(), prefix + name + "/", depth + 1, found);
    } else {
      found.push_back(prefix + name);
    }
  }
}

// Tells what the failed version shipped from what somebody wrote since.
class Shipped {
 public:
  explicit Shipped(const Package& package) : package_(package) {}

  bool is_own(const std::string& listed, const Place& place) {
    std::string path = listed;
    if (!package_.brought(path)) {
      if (!path.ends_with(kUnconfigured)) return false;
      path.resize(path.size() - kUnconfigured.size());
      return package_.brought(path);  // a conffile that dpkg unpacked and nobody has configured
    }
    struct stat stab {};
    if (!look(place, stab)) return false;
    if (!S_ISREG(stab.st_mode)) return true;
    const auto sum = sums().find(path);
    if (sum == sums().end()) {
      // dpkg gives a file the time that it was packed with; who writes to it, that of the writing.
      return stab.st_mtim.tv_sec * 1'000'000'000 + stab.st_mtim.tv_nsec < package_.record.taken;
    }
    auto fd = open_file(place, path);
    auto hash = fd ? md5_of(fd->get(), path) : Result<std::string>(fd.error());
    return hash && *hash == sum->second;
  }

 private:
  using Sums = std::unordered_map<std::string, std::string>;

  // By path, with what dpkg knows of conffiles.
  const Sums& sums() {
    if (sums_) return *sums_;
    sums_.emplace();
    auto file = open_file(Place{package_.folder.get(), kFailedSums}, kFailedSums);
    auto text = file ? read_fd(file->get(), kFailedSums, kMostSums) : Result<std::string>("");
    if (text) {
      each_sum(*text, [&](std::string_view hash, std::string_view path) {
        sums_->emplace("/" + std::string(path), hash);
      });
    }
    for (const ConffileRecord& conffile : package_.failed.conffiles) {
      sums_->insert_or_assign(conffile.path, conffile.hash);
    }
    return *sums_;
  }

  const Package& package_;
  std::optional<Sums> sums_;
};

// SET_ASIDE/RUN/NAME:ARCH
std::string folder_of(const Package& package) {
  const std::string run = package.options.folder.substr(0, package.options.folder.rfind('/'));
  return package.options.set_aside + run.substr(run.rfind('/')) + "/" + package.name();
}

// A name that nothing has, made from this one.
std::string free_name(int folder, const std::string& wished) {
  struct stat stab {};
  std::string name = wished;
  for (unsigned number = 2; look(Place{folder, name}, stab); ++number) {
    name = wished + "." + std::to_string(number);
  }
  return name;
}

}  // namespace

bool Aside::is_folder() const {
  struct stat stab {};
  return look(place, stab) && S_ISDIR(stab.st_mode);
}

// File systems without RENAME_NOREPLACE say EINVAL.
bool rename_to_nothing(const Place& from, const Place& to) {
  if (renameat2(from.folder, from.name.c_str(), to.folder, to.name.c_str(), RENAME_NOREPLACE) ==
      0) {
    return true;
  }
  struct stat stab {};
  return errno == EINVAL && !look(to, stab) &&
         renameat(from.folder, from.name.c_str(), to.folder, to.name.c_str()) == 0;
}

Result<bool> find_aside(const Move& move, Aside& found) {
  found.path = move.aside;
  auto place = found.walk.to(found.path);
  if (!place) return place.error();
  found.place = std::move(*place);
  struct stat stab {};
  return look(found.place, stab);
}

std::vector<std::string> foreign_in(const Package& package, const Move& move, Aside& aside) {
  Shipped shipped(package);
  if (!aside.is_folder()) {
    if (shipped.is_own(move.path, aside.place)) return {};
    return {""};
  }
  std::vector<std::string> all;
  const Fd fd(openat(aside.place.folder, aside.place.name.c_str(),
                     O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (fd.open()) {
    gather(fd.get(), "", 0, all);
  } else {
    all.emplace_back();
  }
  std::erase_if(all, [&](const std::string& name) {
    if (!package.brought(move.path + "/" + name) && !name.ends_with(kUnconfigured)) return false;
    Walk walk;
    auto place = walk.to(aside.path + "/" + name);
    return place && shipped.is_own(move.path + "/" + name, *place);
  });
  return all;
}

void tidy_aside(const Package& package) {
  std::string folder = folder_of(package);
  while (folder.size() >= package.options.set_aside.size() && rmdir(folder.c_str()) == 0) {
    folder.resize(folder.rfind('/'));
  }
}

Status move_aside(Package& package, const std::string& path, bool made) {
  auto moves = load_moves(package.folder.get(), "moves");
  if (!moves) return moves.error();
  auto folder = open_folder(folder_of(package), true);
  if (!folder) return folder.error();
  Walk walk;
  auto place = walk.to(path);
  if (!place) return place.error();
  if (!place->found()) return success();
  // On disk before it happens: resume has to find what was moved.
  const std::string name = free_name(folder->get(), place->name);
  moves->push_back(Move{path, folder_of(package) + "/" + name, made});
  if (auto saved = save(package.folder.get(), "moves", *moves); !saved) return saved;
  if (rename_to_nothing(*place, Place{folder->get(), name})) return success();
  if (errno != EXDEV) return failure("move " + path + " aside");
  const std::string sibling = free_name(place->folder, place->name + kSibling);
  moves->back().aside = path.substr(0, path.find_last_of('/') + 1) + sibling;
  if (auto saved = save(package.folder.get(), "moves", *moves); !saved) return saved;
  if (!rename_to_nothing(*place, Place{place->folder, sibling})) {
    return failure("move " + path + " aside");
  }
  return success();
}

std::vector<std::string> drop_aside(Package& package) {
  std::vector<std::string> sentences;
  auto moves = load_moves(package.folder.get(), "moves");
  if (!moves) return {moves.error().message};
  std::vector<Move> left;
  for (const Move& move : *moves) {
    Aside aside;
    if (move.aside.empty()) {
      left.push_back(move);
      continue;
    }
    auto found = find_aside(move, aside);
    if (!found || !*found) continue;
    const auto foreign = move.made ? std::vector<std::string>() : foreign_in(package, move, aside);
    if (foreign.empty()) {
      (void)remove_tree(aside.place.folder, aside.place.name, aside.path);
      continue;
    }
    left.push_back(move);
    sentences.push_back(foreign.front().empty()
                            ? move.path + ": what was there instead was moved to " + aside.path
                            : move.path + ": other files that were in it were moved to " +
                                  aside.path + " (" + foreign.front() + ")");
  }
  tidy_aside(package);
  if (left.size() != moves->size()) {
    auto saved = save(package.folder.get(), "moves", left);
    if (!saved) sentences.push_back(saved.error().message);
  }
  return sentences;
}

}  // namespace aptkeep::snapshot
