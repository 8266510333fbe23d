// The driver's half of what connects dpkg with the outside: a terminal of its own where stock gives
// it one, pipes elsewhere, and the relay process behind them. libc only.
#pragma once

#include <fcntl.h>
#include <sys/types.h>
#include <unistd.h>

#include <cstddef>
#include <string>
#include <utility>

#include "adapters/relay.h"

namespace aptkeep {

// A descriptor, closed with its owner and never one of 0, 1, 2.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {
    if (fd_ < 0 || fd_ > 2) return;
    fd_ = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    close(fd);
  }
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd() { reset(); }
  void reset() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }
  int get() const { return fd_; }
  bool ok() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

// One call's wiring, from before fork to after the child's end:
// prepare, start, then take_places in the child, child_started, child_ended.
class Wiring {
 public:
  Wiring() = default;
  Wiring(const Wiring&) = delete;
  Wiring& operator=(const Wiring&) = delete;
  ~Wiring();

  // Decides what 0, 1 and 2 are to be, makes it and starts the relay. False: it cannot be had, the
  // child gets our descriptors as they are.
  bool start();

  // In the child, between fork and exec: puts the inner ends in place of 0, 1 and 2.
  void take_places() const;

  // `pid` <= 0: there is no child after all.
  void child_started(pid_t pid);

  // Bytes that the child printed so far.
  std::uint64_t printed() const;

  // Waits until the relay has passed on all that the child printed, but not for what the child
  // left running. Returns the last lines.
  std::string child_ended(std::size_t tail_lines);

 private:
  bool open_all();
  bool open_terminal(const bool (&is_terminal)[3]);
  bool open_pipe(int which, int fd);
  bool open_control();

  RelayWires wires_;
  Fd control_, relay_control_, master_, slave_;
  Fd pipe_from_[2], pipe_to_[2];
  bool onto_slave_[3] = {};          // which of 0, 1, 2 become the inner terminal
  int from_pipe_[3] = {-1, -1, -1};  // which pipe 1 and 2 become
  TailRing* ring_ = nullptr;
  pid_t relay_ = -1;
};

}  // namespace aptkeep
