// The kept set against apt's own opinion: on small random systems, `apt-get check` accepts the
// world in which the kept set stays back, and no smaller one that contains what failed.
#include <gtest/gtest.h>

#include <bit>
#include <cstdlib>
#include <optional>
#include <random>

#include "../core/toy_seed.h"
#include "apt_root.h"

namespace aptkeep::test {
namespace {

// One package that changes, with its stanza on each side; nullopt: absent there.
struct Change {
  std::optional<Package> old_side, new_side;

  const Package& any() const { return old_side ? *old_side : *new_side; }
};

struct System {
  std::vector<Change> changes;
  std::vector<Package> outside;

  // Bit i set: change i is at its old side.
  std::vector<Package> world(unsigned kept) const {
    std::vector<Package> packages = outside;
    for (std::size_t i = 0; i < changes.size(); ++i) {
      const auto& side = (kept >> i & 1U) != 0 ? changes[i].old_side : changes[i].new_side;
      if (side) packages.push_back(*side);
    }
    return packages;
  }
};

class Generator {
 public:
  explicit Generator(std::uint64_t seed) : random_(seed) {}

  System make() {
    System system;
    const auto count = 3 + pick(3);
    for (std::size_t i = 0; i < count; ++i) add_change(system, "p" + std::to_string(i));
    if (pick(3) == 0) add_siblings(system);
    const auto members = system.changes.size();
    for (std::size_t i = 0; i < members; ++i) {
      relate(system, system.changes[i].old_side, true);
      relate(system, system.changes[i].new_side, false);
    }
    // It serves siblings of every architecture, as what add_siblings() finds does.
    system.outside.push_back({"outside", "7", ""});
    system.outside[0].fields =
        "Multi-Arch: foreign\nDepends: " + satisfied_atom(system, true, "outside") + " | " +
        satisfied_atom(system, false, "outside") + "\n";
    return system;
  }

  std::size_t pick(std::size_t below) { return random_() % below; }

 private:
  void add_change(System& system, const std::string& name) {
    const auto kind = pick(8);
    Change change;
    if (kind != 0) change.old_side = Package{name, "1.0", provides(name, "1")};
    if (kind != 1) change.new_side = Package{name, "2.0", provides(name, "2")};
    system.changes.push_back(change);
  }

  void add_siblings(System& system) {
    for (auto& change : system.changes) {  // so that they serve the sibling of the other one too
      if (change.old_side) change.old_side->fields += "Multi-Arch: foreign\n";
      if (change.new_side) change.new_side->fields += "Multi-Arch: foreign\n";
    }
    for (const char* arch : {"amd64", "i386"}) {
      Change change;
      change.old_side = Package{"same", "1.0", "Multi-Arch: same\n", arch};
      change.new_side = Package{"same", "2.0", "Multi-Arch: same\n", arch};
      system.changes.push_back(change);
    }
  }

  std::string provides(const std::string& name, const std::string& version) {
    switch (pick(4)) {
      case 0:
        return "Provides: virtual-" + name + " (= " + version + ")\n";
      case 1:
        return "Provides: virtual-" + name + ", common\n";
      default:
        return "";
    }
  }

  static const std::optional<Package>& side_of(const Change& change, bool old_side) {
    return old_side ? change.old_side : change.new_side;
  }

  // A relation that the given world satisfies, to a package other than `owner`.
  std::string satisfied_atom(const System& system, bool old_side, const std::string& owner) {
    for (int tries = 0; tries < 50; ++tries) {
      const auto& target = side_of(system.changes[pick(system.changes.size())], old_side);
      if (!target || target->name == owner || target->arch != "amd64") continue;
      switch (pick(4)) {
        case 0:
          return target->name;
        case 1:
          return target->name + (old_side ? " (<< 2)" : " (>= 2)");
        case 2:
          if (target->fields.starts_with("Provides: virtual-" + target->name + " (")) {
            return "virtual-" + target->name + (old_side ? " (= 1)" : " (>= 2)");
          }
          if (target->fields.starts_with("Provides: virtual-" + target->name + ", common"))
            return "common";
          [[fallthrough]];
        default:
          return target->name + " (= " + target->version + ")";
      }
    }
    return "outside";
  }

