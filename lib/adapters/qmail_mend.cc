#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapters/qmail_impl.h"
#include "adapters/qmail_queue.h"

namespace aptkeep::qmail {
namespace {

constexpr const char* kNew = "aptkeep-new";  // what is being made, until it is whole

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}

std::string last_of(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

// Of what the fd (O_PATH is enough) stands for. chown(2) first: it takes setuid bits away.
bool give(int fd, const Owner& owner, bool ids) {
  if (ids && fchownat(fd, "", owner.user, owner.group, AT_EMPTY_PATH) != 0) return false;
  return chmod(("/proc/self/fd/" + std::to_string(fd)).c_str(), owner.mode) == 0;
}

// Makes it under a name of its own, so that it is never there half made.
bool make_new(int folder, const Action& action) {
  switch (action.what) {
    case Action::Do::MakeFolder:
      return mkdirat(folder, kNew, 0700) == 0 || errno == EEXIST;
    case Action::Do::MakeFifo:
      return mkfifoat(folder, kNew, 0600) == 0 || errno == EEXIST;
    default: {
      const int flags = O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
      const QueueFd file(openat(folder, kNew, flags, 0600));
      struct stat info {};
      if (!file.open() || fstat(file.get(), &info) != 0) return false;
      // One that somebody laid there is not written to.
      const bool ours = S_ISREG(info.st_mode) && info.st_nlink == 1 && info.st_size == 0;
      if (!ours && static_cast<std::uint64_t>(info.st_size) != action.size) {
        errno = EEXIST;
        return false;
      }
      return ftruncate(file.get(), static_cast<off_t>(action.size)) == 0;
    }
  }
}

bool is_of_kind(const struct stat& info, Action::Do what) {
  if (what == Action::Do::MakeFolder) return S_ISDIR(info.st_mode);
  if (what == Action::Do::MakeFifo) return S_ISFIFO(info.st_mode) && info.st_nlink == 1;
  return S_ISREG(info.st_mode) && info.st_nlink == 1;
}

}  // namespace

bool rename_if_free(int from_folder, const std::string& from, int to_folder,
                    const std::string& to) {
  if (renameat2(from_folder, from.c_str(), to_folder, to.c_str(), RENAME_NOREPLACE) == 0) {
    return true;
  }
  if (errno != EINVAL && errno != ENOSYS) return false;
  struct stat info {};
  if (fstatat(to_folder, to.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) {
    errno = EEXIST;
    return false;
  }
  return errno == ENOENT && renameat(from_folder, from.c_str(), to_folder, to.c_str()) == 0;
}

Status Queue::carry_out(const std::vector<Action>& actions) {
  for (const Action& action : actions) {
    if (Status done = do_one(action); !done) return done;
  }
  return syncfs(root_.get()) == 0 ? success()
                                  : Status(failed("unable to write " + path_ + " to disk"));
}

Status Queue::do_one(const Action& action) {
  switch (action.what) {
    case Action::Do::Sync:
      if (syncfs(root_.get()) != 0) return failed("unable to write " + path_ + " to disk");
      return success();
    case Action::Do::Rename:
      return rename(action);
    case Action::Do::SetOwner:
      return set_owner(action);
    case Action::Do::MakeFolder:
    case Action::Do::MakeFile:
    case Action::Do::MakeFifo:
      return make(action);
  }
  return success();
}

Status Queue::rename(const Action& action) {
  const std::string what = "unable to rename " + name(action.path) + " to " + action.to;
  const auto from = folder(folder_of(action.path));
  if (!from) return from.error();
  const auto to = folder(folder_of(action.to));
  if (!to) return to.error();
  const std::string old_name = last_of(action.path);
  const std::string new_name = last_of(action.to);
  struct stat info {};
  if (fstatat(from->get(), old_name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) return failed(what);
  if (action.inode != 0 && info.st_ino != action.inode) {
    return Error{what + ": it is another file now"};
  }
  const bool done = action.replace
                        ? renameat(from->get(), old_name.c_str(), to->get(), new_name.c_str()) == 0
                        : rename_if_free(from->get(), old_name, to->get(), new_name);
  return done ? success() : Status(failed(what));
}

Status Queue::set_owner(const Action& action) {
  const std::string what = "unable to change the owner or mode of " + name(action.path);
  const auto in = folder(folder_of(action.path));
  if (!in) return in.error();
  const std::string last = action.path.empty() ? "." : last_of(action.path);
  const int flags = O_PATH | O_NOFOLLOW | O_CLOEXEC | (action.folder ? O_DIRECTORY : 0);
  const QueueFd file(openat(in->get(), last.c_str(), flags));
  struct stat info {};
  if (!file.open() || fstat(file.get(), &info) != 0) return failed(what);
  const bool same = action.inode == 0 || info.st_ino == action.inode;
  if (!same || S_ISLNK(info.st_mode) || (S_ISDIR(info.st_mode) && !action.folder)) {
    return Error{what + ": it is another file now"};
  }
  return give(file.get(), action.owner, action.set_ids) ? success() : Status(failed(what));
}

Status Queue::make(const Action& action) {
  const std::string what = "unable to make " + name(action.path);
  const auto in = folder(folder_of(action.path));
  if (!in) return in.error();
  if (!make_new(in->get(), action)) return failed(what);
  const QueueFd made(openat(in->get(), kNew, O_PATH | O_NOFOLLOW | O_CLOEXEC));
  struct stat info {};
  if (!made.open() || fstat(made.get(), &info) != 0) return failed(what);
  if (!is_of_kind(info, action.what)) return failed(what, EEXIST);
  if (!give(made.get(), action.owner, action.set_ids)) return failed(what);
  return rename_if_free(in->get(), kNew, in->get(), last_of(action.path)) ? success()
                                                                          : Status(failed(what));
}

}  // namespace aptkeep::qmail
