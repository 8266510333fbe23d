// aptkeep explain PKG|UNIT: the whole story of one package, and the rules about it.
#include <iostream>

#include "command.h"
#include "explain_rules.h"
#include "keeps.h"
#include "known_rules.h"
#include "text.h"

namespace aptkeep::cli {
namespace {

constexpr unsigned kRunsBack = 50;

void tell_kept(const Kept& kept, const aptkeep_keep& keep) {
  if (keep.security != 0) {
    std::cout << loud("SECURITY: " + kept.name(keep) + " " + keep.version + " is a security update")
              << "\n";
  }
  std::cout << headline(kept, keep) << "\n";
  if (keep.failed == 0) {
    for (const std::string& reason : reasons(keep)) {
      std::cout << "  because: " << reason << "\n";
    }
    std::cout << shortcomings(kept, keep, "  ");
  }
  const aptkeep_keep* root = root_of(kept, keep);
  if (root == nullptr) {
    std::cout << "  what it waited for is no longer kept: the next upgrade takes it along\n";
    return;
  }
  if (keep.failed == 0) {
    std::cout << headline(kept, *root) << "\n";
  }
  std::cout << story(*root, kAllLines);
  if (root->on_request == 0 && *root->message != '\0') {
    std::cout << "  dpkg: " << harmless(root->message) << "\n";
  }
  std::cout << shortcomings(kept, *root, "  ") << "  kept since " << when(keep.since)
            << "; see also: aptkeep report " << keep.run << "\n"
            << advice(kept, *root) << "        or " << as_root() << "aptkeep release "
            << kept.name(*root) << ", so that the next upgrade tries it again\n";
  for (const aptkeep_keep& other : kept.waiting_for(keep)) {
    std::cout << "  waits for it: " << kept.name(other) << "\n";
  }
}

// What the run that kept it began with.
std::map<std::string, std::string> versions_before(const Kept& kept, std::int64_t run) {
  std::map<std::string, std::string> versions;
  const auto report = kept.reports.find(run);
  if (report == kept.reports.end() || !report->second) return versions;
  for (const aptkeep_step& step : steps(report->second)) {
    const std::string package = step.package;
    versions.emplace(package.substr(0, package.find(':')), step.old_version);
  }
  return versions;
}

// What the last run that named the package did to it; false if there is none.
bool tell_history(const Kept& kept, const std::string& package) {
  for (const aptkeep_run& run : all(read_runs(kept.state, kRunsBack))) {
    const ReportHandle report = read_report(kept.state, run.id);
    bool found = false;
    for (const aptkeep_step& step : steps(report)) {
      if (means(package, step.package)) {
        std::cout << name_of(step.package, kept.native_arch) << ": not kept. Run " << run.id << " ("
                  << when(run.begun) << "): " << word_of_action(step.action) << " "
                  << step.old_version << (*step.old_version != '\0' ? " -> " : "")
                  << (*step.new_version != '\0' ? step.new_version : "removed") << ": "
                  << word_of_outcome(step.outcome) << (step.rolled_back != 0 ? ", put back" : "")
                  << "\n";
        for (std::size_t i = 0; i < step.remains_count; ++i) {
          std::cout << "  not as it was: " << harmless(step.remains[i]) << "\n";
        }
        found = true;
      }
    }
    if (found) {
      return true;
    }
  }
  return false;
}

}  // namespace

int explain(const std::string& state, const std::vector<std::string>& folders,
            const std::string& about) {
  const Kept kept = read_kept(state, APTKEEP_READ);
  const auto found = kept.named(about);
  std::vector<Considered> tried;
  for (const aptkeep_keep& keep : found) {
    tell_kept(kept, keep);
    tried.push_back(
        {keep.package, keep.old_version, keep.version, versions_before(kept, keep.run)});
  }
  const bool recorded = !found.empty() || (kept.state && tell_history(kept, about));
  const Rules rules = rules_to_tell(folders);
  if (!tell_rules(about, tried, rules, recorded) && !recorded) {
    throw Failed("unable to explain " + harmless(about) + ": nothing is recorded of it, and " +
                 no_rule_names_it(rules));
  }
  return kAllWell;
}

}  // namespace aptkeep::cli
