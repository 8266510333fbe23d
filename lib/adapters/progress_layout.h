// The record with which the driver tells the launcher how far it has come: a memfd that the
// launcher makes and the driver writes. Plain data, since the launcher has only libc.
//
// The header is one page; behind it stand two slots that are written in turn. A slot becomes valid
// when `published` is counted up, in one store, so that a driver killed at any instant leaves a
// whole record. The header is mapped, as its words must not be lost where a write fails. The
// launcher reads only after the driver is gone.
#pragma once

#include <cstddef>
#include <cstdint>

namespace aptkeep {

inline constexpr char kProgressMagic[8] = {'a', 'p', 't', 'k', 'e', 'e', 'p', '2'};

struct ProgressHeader {
  char magic[8];
  std::uint64_t published;  // 0: no dpkg call was begun; else slot (published & 1) is valid
  std::uint64_t finished;   // 1: the driver ended on its own will
  std::uint64_t lost;       // 1: a record could not be written, so that the slots are out of date
  std::uint64_t owed;       // 1: the call has to end with a failure, whatever dpkg says
};

// A slot: this, then `in_call + after` strings, each with its NUL.
struct ProgressSlot {
  std::uint64_t in_call;
  std::uint64_t after;
  std::uint64_t bytes;     // of the strings
  std::uint64_t left_out;  // archives that only the driver may take on: the call has to fail
};

inline constexpr std::uint64_t kProgressSlotAt = 4096;
// Far more than the arguments of any exec: half of it stays unused with all of Debian's packages.
inline constexpr std::uint64_t kProgressSlotSize = 16u << 20;

inline constexpr std::uint64_t progress_slot_at(std::uint64_t published) {
  return kProgressSlotAt + (published & 1) * kProgressSlotSize;
}

// The relay's name in /proc/PID/comm, by which the launcher tells it from an orphaned dpkg.
inline constexpr char kRelayName[] = "aptkeep-relay";

}  // namespace aptkeep
