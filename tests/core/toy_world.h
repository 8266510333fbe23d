// A small world of packages with integer versions, in which the meaning of relations is written
// down a second time, without clauses: what the core computes is compared with it.
#pragma once

#include <compare>
#include <cstddef>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "core/plan.h"

namespace toy {

enum class Op { Any, Less, AtMost, Exactly, AtLeast, More };

struct Target {
  std::string name;  // of a package, or a virtual one
  Op op = Op::Any;
  int version = 0;
};

struct Relation {
  aptkeep::ClauseKind kind = aptkeep::ClauseKind::Depends;
  std::vector<Target> any_of;  // one for Breaks and Conflicts
};

struct Provide {
  std::string name;
  int version = 0;  // 0: unversioned, which satisfies no versioned relation
};

struct Version {
  int number = 1;
  std::vector<Relation> relations;
  std::vector<Provide> provides;
};

struct Package {
  std::string name;
  std::string arch = "amd64";
  bool same = false;     // Multi-Arch: same
  bool foreign = false;  // Multi-Arch: foreign
  bool outside = false;  // not in the run: `after` counts for nothing
  int trust = 0;
  std::optional<Version> before, after;

  std::string full_name() const { return name + ":" + arch; }
};

// Packages of the run come first, in the order of their steps.
struct World {
  std::vector<Package> packages;
  std::size_t in_run() const;
};

struct Violation {
  std::size_t package = 0;
  aptkeep::ClauseKind kind = aptkeep::ClauseKind::Depends;
  std::string relation;
  std::ptrdiff_t hit = -1;  // the package that is forbidden; -1: something is missing

  friend auto operator<=>(const Violation&, const Violation&) = default;
};

std::string to_string(const Relation& relation);
std::string lockstep_relation(const Package& sibling, int version);
// Whether a relation of `owner` means this package in this version.
bool matches(const Package& owner, aptkeep::ClauseKind kind, const Target& target,
             const Package& package, const Version& version);

// kept[i]: package i of the run is in the state before it.
std::vector<Violation> violations(const World& world, const std::vector<bool>& kept);

// Asks about many kept sets of one world.
class Judge {
 public:
  explicit Judge(const World& world);
  // What is violated with `kept` and was not before the run.
  std::vector<Violation> complaints(const std::vector<bool>& kept) const;
  bool consistent(const std::vector<bool>& kept) const;

 private:
  bool forgiven(const Violation& violation, const std::vector<bool>& kept) const;

  const World& world_;
  std::vector<Violation> before_;
};

struct Kinds {
  bool rich = false;  // alternatives, Provides, Breaks, Conflicts, Multi-Arch
};
World random_world(std::mt19937_64& random, const Kinds& kinds);
// For a failing test.
std::string describe(const World& world);

aptkeep::Plan make_plan(const World& world);

}  // namespace toy
