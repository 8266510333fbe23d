// Runs in which something has to be put back.
#pragma once

#include <algorithm>

#include "run_fixture.h"

namespace aptkeep {

class RollbackTest : public RunTest {
 protected:
  RollbackTest() { with_snapshots_ = true; }

  bool said(const std::string& words) const {
    return std::any_of(said_.begin(), said_.end(), [&](const std::string& line) {
      return line.find(words) != std::string::npos;
    });
  }
  long logged(const std::string& line) const {
    return std::count(memory_.log.begin(), memory_.log.end(), line);
  }
  // foo <- depv (strictly, both ways), dep (at any version), other.
  void chain(Archive foo) {
    foo_ = upgrade(foo);
    depv_ = upgrade({"depv", "2.0", {"foo"}});
    dep_ = upgrade({"dep", "2.0", {"foo"}});
    other_ = upgrade({"other", "2.0"});
    needs(depv_, Side::New, foo_, Side::New);
    needs(depv_, Side::Old, foo_, Side::Old);
    world_.depends["depv"] = {"foo"};
    world_.depends["dep"] = {"foo"};
  }
  void expect_chain_kept() {
    EXPECT_EQ(world_.state("foo"), "ii 1.0");
    EXPECT_EQ(world_.state("depv"), "ii 1.0");
    EXPECT_EQ(world_.state("dep"), "ii 2.0");
    EXPECT_EQ(world_.state("other"), "ii 2.0");
  }

  std::uint32_t foo_ = 0, depv_ = 0, dep_ = 0, other_ = 0;
};

}  // namespace aptkeep
