#include "core/island.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <set>
#include <utility>

#include "core/package_pattern.h"
#include "core/unit.h"

namespace aptkeep {
namespace {

using List = std::vector<std::string> Island::*;
constexpr std::array<std::pair<const char*, List>, 7> kLists = {{{"unit", &Island::units},
                                                                 {"together", &Island::together},
                                                                 {"park", &Island::parked},
                                                                 {"backup", &Island::backup},
                                                                 {"before", &Island::before},
                                                                 {"after", &Island::after},
                                                                 {"check", &Island::checks}}};
constexpr const char* kWhy = "why";

class Grouping {
 public:
  Grouping(const Plan& plan, std::span<const std::uint32_t> call)
      : plan_(plan), call_(call), in_call_(plan.steps.size(), false) {
    for (const std::uint32_t step : call) in_call_[step] = true;
  }

  // With these, what must not be unpacked before them.
  std::set<std::uint32_t> closure(std::set<std::uint32_t> group) const {
    for (bool grows = true; grows;) {
      grows = false;
      for (const Clause& clause : plan_.clauses) {
        const std::int32_t joins = who_joins(clause, group);
        if (joins >= 0) grows = group.insert(static_cast<std::uint32_t>(joins)).second || grows;
      }
    }
    return group;
  }

 private:
  bool is_free(std::uint32_t step, const std::set<std::uint32_t>& group) const {
    return in_call_[step] && !group.contains(step);
  }

  std::int32_t who_joins(const Clause& clause, const std::set<std::uint32_t>& group) const {
    if (clause.owner_step < 0 || clause.any_of.empty()) return -1;
    const auto owner = static_cast<std::uint32_t>(clause.owner_step);
    const bool needs_group = std::ranges::all_of(clause.any_of, [&](const Literal& literal) {
      return literal.side == Side::New && group.contains(literal.step);
    });
    // Its new version can only be there beside the group's.
    if (clause.owner_side == Side::New && needs_group && is_free(owner, group))
      return clause.owner_step;
    // The group's old version can only be there beside that one's.
    const Literal& only = clause.any_of.front();
    const bool tied = clause.owner_side == Side::Old && clause.any_of.size() == 1 &&
                      only.side == Side::Old && group.contains(owner);
    return tied && is_free(only.step, group) ? static_cast<std::int32_t>(only.step) : -1;
  }

  const Plan& plan_;
  std::span<const std::uint32_t> call_;
  std::vector<bool> in_call_;
};

bool names_any(const std::vector<std::string>& patterns, const Island& other) {
  return std::ranges::any_of(patterns, [&](const std::string& pattern) {
    return std::ranges::any_of(other.units, [&](const std::string& unit) {
      return is_unit_of(unit, pattern) || is_unit_of(pattern, unit);
    });
  });
}

// One that names the other's units in Together, or has the same ones: these go down once.
bool have_units_in_common(const Island& one, const Island& other) {
  return names_any(one.units, other) || names_any(one.together, other) ||
         names_any(other.together, one);
}

bool belong_together(const Plan& plan, const std::set<std::uint32_t>& one,
                     const std::set<std::uint32_t>& other) {
  for (const std::uint32_t a : one) {
    if (other.contains(a)) return true;
    for (const std::uint32_t b : other) {
      const auto& first = plan.steps[a].island;
      const auto& second = plan.steps[b].island;
      if (first && second && have_units_in_common(*first, *second)) return true;
    }
  }
  return false;
}

}  // namespace

std::vector<std::string> island_lines(const Island& island) {
  std::vector<std::string> lines;
  for (const auto& [word, list] : kLists) {
    for (const std::string& entry : island.*list) lines.push_back(std::string(word) + " " + entry);
  }
  lines.push_back(std::string(kWhy) + " " + island.why);
  return lines;
}

std::optional<Island> island_from(const std::vector<std::string>& lines) {
  if (lines.empty()) return std::nullopt;
  Island island;
  for (const std::string& line : lines) {
    const auto blank = std::min(line.find(' '), line.size());
    const std::string word = line.substr(0, blank);
    const std::string rest = line.substr(std::min(blank + 1, line.size()));
    if (word == kWhy) island.why = rest;
    for (const auto& [name, list] : kLists) {
      if (word == name) (island.*list).push_back(rest);
    }
  }
  return island;
}

std::vector<std::uint32_t> needed_by(const Plan& plan, std::set<std::uint32_t> steps,
                                     std::span<const std::uint32_t> among) {
  std::vector<bool> may_join(plan.steps.size(), false);
  for (const std::uint32_t step : among) may_join[step] = !steps.contains(step);
  std::set<std::uint32_t> needed;
  for (bool grows = true; grows;) {
    grows = false;
    for (const Clause& clause : plan.clauses) {
      const bool counts = clause.owner_step >= 0 && clause.owner_side == Side::New &&
                          steps.contains(static_cast<std::uint32_t>(clause.owner_step));
      if (!counts) continue;
      for (const Literal& literal : clause.any_of) {
        if (literal.side != Side::New || !may_join[literal.step]) continue;
        grows = steps.insert(literal.step).second || grows;
        needed.insert(literal.step);
      }
    }
  }
  std::vector<std::uint32_t> ordered;
  std::ranges::copy_if(among, std::back_inserter(ordered),
                       [&](std::uint32_t step) { return needed.contains(step); });
  return ordered;
}

bool is_unit_of(const std::string& unit, const std::string& pattern) {
  return is_instance_or_same(unit, pattern) || glob_matches(pattern, unit);
}

std::set<std::string> units_meant(const std::vector<std::string>& patterns,
                                  const std::set<std::string>& known) {
  std::set<std::string> meant;
  for (const std::string& pattern : patterns) {
    const bool is_name = pattern.find_first_of("*?[") == std::string::npos &&
                         pattern.find("@.") == std::string::npos;
    if (is_name) meant.insert(pattern);
    std::ranges::copy_if(known, std::inserter(meant, meant.end()),
                         [&](const std::string& unit) { return is_unit_of(unit, pattern); });
  }
  return meant;
}

std::vector<std::vector<std::uint32_t>> island_groups(const Plan& plan,
                                                      std::span<const std::uint32_t> call) {
  const Grouping grouping(plan, call);
  std::vector<std::set<std::uint32_t>> groups;
  for (const std::uint32_t step : call) {
    if (!plan.steps[step].island) continue;
    std::set<std::uint32_t> group = grouping.closure({step});
    // What it joins may join two that were apart.
    for (std::size_t i = 0; i < groups.size();) {
      if (!belong_together(plan, groups[i], group)) {
        ++i;
        continue;
      }
      group.merge(groups[i]);
      group = grouping.closure(std::move(group));
      groups.erase(groups.begin() + static_cast<long>(i));
      i = 0;
    }
    groups.push_back(std::move(group));
  }
  std::vector<std::vector<std::uint32_t>> ordered;
  for (const auto& group : groups) {
    std::vector<std::uint32_t>& steps = ordered.emplace_back();
    std::ranges::copy_if(call, std::back_inserter(steps),
                         [&](std::uint32_t step) { return group.contains(step); });
  }
  return ordered;
}

}  // namespace aptkeep
