// Who is at work in a qmail queue, and its accounts.
#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <limits>
#include <memory>
#include <set>
#include <sstream>

#include "adapters/proc_text.h"
#include "adapters/qmail_impl.h"
#include "adapters/qmail_queue.h"

namespace aptkeep::qmail {
namespace {

struct CloseFolder {
  void operator()(DIR* folder) const { closedir(folder); }
};

std::string called(std::int64_t pid) {
  std::string comm = proc_text(pid, "comm");
  if (!comm.empty() && comm.back() == '\n') comm.pop_back();
  return comm;
}

std::string told(std::int64_t pid) {
  const std::string comm = called(pid);
  return (comm.empty() ? "a process" : comm) + " (pid " + std::to_string(pid) + ")";
}

// proc(5): "1: FLOCK  ADVISORY  WRITE 457 08:01:1234 0 EOF". One that holds both kinds of lock has
// two lines. Some file systems (btrfs) have another device number there than in stat(2).
std::string holders_of(const struct stat& held) {
  char device[32];
  std::snprintf(device, sizeof device, "%02x:%02x", major(held.st_dev), minor(held.st_dev));
  const std::string inode = ":" + std::to_string(held.st_ino);
  std::istringstream lines(proc_text("/proc/locks"));
  std::set<std::int64_t> sure, likely;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string number, kind, advisory, access, file;
    std::int64_t pid = 0;
    if (!(words >> number >> kind >> advisory >> access >> pid >> file) || pid <= 0) continue;
    if (file == device + inode) sure.insert(pid);
    if (file.ends_with(inode)) likely.insert(pid);
  }
  std::string who;
  for (const std::int64_t pid : sure.empty() ? likely : sure) {
    who += (who.empty() ? "" : ", ") + told(pid);
  }
  return who.empty() ? "another process" : who;
}

// Either kind of lock, as qmail may be built with (lock_exnb.c). False: somebody has it.
bool take(int fd) {
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) return false;
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return fcntl(fd, F_SETLK, &lock) == 0;
}

bool number(const std::string& text, std::uint32_t& value) {
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, value);
  return !text.empty() && parsed.ec == std::errc() && parsed.ptr == end;
}

// chown(2) would leave the owner as it is.
bool is_none(const std::string& text) {
  std::uint32_t value = 0;
  return number(text, value) && value == std::numeric_limits<std::uint32_t>::max();
}

}  // namespace

std::string Queue::at_work() const {
  const std::unique_ptr<DIR, CloseFolder> proc(opendir("/proc"));
  std::string who;
  while (const dirent* entry = proc ? readdir(proc.get()) : nullptr) {
    std::uint32_t pid = 0;
    if (!number(entry->d_name, pid) || !called(pid).starts_with("qmail-")) continue;
    struct stat info {};
    const std::string cwd = "/proc/" + std::to_string(pid) + "/cwd";
    if (stat(cwd.c_str(), &info) != 0 || info.st_dev != device_) continue;
    if (!folders_.contains(info.st_ino)) continue;
    who += (who.empty() ? "" : ", ") + told(pid);
  }
  return who;
}

Error Queue::busy(const std::string& who) const {
  const bool several = who.find(", ") != std::string::npos;
  return Error{who + (several ? " are" : " is") + " at work in " + path_ + ": stop qmail first"};
}

Status Queue::lock() {
  const auto in = folder("lock");
  // Without that folder there is no qmail-send.
  for (const char* one : {kMutex, kMutexAway}) {
    if (!in) break;
    const int flags = O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    QueueFd fd(openat(in->get(), one, flags));
    if (!fd.open() && errno == ENOENT) continue;
    struct stat info {};
    if (!fd.open() || fstat(fd.get(), &info) != 0) {
      return failed("unable to open " + name("lock/") + one);
    }
    if (!take(fd.get())) {
      // Who took it may be gone, and have left it to its children.
      const std::string who = at_work();
      return busy(who.empty() ? holders_of(info) : who);
    }
    locks_.push_back(std::move(fd));
  }
  const std::string who = at_work();
  return who.empty() ? success() : Status(busy(who));
}

Result<Ids> find_ids(const std::string& names) {
  std::istringstream all(names);
  std::vector<std::string> words;
  for (std::string word; std::getline(all, word, ',');) words.push_back(word);
  if (words.size() != 4) return Error{"four accounts are needed: " + names};
  for (const std::string& word : words) {
    if (is_none(word)) return Error{word + " is nobody's number"};
  }
  Ids ids;
  std::uint32_t* const users[] = {&ids.qmailq, &ids.qmails, &ids.qmailr};
  for (std::size_t i = 0; i < 3; ++i) {
    if (number(words[i], *users[i])) continue;
    const passwd* const found = getpwnam(words[i].c_str());
    if (found == nullptr) return Error{"there is no user " + words[i]};
    *users[i] = found->pw_uid;
  }
  if (number(words[3], ids.qmail_group)) return ids;
  const group* const found = getgrnam(words[3].c_str());
  if (found == nullptr) return Error{"there is no group " + words[3]};
  ids.qmail_group = found->gr_gid;
  return ids;
}

}  // namespace aptkeep::qmail
