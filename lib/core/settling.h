// Whether what was started a moment ago stays. Pure: who looks says when.
#pragma once

#include <map>
#include <string>

#include "core/unit.h"

namespace aptkeep {

// Times are in milliseconds since the first look.
class Settling {
 public:
  // `limit`: after this it is over, whatever they do.
  explicit Settling(int limit) : limit_(limit) {}

  // Looks come in the order of time, each at the same units.
  void see(int at, const std::map<std::string, UnitFacts>& now);

  // All are down for good, or have been up for long enough without a change: for a second where
  // systemd is told when they are ready, else for two; for three after systemd had to start one
  // again.
  bool is_over() const;

  // Of those that run, or are between two states: whom systemd started again and again, or just
  // now, with words for that.
  std::map<std::string, std::string> restless() const;

 private:
  struct Seen {
    UnitFacts facts;
    unsigned first_restarts = 0;
    int changed = 0;  // when it last was another than at the look before

    unsigned restarts() const;
    int quiet_needed() const;  // 0: nothing to wait for; -1: it is between two states
  };
  bool is_quiet(const Seen& seen) const;
  std::string how_often(unsigned times) const;

  int limit_;
  int at_ = 0;
  std::map<std::string, Seen> units_;
};

}  // namespace aptkeep
