#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapters/proc_text.h"
#include "adapters/qmail_impl.h"
#include "adapters/qmail_queue.h"

namespace aptkeep::qmail {
namespace {

// A path's last part, and the folder that it is in.
struct End {
  QueueFd folder;
  std::string path;
  std::string name;
  struct stat info {};
  bool there = false;
  dev_t device = 0;  // the folder's
};

Result<End> end_of(const std::string& given) {
  End end;
  end.path = given;
  while (end.path.size() > 1 && end.path.back() == '/') end.path.pop_back();
  const auto slash = end.path.rfind('/');
  end.name = end.path.substr(slash == std::string::npos ? 0 : slash + 1);
  if (end.name.empty() || end.name == "." || end.name == "..") {
    return Error{"\"" + given + "\" names no folder"};
  }
  std::string parent = slash == std::string::npos ? "." : end.path.substr(0, slash);
  if (parent.empty()) parent = "/";
  end.folder = QueueFd(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  struct stat info {};
  if (!end.folder.open() || fstat(end.folder.get(), &info) != 0) {
    return failed("unable to open " + parent);
  }
  end.device = info.st_dev;
  end.there = fstatat(end.folder.get(), end.name.c_str(), &end.info, AT_SYMLINK_NOFOLLOW) == 0;
  if (!end.there && errno != ENOENT) return failed("unable to look at " + end.path);
  return end;
}

// A rename is on disk when both folders are.
Status keep(const End& from, const End& to) {
  for (const End* end : {&from, &to}) {
    if (fsync(end->folder.get()) != 0) return failed("unable to write to disk");
  }
  return success();
}

Status refuse_impossible(const End& from, const End& to) {
  if (S_ISLNK(from.info.st_mode)) {
    return Error{from.path + " is a symbolic link: name the folder that it leads to"};
  }
  if (to.there) return Error{to.path + " exists"};
  const std::uint64_t mount = mount_of(from.folder.get(), from.name);
  if (from.info.st_dev != from.device || mount != mount_of(from.folder.get(), "")) {
    return Error{from.path + " is a mount point: mount its file system elsewhere instead"};
  }
  if (from.info.st_dev != to.device) {
    return Error{to.path +
                 " would be on another file system, where the messages have other inode "
                 "numbers"};
  }
  const std::string above = proc_link(getpid(), "fd/" + std::to_string(to.folder.get())) + "/";
  const std::string self =
      proc_link(getpid(), "fd/" + std::to_string(from.folder.get())) + "/" + from.name + "/";
  if (above.starts_with(self)) return Error{to.path + " is below " + from.path};
  return success();
}

}  // namespace

Result<bool> move_queue(const std::string& from_path, const std::string& to_path) {
  const std::string what = "unable to move " + from_path + " to " + to_path + ": ";
  const auto from = end_of(from_path);
  if (!from) return Error{what + from.error().message};
  const auto to = end_of(to_path);
  if (!to) return Error{what + to.error().message};
  if (!from->there && to->there) {
    // It was moved, maybe by one that was killed right then.
    const auto moved = Queue::open(to->path, false);
    if (!moved) return Error{what + "there is no " + from->path + ", and " + moved.error().message};
    if (Status done = keep(*from, *to); !done) return Error{what + done.error().message};
    return false;
  }
  if (!from->there) return Error{what + "there is no " + from->path};
  if (Status possible = refuse_impossible(*from, *to); !possible) {
    return Error{what + possible.error().message};
  }
  auto queue = Queue::open(from->path, false);
  if (!queue) return Error{what + queue.error().message};
  if (Status one = queue->refuse_mounts(); !one) return Error{what + one.error().message};
  if (auto tree = queue->read(); !tree) return Error{what + tree.error().message};
  if (Status locked = queue->lock(); !locked) return Error{what + locked.error().message};
  if (!rename_if_free(from->folder.get(), from->name, to->folder.get(), to->name)) {
    return Error{what + std::generic_category().message(errno)};
  }
  if (Status done = keep(*from, *to); !done) return Error{what + done.error().message};
  return true;
}

}  // namespace aptkeep::qmail