  std::string any_atom(const System& system) {
    const auto& name = system.changes[pick(system.changes.size())].any().name;
    const char* forms[] = {" (= 1.0)", " (= 2.0)", " (>= 2)", " (<< 2)"};
    return name + forms[pick(4)];
  }

  // Something that is not in the given world: the other side of a package.
  std::string absent_atom(const System& system, bool old_side, const std::string& owner) {
    const auto& other = system.changes[pick(system.changes.size())].any().name;
    if (other == owner || other == "same") return {};
    return other + (old_side ? " (>= 2)" : " (<< 2)");
  }

  void relate(const System& system, std::optional<Package>& owner, bool old_side) {
    if (!owner) return;
    std::string fields = owner->fields;
    if (pick(2) == 0) {
      fields += std::string(pick(4) == 0 ? "Pre-" : "") + "Depends: ";
      fields += satisfied_atom(system, old_side, owner->name);
      if (pick(2) == 0) fields += " | " + any_atom(system);
      if (pick(3) == 0) fields += ", " + satisfied_atom(system, old_side, owner->name);
      fields += "\n";
    }
    if (pick(3) == 0) {
      const auto atom = absent_atom(system, old_side, owner->name);
      if (!atom.empty()) fields += (pick(2) == 0 ? "Breaks: " : "Conflicts: ") + atom + "\n";
    }
    owner->fields = fields;
  }

  std::mt19937_64 random_;
};

std::vector<Step> declare(AptRoot& root, const System& system) {
  std::vector<Step> steps;
  for (const auto& package : system.outside) root.installed(package);
  for (const auto& change : system.changes) {
    if (change.old_side) root.installed(*change.old_side);
    if (change.new_side) root.available(*change.new_side);
    const auto slot = change.any().slot();
    steps.push_back(!change.old_side   ? install(slot)
                    : !change.new_side ? removal(slot)
                                       : upgrade(slot));
  }
  return steps;
}

unsigned kept_mask(const Plan& plan, const std::vector<std::uint32_t>& failed) {
  unsigned mask = 0;
  for (const auto& member : least_kept_set(plan, failed).members) mask |= 1U << member.step;
  return mask;
}

std::string describe(const System& system, unsigned kept) {
  std::string text;
  for (const auto& package : system.world(kept)) {
    text += package.slot() + " " + package.version + "\n" + package.fields;
  }
  return text;
}

int bits(unsigned mask) {
  return std::popcount(mask);
}

void check_one(std::uint64_t seed) {
  Generator generator(seed);
  const auto system = generator.make();
  AptRoot root;
  const auto steps = declare(root, system);
  root.write();
  const unsigned everything = (1U << system.changes.size()) - 1;
  // The generator makes both ends consistent; where it does not, the case would prove nothing.
  ASSERT_TRUE(root.apt_accepts(system.world(everything))) << describe(system, everything);
  ASSERT_TRUE(root.apt_accepts(system.world(0))) << describe(system, 0);
  const auto failed = static_cast<std::uint32_t>(generator.pick(system.changes.size()));
  const auto plan = plan_in(root, steps);
  const unsigned kept = kept_mask(plan, {failed});
  EXPECT_TRUE(root.apt_accepts(system.world(kept))) << describe(system, kept);
  for (unsigned other = 0; other <= everything; ++other) {
    if ((other >> failed & 1U) == 0 || bits(other) >= bits(kept)) continue;
    EXPECT_FALSE(root.apt_accepts(system.world(other))) << "smaller than " << bits(kept) << ":\n"
                                                        << describe(system, other);
  }
}

TEST(Worlds, AptAcceptsTheKeptSetAndNothingSmaller) {
  const int count = std::getenv("APTKEEP_SOAK") != nullptr ? 1000 : 25;
  for (int i = 0; i < count; ++i) {
    SCOPED_TRACE("world " + std::to_string(i));
    check_one(toy::seed_of_run() + static_cast<std::uint64_t>(i));
    if (::testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace aptkeep::test
