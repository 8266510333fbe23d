#include "toy_world.h"

#include <algorithm>

namespace toy {
namespace {

using aptkeep::ClauseKind;

bool compares(Op op, int have, int want) {
  switch (op) {
    case Op::Any:
      return true;
    case Op::Less:
      return have < want;
    case Op::AtMost:
      return have <= want;
    case Op::Exactly:
      return have == want;
    case Op::AtLeast:
      return have >= want;
    case Op::More:
      return have > want;
  }
  return false;
}

const char* sign(Op op) {
  static constexpr const char* kSigns[] = {"", "<<", "<=", "=", ">=", ">>"};
  return kSigns[static_cast<int>(op)];
}

bool is_negative(ClauseKind kind) {
  return kind == ClauseKind::Breaks || kind == ClauseKind::Conflicts;
}

using Installed = std::vector<const Version*>;  // by package; null: absent

Installed installed_with(const World& world, const std::vector<bool>& kept) {
  Installed installed;
  for (std::size_t i = 0; i < world.packages.size(); ++i) {
    const Package& package = world.packages[i];
    const auto& version = package.outside || kept[i] ? package.before : package.after;
    installed.push_back(version ? &*version : nullptr);
  }
  return installed;
}

// A violation whose words are made only if somebody asks.
struct Found {
  std::size_t package;
  ClauseKind kind;
  const Relation* relation;  // null: lockstep
  std::ptrdiff_t hit;
  int version;  // of the package

  Violation told(const World& world) const {
    return {package, kind,
            relation != nullptr
                ? to_string(*relation)
                : lockstep_relation(world.packages[static_cast<std::size_t>(hit)], version),
            hit};
  }
};

// visit(found) says whether to go on.
template <typename Visit>
bool judge_relation(const World& world, const Installed& installed, std::size_t owner,
                    const Relation& relation, const Visit& visit) {
  const bool negative = is_negative(relation.kind);
  for (std::size_t i = 0; i < installed.size(); ++i) {
    if (installed[i] == nullptr || (negative && i == owner)) continue;
    const bool match = std::ranges::any_of(relation.any_of, [&](const Target& target) {
      return matches(world.packages[owner], relation.kind, target, world.packages[i],
                     *installed[i]);
    });
    if (!match) continue;
    if (!negative) return true;
    if (!visit(Found{owner, relation.kind, &relation, static_cast<std::ptrdiff_t>(i), 0})) {
      return false;
    }
  }
  return negative || visit(Found{owner, relation.kind, &relation, -1, 0});
}

template <typename Visit>
bool judge_siblings(const World& world, const Installed& installed, std::size_t owner,
                    const Visit& visit) {
  const Package& package = world.packages[owner];
  if (!package.same) return true;
  for (std::size_t i = 0; i < installed.size(); ++i) {
    const Package& other = world.packages[i];
    if (i == owner || installed[i] == nullptr || !other.same) continue;
    const int version = installed[owner]->number;
    if (other.name != package.name || installed[i]->number == version) continue;
    const auto hit = static_cast<std::ptrdiff_t>(i);
    if (!visit(Found{owner, ClauseKind::Lockstep, nullptr, hit, version})) return false;
  }
  return true;
}

template <typename Visit>
void judge(const World& world, const std::vector<bool>& kept, const Visit& visit) {
  const Installed installed = installed_with(world, kept);
  for (std::size_t i = 0; i < installed.size(); ++i) {
    if (installed[i] == nullptr) continue;
    for (const Relation& relation : installed[i]->relations) {
      if (!judge_relation(world, installed, i, relation, visit)) return;
    }
    if (!judge_siblings(world, installed, i, visit)) return;
  }
}

}  // namespace

std::size_t World::in_run() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(packages, [](const Package& package) { return !package.outside; }));
}

std::string to_string(const Relation& relation) {
  std::string text;
  for (const Target& target : relation.any_of) {
    if (!text.empty()) text += " | ";
    text += target.name;
    if (target.op == Op::Any) continue;
    text += std::string(" (") + sign(target.op) + " " + std::to_string(target.version) + ")";
  }
  return text;
}

std::string lockstep_relation(const Package& sibling, int version) {
  return sibling.full_name() + " (= " + std::to_string(version) + ")";
}

bool matches(const Package& owner, ClauseKind kind, const Target& target, const Package& package,
             const Version& version) {
  // A dependency is met by a package of one's own architecture or a foreign one; what is forbidden
  // is so in every architecture.
  if (!is_negative(kind) && package.arch != owner.arch && !package.foreign) return false;
  if (package.name == target.name && compares(target.op, version.number, target.version)) {
    return true;
  }
  return std::ranges::any_of(version.provides, [&](const Provide& provide) {
    if (provide.name != target.name) return false;
    if (target.op == Op::Any) return true;
    return provide.version != 0 && compares(target.op, provide.version, target.version);
  });
}

std::vector<Violation> violations(const World& world, const std::vector<bool>& kept) {
  std::vector<Violation> told;
  judge(world, kept, [&](const Found& found) {
    told.push_back(found.told(world));
    return true;
  });
  return told;
}

Judge::Judge(const World& world)
    : world_(world), before_(violations(world, std::vector<bool>(world.packages.size(), true))) {}

bool Judge::forgiven(const Violation& violation, const std::vector<bool>& kept) const {
  const bool old = world_.packages[violation.package].outside || kept[violation.package];
  return std::ranges::any_of(before_, [&](const Violation& known) {
    return known.package == violation.package && known.kind == violation.kind &&
           known.relation == violation.relation && (!old || known.hit == violation.hit);
  });
}

std::vector<Violation> Judge::complaints(const std::vector<bool>& kept) const {
  auto told = violations(world_, kept);
  std::erase_if(told, [&](const Violation& violation) { return forgiven(violation, kept); });
  return told;
}

bool Judge::consistent(const std::vector<bool>& kept) const {
  bool clean = true;
  judge(world_, kept, [&](const Found& found) {
    clean = !before_.empty() && forgiven(found.told(world_), kept);
    return clean;
  });
  return clean;
}

std::string describe(const World& world) {
  std::string text;
  const auto side = [&](const char* name, const std::optional<Version>& version) {
    if (!version) return;
    text += std::string("  ") + name + " " + std::to_string(version->number);
    for (const Relation& relation : version->relations) {
      text += std::string("; ") + aptkeep::to_string(relation.kind) + " " + to_string(relation);
    }
    for (const Provide& provide : version->provides) {
      text += "; provides " + provide.name + " " + std::to_string(provide.version);
    }
    text += "\n";
  };
  for (const Package& package : world.packages) {
    text += package.full_name() + (package.outside ? " outside" : "") +
            (package.same ? " same" : "") + (package.foreign ? " foreign" : "") + " trust " +
            std::to_string(package.trust) + "\n";
    side("before", package.before);
    side("after", package.after);
  }
  return text;
}

}  // namespace toy
