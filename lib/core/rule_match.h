// Which rules apply to a step, and what they decide together. Pure: versions are compared by a
// function that is passed in, since the comparison is libapt-pkg's.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/plan.h"
#include "core/rule.h"

namespace aptkeep {

// Less than, equal to, or greater than 0, as the first is older, equal or newer (deb-version(7)).
using CompareVersions = std::function<int(std::string_view, std::string_view)>;

struct RuleFacts {
  CompareVersions compare;
  // The version of a package before the run, by its name without an architecture; empty: it is not
  // installed. Of several architectures any.
  std::function<std::string(std::string_view)> installed;
};

// One value that was decided: by which rule, and which other rules that apply said something else
// (latest first). The pointers are into the rules that were passed in.
template <typename T>
struct Decided {
  T value{};
  const Rule* by = nullptr;
  std::vector<const Rule*> beaten;
};

// The entries of a list field, each with its rule; `dropped`: rules whose entries a later "none"
// took away, the last of these in `dropped_by`.
template <typename T>
struct DecidedList {
  struct Entry {
    T value;
    const Rule* by;
  };
  std::vector<Entry> entries;
  std::vector<const Rule*> dropped;
  const Rule* dropped_by = nullptr;
};

struct StepDecisions {
  std::vector<const Rule*> applying;  // all that apply, in order
  DecidedList<std::string> services;
  DecidedList<std::string> reload;
  std::optional<Decided<ServiceClass>> service_class;
  std::optional<Decided<SocketMode>> sockets;
  DecidedList<std::string> together;
  DecidedList<GuardCall> guards;
  // By rules that list no guards and no backups, and so are about all; what holds of each guard and
  // backup is if_unmet_decided() (core/if_unmet.h).
  std::optional<Decided<IfUnmet>> if_unmet;
  DecidedList<RuleCommand> check_config;
  DecidedList<RuleCommand> probe;
  DecidedList<RuleCommand> idle;
  DecidedList<RuleCommand> before;
  DecidedList<RuleCommand> after;
  DecidedList<RuleCommand> backup;
  DecidedList<std::string> save;
  std::optional<Decided<OnFailure>> on_failure;
  std::optional<Decided<bool>> never_back;
  std::optional<Decided<std::string>> repair;
};

// One that any field may be about: a package "x" that is replaced by a newer version.
Step step_x();

// Whether the rule is about this step: name, architecture, versions, what is installed. A rule with
// a window of versions is never about a step that lacks that side (new installs, removals).
//
// A window that is crossed from the version that was last configured only (Step::config_version)
// counts too, as the data are that version's; but not for guards, Before and Backup. These were
// there before the version in between was unpacked, and the one that mends it must not be kept
// since a service that cannot run has no backup.
bool applies(const Rule& rule, const Step& step, const RuleFacts& facts);

StepDecisions decide(const std::vector<Rule>& rules, const Step& step, const RuleFacts& facts);

// Rules by the packages that they name, so that a plan of thousands of steps does not try every
// rule on every step. Keeps pointers into `rules`, which must outlive it and not change.
class RuleIndex {
 public:
  explicit RuleIndex(const std::vector<Rule>& rules);
  // As decide() over all rules.
  StepDecisions decide(const Step& step, const RuleFacts& facts) const;

 private:
  const std::vector<Rule>* rules_;
  std::vector<std::pair<std::string, std::uint32_t>> by_name_;  // sorted; plain names
  std::vector<std::uint32_t> patterns_;                         // rules that name a pattern
};

// Why no upgrade can cross the rule's window; empty: one can. ">= 3, << 2" holds for no version;
// from ">= 3" to "<< 2" goes no upgrade (but a downgrade: `Both-Ways: yes`).
std::string window_fault(const Rule& rule, const CompareVersions& compare);

bool holds(const Relation& relation, std::string_view version, const CompareVersions& compare);

}  // namespace aptkeep
