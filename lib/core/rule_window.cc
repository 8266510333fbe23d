#include "core/rule_window.h"

#include <algorithm>
#include <map>

#include "core/rule_text.h"

namespace aptkeep {
namespace {

// Neither side of a window that is left open is asked about an absent version.
bool all_hold(const std::vector<Relation>& relations, std::string_view version,
              const CompareVersions& compare) {
  return std::all_of(relations.begin(), relations.end(), [&](const Relation& relation) {
    return !version.empty() && holds(relation, version, compare);
  });
}

// Versions form a dense order without ends ("1~" is before "1", "1.0" after it, and between any two
// there is one more), so that intervals tell all.
struct Interval {
  const std::string* low = nullptr;  // nullptr: no end
  bool low_is_in = false;
  const std::string* high = nullptr;
  bool high_is_in = false;
};

void cut_below(Interval& interval, const Relation& relation, const CompareVersions& compare) {
  const bool is_in = relation.op != RelationOp::Greater;
  const int order = interval.low == nullptr ? 1 : compare(relation.version, *interval.low);
  if (order > 0 || (order == 0 && !is_in)) {
    interval.low = &relation.version;
    interval.low_is_in = is_in;
  }
}

void cut_above(Interval& interval, const Relation& relation, const CompareVersions& compare) {
  const bool is_in = relation.op != RelationOp::Less;
  const int order = interval.high == nullptr ? -1 : compare(relation.version, *interval.high);
  if (order < 0 || (order == 0 && !is_in)) {
    interval.high = &relation.version;
    interval.high_is_in = is_in;
  }
}

Interval interval_of(const std::vector<Relation>& relations, const CompareVersions& compare) {
  Interval interval;
  for (const auto& relation : relations) {
    const bool less = relation.op == RelationOp::Less || relation.op == RelationOp::LessEqual;
    const bool more = relation.op == RelationOp::Greater || relation.op == RelationOp::GreaterEqual;
    if (!less) cut_below(interval, relation, compare);
    if (!more) cut_above(interval, relation, compare);
  }
  return interval;
}

bool is_empty(const Interval& interval, const CompareVersions& compare) {
  if (interval.low == nullptr || interval.high == nullptr) return false;
  const int order = compare(*interval.low, *interval.high);
  return order > 0 || (order == 0 && !(interval.low_is_in && interval.high_is_in));
}

// Whether a version of the first is older than one of the second; neither is empty.
bool goes_up(const Interval& from, const Interval& to, const CompareVersions& compare) {
  return from.low == nullptr || to.high == nullptr || compare(*from.low, *to.high) < 0;
}

std::string listed(const std::vector<Relation>& relations) {
  std::string text;
  for (const auto& relation : relations) text += (text.empty() ? "" : ", ") + to_string(relation);
  return text.empty() ? "any version" : text;
}

}  // namespace

bool holds(const Relation& relation, std::string_view version, const CompareVersions& compare) {
  const int order = compare(version, relation.version);
  switch (relation.op) {
    case RelationOp::Less:
      return order < 0;
    case RelationOp::LessEqual:
      return order <= 0;
    case RelationOp::Equal:
      return order == 0;
    case RelationOp::GreaterEqual:
      return order >= 0;
    case RelationOp::Greater:
      return order > 0;
  }
  return false;
}

bool crosses_window(const Rule& rule, std::string_view from, std::string_view to,
                    const CompareVersions& compare) {
  const auto& low = rule.upgrade_from;
  const auto& high = rule.upgrade_to;
  if (low.empty() && high.empty()) return true;
  const bool both = !from.empty() && !to.empty();
  const bool crosses = all_hold(low, from, compare) && all_hold(high, to, compare);
  if (!both) return crosses;
  if (!rule.both_ways) return crosses && compare(from, to) <= 0;
  return crosses || (all_hold(low, to, compare) && all_hold(high, from, compare));
}

std::string window_fault(const Rule& rule, const CompareVersions& compare) {
  const auto from = interval_of(rule.upgrade_from, compare);
  const auto to = interval_of(rule.upgrade_to, compare);
  if (is_empty(from, compare)) return "Upgrade-From: no version is " + listed(rule.upgrade_from);
  if (is_empty(to, compare)) return "Upgrade-To: no version is " + listed(rule.upgrade_to);
  if (goes_up(from, to, compare)) return {};
  const bool down = goes_up(to, from, compare);
  if (rule.both_ways && down) return {};
  return "Upgrade-To: no upgrade goes from " + listed(rule.upgrade_from) + " to " +
         listed(rule.upgrade_to) + (down ? ", only a downgrade (Both-Ways: yes)" : "");
}

std::string condition_fault(const Rule& rule, const CompareVersions& compare) {
  std::map<std::string, std::vector<Relation>> wanted;
  for (const InstalledCondition& condition : rule.when_installed) {
    if (condition.version) wanted[condition.package].push_back(*condition.version);
  }
  for (const auto& [package, relations] : wanted) {
    if (is_empty(interval_of(relations, compare), compare))
      return "When-Installed: no version of " + package + " is " + listed(relations);
  }
  return {};
}

}  // namespace aptkeep
