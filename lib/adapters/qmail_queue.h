// A qmail queue on disk: read, mended, moved. Every file is reached from the queue's folder by
// openat(2), and no symlink in it is followed: those who may write there are not root. libc only.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/qmail_queue.h"
#include "core/result.h"

namespace aptkeep::qmail {

class QueueFd {
 public:
  QueueFd() = default;
  explicit QueueFd(int fd) : fd_(fd) {}
  QueueFd(QueueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  QueueFd& operator=(QueueFd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~QueueFd();

  int get() const { return fd_; }
  bool open() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

class Queue {
 public:
  // Error: it cannot be opened, or is no qmail queue (most of the folders that one has are not
  // there). `path` itself may be a symlink if `follow`.
  static Result<Queue> open(const std::string& path, bool follow);

  // Error: something cannot be read, lies on another file system, or is mounted there. What comes
  // or goes meanwhile may be in it or not.
  Result<Tree> read();

  // An Error names what is mounted anywhere below the queue, in qmail's folders or others.
  Status refuse_mounts() const;

  // After read(). Takes the lock that a qmail-send holds while it runs, until destroyed. An Error
  // names who has it, or what else of qmail's is at work in the queue: it has to be stopped first.
  Status lock();

  // What of qmail's has its working folder in what read() saw; empty: nothing.
  std::string at_work() const;

  // In their order. The first that fails ends it with its Error, and all before it are done.
  Status carry_out(const std::vector<Action>& actions);

 private:
  Result<QueueFd> folder(const std::string& path) const;
  Status read_part(Part part, Tree& tree);
  bool on_one_file_system(Part part, const struct stat& info);
  bool is_mounted(int folder, const std::string& name) const;
  Status refuse_mounts(int fd, const std::string& path) const;
  Status read_files(int fd, Part part, int number, Tree& tree);
  Status do_one(const Action& action);
  Status rename(const Action& action);
  Status set_owner(const Action& action);
  Status make(const Action& action);
  Error busy(const std::string& who) const;
  std::string name(const std::string& path) const;

  QueueFd root_;
  std::string path_;
  dev_t device_ = 0;
  std::uint64_t mount_ = 0;  // 0: not known
  std::optional<dev_t> mess_device_;
  std::set<ino_t> folders_;  // that processes of qmail's work in
  std::vector<QueueFd> locks_;
};

// rename(2) of the whole queue. Nothing is touched where that is refused or cannot be: `to` exists,
// is on another file system, qmail runs. False: `to` is a queue, and there is no `from` any more.
Result<bool> move_queue(const std::string& from, const std::string& to);

// Of the accounts qmailq, qmails, qmailr and the group qmail, or those that `names` has in this
// order, with commas between: names or numbers. An Error names the first that there is not.
Result<Ids> find_ids(const std::string& names);

}  // namespace aptkeep::qmail
