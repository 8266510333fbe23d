// Runs systemctl(1), quietly. libc only.
#pragma once

#include <cstddef>

namespace aptkeep::policy {

inline constexpr std::size_t kMostWords =
    64;  // no service has so many triggers, no call so many units

// Names of units in a text, whose blanks have become their ends.
struct Units {
  char text[8192] = {};
  const char* name[kMostWords] = {};
  std::size_t count = 0;

  void split();  // leaves out what is no unit's name
  // A copy of it; only where all the others were added so. Not where there is no room.
  void add(const char* unit);
};

// What it prints goes into `text`, if that is given; its errors go nowhere. False: it failed.
bool systemctl(const char* const* words, std::size_t count, char* text = nullptr,
               std::size_t room = 0);
// The verb for all of them; true also for none.
bool act(const char* verb, const Units& units);

// Leaves those that are active.
void keep_active(Units& units);

// As much of a file as there is room for; ends with a NUL.
void read_all(int fd, char* text, std::size_t room);

}  // namespace aptkeep::policy
