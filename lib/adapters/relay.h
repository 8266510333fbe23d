// The relay: a process of its own that copies between dpkg and the outside, so that dpkg keeps its
// terminal and its output arrives even when the driver is killed.
#pragma once

#include <sys/types.h>
#include <termios.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

namespace aptkeep {

// The last bytes that came by, in memory that relay and driver share.
struct TailRing {
  static constexpr std::size_t kSize = 65536;

  std::atomic<std::uint64_t> written;
  char bytes[kSize];

  void add(const char* data, std::size_t size);
  std::string text() const;  // what is kept, oldest first
  bool torn() const { return written.load(std::memory_order_acquire) > kSize; }
};

// What is copied where; -1: there is none. All but the outer ones are the relay's alone.
struct RelayWires {
  int control = -1;      // to the driver: see below
  int master = -1;       // our side of dpkg's terminal
  int terminal_in = -1;  // the outer terminal's descriptors
  int terminal_out = -1;
  termios terminal_state{};  // as it was, and as it is left
  struct Pipe {
    int from = -1;
    int to = -1;
  } pipes[2];
  TailRing* ring = nullptr;
};

// Over `control` the driver sends RelayNote values: first Started with dpkg's pid, then Ended. The
// relay answers with one byte when all that dpkg printed has been passed on: kDrained if it stays,
// since something that dpkg's scripts left running still holds a pipe, kLeaving if it goes.
struct RelayNote {
  enum Kind : std::int32_t { Started = 1, Ended = 2 };
  std::int32_t kind;
  std::int32_t pid;
};
inline constexpr char kDrained = 'd';
inline constexpr char kLeaving = 'l';

// Forks the relay; -1: no process to be had. The caller then closes its copies of the wires.
pid_t start_relay(const RelayWires& wires);

}  // namespace aptkeep
