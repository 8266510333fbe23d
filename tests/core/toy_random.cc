// Random toy worlds that are dense in what makes kept sets hard: exact versions on both sides,
// things forbidden, and several ways to satisfy one relation.
#include <algorithm>

#include "toy_world.h"

namespace toy {
namespace {

using aptkeep::ClauseKind;

class Maker {
 public:
  Maker(std::mt19937_64& random, const Kinds& kinds) : random_(random), kinds_(kinds) {}

  World make() {
    const int in_run = std::max(between(2, 9), between(2, 9));
    const int outside = between(0, 3);
    for (int i = 0; i < in_run + outside; ++i) world_.packages.push_back(package(i, i >= in_run));
    if (kinds_.rich) make_siblings();
    for (std::size_t i = 0; i < world_.packages.size(); ++i) {
      for (auto* version : {&world_.packages[i].before, &world_.packages[i].after}) {
        if (*version) fill(i, version == &world_.packages[i].before, **version);
      }
    }
    // apt asks for consistent worlds, mostly; what was there before can be broken.
    const bool broken_after = chance(7);
    const bool broken_before = chance(40);
    if (!broken_after) repair(false);
    if (!broken_before) repair(true);
    return std::move(world_);
  }

 private:
  int between(int low, int high) {
    return low + static_cast<int>(random_() % static_cast<unsigned>(high - low + 1));
  }
  bool chance(int percent) { return between(1, 100) <= percent; }

  Package package(int number, bool outside) {
    Package made;
    // Names whose order is not that of the steps, so that ties are decided by names indeed.
    made.name = std::string(1, static_cast<char>('a' + (number * 7 + 3) % 13));
    made.trust = chance(50) ? 2 : between(0, 3);
    made.foreign = kinds_.rich && chance(20);
    made.outside = outside;
    const int version = between(1, 2);
    if (outside || chance(85)) made.before.emplace().number = version;
    if (!outside && (!made.before || chance(85))) made.after.emplace().number = version + 1;
    if (made.before && made.after && chance(8)) made.after->number = between(1, 3);
    return made;
  }

  void make_siblings() {
    for (std::size_t i = 0; i + 1 < world_.packages.size(); ++i) {
      Package& one = world_.packages[i];
      Package& other = world_.packages[i + 1];
      if (!chance(15) || one.same || one.outside != other.outside) continue;
      other.name = one.name;
      other.arch = "i386";
      one.same = other.same = chance(85);
      one.foreign = other.foreign = false;
      if (other.before && one.before) other.before->number = one.before->number;
      if (other.after && one.after) other.after->number = one.after->number;
    }
  }

  Target target(std::size_t owner, bool before) {
    Target made;
    const std::size_t index = random_() % world_.packages.size();
    if (kinds_.rich && chance(30)) {
      made.name = chance(50) ? "virtual-x" : "virtual-y";
    } else {
      const Package& package = world_.packages[index == owner ? 0 : index];
      made.name = package.name;
      const auto& same_time = before || package.outside ? package.before : package.after;
      if (same_time && chance(75)) {
        made.version = same_time->number;
        made.op = chance(50) ? Op::Exactly : before ? Op::AtMost : Op::AtLeast;
        return made;
      }
    }
    made.op = static_cast<Op>(between(0, 5));
    made.version = between(1, 3);
    return made;
  }

  void fill(std::size_t owner, bool before, Version& version) {
    const int count = between(0, kinds_.rich ? 4 : 3);
    for (int i = 0; i < count; ++i) {
      Relation relation;
      const int kind = between(1, 100);
      relation.kind = kind <= 60   ? ClauseKind::Depends
                      : kind <= 70 ? ClauseKind::PreDepends
                      : kind <= 88 ? ClauseKind::Breaks
                                   : ClauseKind::Conflicts;
      if (!kinds_.rich && kind > 70) continue;
      relation.any_of.push_back(target(owner, before));
      while (kinds_.rich && kind <= 70 && relation.any_of.size() < 4 && chance(40)) {
        relation.any_of.push_back(target(owner, chance(50) ? before : !before));
      }
      version.relations.push_back(std::move(relation));
    }
    if (kinds_.rich && chance(35)) {
      version.provides.push_back({chance(50) ? "virtual-x" : "virtual-y", between(0, 3)});
    }
    // Many relations are the same in the old and the new version.
    const auto& old = world_.packages[owner].before;
    if (!before && old && !old->relations.empty() && chance(30)) {
      version.relations.push_back(old->relations.front());
    }
  }

  // Takes out of the versions before or after the run what is violated there.
  void repair(bool before) {
    const std::vector<bool> kept(world_.packages.size(), before);
    for (auto found = violations(world_, kept); !found.empty(); found = violations(world_, kept)) {
      Package& package = world_.packages[found.front().package];
      if (found.front().kind == ClauseKind::Lockstep) {
        package.same = false;
        continue;
      }
      auto& version = before || package.outside ? package.before : package.after;
      std::erase_if(version->relations, [&](const Relation& relation) {
        return relation.kind == found.front().kind && to_string(relation) == found.front().relation;
      });
    }
  }

  std::mt19937_64& random_;
  Kinds kinds_;
  World world_;
};

}  // namespace

World random_world(std::mt19937_64& random, const Kinds& kinds) {
  return Maker(random, kinds).make();
}

}  // namespace toy
